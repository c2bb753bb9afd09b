// The settings of an evaluation, and what a program may bring beside them. Knows none of what they mean.
import { checkOptions } from '../options/check.ts';
import type { Entry } from '../options/check.ts';
import { defaultsOf } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import { evaluateTable } from '../options/verbs/evaluating.ts';

export type EvaluateSettings = SettingsOf<typeof evaluateTable>;

export type GivenSettings = Partial<EvaluateSettings> & Pick<EvaluateSettings, 'model' | 'tasks' | 'out'>;

/** What `evaluate` takes. */
export const evaluateEntry: Entry<typeof evaluateTable> = {
  table: evaluateTable,
  others: {
    signal: 'object',
    onBegin: 'function',
    onProgress: 'function',
    onNote: 'function',
    onDownload: 'function',
    openEngine: 'function',
    env: 'object',
  },
  required: () => ['model', 'tasks', 'out'],
  together: () => [],
};

/** All settings, defaults among them. Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong. */
export const resolveEvaluation = (options: object): EvaluateSettings => ({
  ...defaultsOf(evaluateTable),
  ...(checkOptions(evaluateEntry, options) as GivenSettings),
});
