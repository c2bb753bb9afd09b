// The report of a run from its folder.
export { reportRun, runReport } from './report-run.ts';
export type { RunReportSettings } from './report-run.ts';
