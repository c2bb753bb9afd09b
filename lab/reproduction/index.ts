// The paper's tables and figures on the world, or on a user's model and data, by one call each.
export { reproductionNames } from './names.ts';
export type { ReproductionName } from './names.ts';
export { reproduceEverything } from './everything.ts';
export type { EverythingOptions } from './everything.ts';
export { reproduce } from './reproduce.ts';
export type { ReproduceOptions, Reproduction } from './reproduce.ts';
export type { ScheduleEvent } from './schedule.ts';
export { settingsOf } from './settings.ts';
export type { MethodSettings } from './experiment.ts';
export { fullScale } from './suite.ts';
export type { Scale } from './suite.ts';
export { serveExperiments } from './workers.ts';
export type { WorkerCommand } from './workers.ts';
