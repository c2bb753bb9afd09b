// What `score` takes: the settings of the verb, with triplets in memory as well. Knows none of what they mean.
import { checkOptions } from '../options/check.ts';
import type { Entry, Problem } from '../options/check.ts';
import { bothWays } from '../options/resume.ts';
import { defaultsOf } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import { scoreTable } from '../options/verbs/answering.ts';

/** Without data there are triplets in memory. */
export type ScoreSettings = Omit<SettingsOf<typeof scoreTable>, 'data'> & { readonly data?: string };

export type GivenScore = Partial<ScoreSettings> & Pick<ScoreSettings, 'model'>;

export const scoreEntry: Entry<typeof scoreTable> = {
  table: scoreTable,
  others: {
    triplets: 'list',
    signal: 'object',
    onProgress: 'function',
    onNote: 'function',
    openEngine: 'function',
  },
  required: (given) => ('triplets' in given ? ['model'] : ['data', 'model']),
  together: (given) => [...bothWays(given, 'rows'), ...twoSources(given)],
};

/** All settings, defaults among them. Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong. */
export const resolveScore = (options: object): ScoreSettings => ({
  ...defaultsOf(scoreTable),
  ...(checkOptions(scoreEntry, options) as GivenScore),
});

const twoSources = (given: object): Problem[] =>
  'triplets' in given && 'data' in given
    ? [{ keys: ['triplets', 'data'], message: 'triplets are scored from memory or from a file, not both' }]
    : [];
