// The public API of Whetstone.
export { align } from './alignment/align.ts';
export type { AlignOptions, AlignmentRun } from './alignment/align.ts';
export type { AlignmentPlan, RowCounts } from './alignment/plan.ts';
export type { StepRecord } from './alignment/metrics.ts';
export { defaultSettings } from './alignment/settings.ts';
export type { AlignSettings } from './alignment/settings.ts';
export { learningRateAt, scheduleNames } from './alignment/schedule.ts';
export type { Schedule, ScheduleName } from './alignment/schedule.ts';
export * from './engine/index.ts';
export * from './errors.ts';
export * from './judgments/index.ts';
export { mergeAdapter, saveModel } from './models/index.ts';
export type { MergedModel, WriteModelOptions, WrittenModel } from './models/index.ts';
export * from './objectives/index.ts';
export * from './tokens/index.ts';
