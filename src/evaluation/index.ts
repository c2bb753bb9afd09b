// Measuring models: benchmarks, success rate on graded tasks, detection against known errors, intervals.
export { bootstrapMean, bootstrapRatio, pairedBootstrap } from '../statistics/bootstrap.ts';
export type { BootstrapSettings, Estimate, Outcomes } from '../statistics/bootstrap.ts';
export { detect, detectionFigures, figuresOf, flaggedTokens } from './detection.ts';
export type { DetectionCounts, DetectionFigures, ScoredResponse } from './detection.ts';
export { mean, quantile, standardDeviation } from '../statistics/spread.ts';
export { score } from './score.ts';
export type { ScoreOptions, ScoreRow } from './score.ts';
export { successRate } from './success-rate.ts';
export type { GradedAnswer, SuccessRate } from './success-rate.ts';
export { evaluate } from './evaluate.ts';
export type { EvaluateOptions, Evaluation, EvaluationExtent } from './evaluate.ts';
export { addTask, benchmarksNamed, rankingRow } from './tasks.ts';
export type { OpenedTask, TaskOpening, TaskRow } from './task-row.ts';
export type { EvaluateSettings } from './settings.ts';
export { shotsOf } from './ranking/benchmarks.ts';
export type { Preset } from './ranking/benchmarks.ts';
export type { Benchmark } from './ranking/benchmark.ts';
export { rankingTask } from './ranking/ranking-task.ts';
export type { RankingResult, RankingSettings } from './ranking/ranking-task.ts';
export { evaluateSubjects, evaluationFiles } from './run/evaluate.ts';
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
export { rougeTask } from './rouge/rouge-task.ts';
export type { RougeResult, RougeTaskSettings } from './rouge/rouge-task.ts';
export { readReferences } from './references.ts';
export type { ReferenceFile, ReferenceRow } from './references.ts';
export type { GenerationSettings } from './responses.ts';
export { winRate } from './win-rate/win-rate.ts';
export type { Preference, WinRate } from './win-rate/win-rate.ts';
export { lengthControlledWinRate } from './win-rate/length-control.ts';
export type { LengthControlled, LengthPair, LengthTable } from './win-rate/length-control.ts';
export { readLengthTable } from './win-rate/length-table.ts';
export { rememberComparisons } from './win-rate/remembered.ts';
export { winRateTask } from './win-rate/win-rate-task.ts';
export type { WinRateResult, WinRateSettings } from './win-rate/win-rate-task.ts';
export { heldOutTask } from './held-out/held-out-task.ts';
export type { HeldOutResult, HeldOutSettings } from './held-out/held-out-task.ts';
export { perplexity, perplexityPerResponse } from './held-out/perplexity.ts';
