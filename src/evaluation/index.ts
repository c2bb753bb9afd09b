// Measuring models: success rate on graded tasks, detection against known errors, intervals.
export { bootstrapMean, bootstrapRatio, pairedBootstrap } from './bootstrap.ts';
export type { BootstrapSettings, Estimate, Outcomes } from './bootstrap.ts';
export { detect, detectionFigures, figuresOf, flaggedTokens } from './detection.ts';
export type { DetectionCounts, DetectionFigures, ScoredResponse } from './detection.ts';
export { mean, quantile, standardDeviation } from './spread.ts';
export { successRate } from './success-rate.ts';
export type { GradedAnswer, SuccessRate } from './success-rate.ts';
