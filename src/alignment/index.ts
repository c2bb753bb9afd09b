// A run: training on judged responses, at once or in rounds of the model's own.
export { align } from './align.ts';
export type { AlignOptions, AlignmentRun } from './align.ts';
export type { GivenTriplet } from '../judgments/index.ts';
export { alignOnline } from './online/online.ts';
export type { OnlineOptions, OnlinePlan, OnlineResult, OnlineRun } from './online/online.ts';
export type { Evaluation, OnlineProgress, RoundSummary } from './online/progress.ts';
export type { OnlineSettings } from './online/settings.ts';
export { addMethod, methodNames } from './methods.ts';
export type { Method, MethodName } from './methods.ts';
export type { AlignmentPlan, RowCounts } from './plan.ts';
export type { RevisionRow } from './revisions.ts';
export type { StepRecord } from './metrics.ts';
export { defaultSettings } from './settings.ts';
export type { AlignSettings } from './settings.ts';
export { learningRateAt, scheduleNames } from './schedule.ts';
export type { Schedule, ScheduleName } from './schedule.ts';
