// What `merge` takes. Knows none of what it means.
import { resolve } from 'node:path';
import { checkOptions } from '../options/check.ts';
import type { Entry, Problem } from '../options/check.ts';
import { bothWays } from '../options/resume.ts';
import { defaultsOf } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import { mergeTable } from '../options/verbs/models.ts';

export type MergeSettings = SettingsOf<typeof mergeTable>;

export type GivenMerge = Partial<MergeSettings> & Pick<MergeSettings, 'model' | 'adapter' | 'out'>;

export const mergeEntry: Entry<typeof mergeTable> = {
  table: mergeTable,
  others: { signal: 'object', onProgress: 'function', onNote: 'function', openEngine: 'function' },
  required: () => ['model', 'adapter', 'out'],
  together: (given) => [...bothWays(given, 'weight files'), ...ontoItself(given)],
};

/** All settings, defaults among them. Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong. */
export const resolveMerge = (options: object): MergeSettings => ({
  ...defaultsOf(mergeTable),
  ...(checkOptions(mergeEntry, options) as GivenMerge),
});

const ontoItself = ({ model, out }: Partial<MergeSettings>): Problem[] =>
  model !== undefined && out !== undefined && resolve(model) === resolve(out)
    ? [{ keys: ['out', 'model'], message: 'this would replace the base model' }]
    : [];
