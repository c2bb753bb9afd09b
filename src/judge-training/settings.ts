// The settings of a judge's training: those of an alignment run of method critique, and its own. Knows no files.
import { contradictions, defaultSettings } from '../alignment/settings.ts';
import type { AlignSettings } from '../alignment/settings.ts';
import type { Entry } from '../options/check.ts';
import { camelCase } from '../options/names.ts';
import { defaultsOf, pick, without } from '../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../options/table.ts';
import { trainJudgeTable } from '../options/verbs/training.ts';
import { bothWays } from '../options/resume.ts';

type RunTable = Omit<typeof trainJudgeTable, 'out' | 'resume' | 'overwrite'>;

/** What decides what a judge's training computes; its record has these. */
export const judgeRunTable: RunTable = without(trainJudgeTable, ['out', 'resume', 'overwrite']);
const ownNames = ['held_out', 'yes', 'no', 'max_new_tokens'] as const;
const ownTable = pick(trainJudgeTable, ownNames);

export type JudgeOwnSettings = SettingsOf<Pick<typeof trainJudgeTable, (typeof ownNames)[number]>>;
export type JudgeTrainingSettings = AlignSettings & JudgeOwnSettings;

export const judgeDefaults: DefaultsOf<Pick<typeof trainJudgeTable, (typeof ownNames)[number]>> =
  defaultsOf(ownTable);

/** What `trainJudge` takes. */
export const trainJudgeEntry: Entry<typeof trainJudgeTable> = {
  table: trainJudgeTable,
  others: { signal: 'object', openEngine: 'function' },
  required: ({ resume }) => (resume ? ['out'] : ['data', 'model', 'out']),
  together: (given) => [
    ...contradictions({ ...given, method: 'critique' }, defaultSettings),
    ...bothWays(given),
  ],
};

/** A record of settings in two: what is the judge's own, and what `align` is to be told. */
export function splitSettings<T extends Partial<JudgeTrainingSettings>>(
  all: T,
): { own: Partial<JudgeOwnSettings>; training: Partial<AlignSettings> } {
  const own = new Set<string>(ownNames.map(camelCase));
  const entries = Object.entries(all).filter(([, value]) => value !== undefined);
  return {
    own: Object.fromEntries(entries.filter(([key]) => own.has(key))),
    training: Object.fromEntries(entries.filter(([key]) => !own.has(key))),
  };
}
