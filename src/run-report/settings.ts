// What the report of a run takes, checked. Knows neither runs nor pages.
import { computeOf } from '../engine/open-weights.ts';
import type { ComputeSettings } from '../engine/open-weights.ts';
import { checkOptions } from '../options/check.ts';
import type { Entry } from '../options/check.ts';
import { defaultsOf, without } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import { reportTable } from '../options/verbs/evaluating.ts';

type RunReportTable = Omit<typeof reportTable, 'run'>;
const table: RunReportTable = without(reportTable, ['run']);

export type ReportSettings = SettingsOf<RunReportTable>;

export const reportEntry: Entry<RunReportTable> = {
  table,
  others: { signal: 'object', onNote: 'function', onProgress: 'function', openEngine: 'function' },
  required: () => [],
  together: () => [],
};

export interface ResolvedReport extends Omit<ReportSettings, 'reportSeconds'> {
  /** Null where it was not given, and the run's own holds. */
  readonly reportSeconds: number | null;
  /** What of it was given. */
  readonly compute: ComputeSettings;
}

/** Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong. */
export function resolveReport(options: object): ResolvedReport {
  const given = checkOptions(reportEntry, options) as Partial<ReportSettings>;
  return {
    ...defaultsOf(table),
    ...given,
    reportSeconds: given.reportSeconds ?? null,
    compute: computeOf(given),
  };
}
