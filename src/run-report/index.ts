// The report of a run from its folder.
export { reportRun, runReport } from './report-run.ts';
export type { RunReportSettings } from './report-run.ts';
export { nextLines, nextLinesMerged } from './use-it.ts';
export { readTrained } from './trained.ts';
export type { Trained } from './trained.ts';
export { keySettings } from './key-settings.ts';
export { modelfile, useIt } from './use-it.ts';
export { isUntouched } from './card-file.ts';
