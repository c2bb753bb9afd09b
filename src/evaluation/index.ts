// Measuring models: benchmarks, success rate on graded tasks, detection against known errors, intervals.
export { bootstrapMean, bootstrapRatio, pairedBootstrap } from './bootstrap.ts';
export type { BootstrapSettings, Estimate, Outcomes } from './bootstrap.ts';
export { detect, detectionFigures, figuresOf, flaggedTokens } from './detection.ts';
export type { DetectionCounts, DetectionFigures, ScoredResponse } from './detection.ts';
export { mean, quantile, standardDeviation } from './spread.ts';
export { successRate } from './success-rate.ts';
export type { GradedAnswer, SuccessRate } from './success-rate.ts';
export { benchmarksNamed, presets, shotsOf } from './ranking/benchmarks.ts';
export type { Preset } from './ranking/benchmarks.ts';
export type { Benchmark } from './ranking/benchmark.ts';
export { rankingTask } from './ranking/ranking-task.ts';
export type { RankingResult, RankingSettings } from './ranking/ranking-task.ts';
export { evaluate, evaluationFiles } from './run/evaluate.ts';
export type { EvaluationProgress, EvaluationSettings } from './run/evaluate.ts';
export type { Comparison, ComparisonCell, ComparisonRow } from './run/comparison.ts';
export type { EvaluationItem, EvaluationTask, Figure, MeasureSettings } from './run/task.ts';
export { localSubject } from './subject/local-subject.ts';
export type { LocalSubjectSettings } from './subject/local-subject.ts';
export { serverSubject } from './subject/server-subject.ts';
export type { ServerSubjectSettings } from './subject/server-subject.ts';
export type {
  LikelihoodRequest,
  LikelihoodResult,
  LikelihoodSettings,
  LocalModel,
  Subject,
  SubjectSource,
} from './subject/subject.ts';
export { createPythonRandom } from './python-random/index.ts';
export type { PythonRandom } from './python-random/index.ts';
export { porterStem, rouge, rougeMeans, rougeOfBest, rougeTokens } from './rouge/index.ts';
export type { RougeEstimate, RougeScore, RougeScores, RougeSettings, RougeType } from './rouge/index.ts';
