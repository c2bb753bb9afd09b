// What can be set about judges, checked before one is opened. Each kind of judge takes what concerns it. Knows no command
// line.
import { compute } from '../options/tables/compute.ts';
import type { OpenEngine } from '../engine/engine.ts';
import type { Note } from '../words/note.ts';
import type { OpenJudgePage } from './person/page.ts';
import { needsPrices } from '../openai/budget.ts';
import { checkOptions } from '../options/check.ts';
import type { Entry, OtherKind, Problem } from '../options/check.ts';
import { defaultsOf, without } from '../options/table.ts';
import type { DefaultsOf, SettingsOf } from '../options/table.ts';
import { evaluateTable } from '../options/verbs/evaluating.ts';
import { judgeTable as verbTable, judgingTable } from '../options/verbs/judging.ts';

/** Settings that stand in the tables with "judge" before their name, since there they are among others. */
const prefixed = [
  'judge_prompt',
  'judge_temperature',
  'judge_max_tokens',
  'judge_body',
  'judge_timeout',
  'judge_retries',
  'judge_cache',
] as const;

const bodies = {
  extra_body: { kind: 'map', default: {}, help: 'further fields of a chat request; null takes one out' },
  body_timeout: {
    kind: 'number',
    default: 60,
    above: 0,
    max: 300,
    help: "seconds for the rest of a server's answer, once it has begun",
  },
} as const;

type JudgeTable = Omit<typeof judgingTable, (typeof prefixed)[number]> &
  typeof bodies &
  typeof compute &
  Pick<typeof verbTable, 'seed'> & {
    readonly prompt: (typeof judgingTable)['judge_prompt'];
    readonly temperature: (typeof judgingTable)['judge_temperature'];
    readonly max_tokens: (typeof judgingTable)['judge_max_tokens'];
    readonly timeout: (typeof judgingTable)['judge_timeout'];
    readonly retries: (typeof judgingTable)['judge_retries'];
    readonly cache: (typeof judgingTable)['judge_cache'];
  };

const table: JudgeTable = {
  ...without(judgingTable, prefixed),
  ...bodies,
  prompt: judgingTable.judge_prompt,
  temperature: judgingTable.judge_temperature,
  max_tokens: judgingTable.judge_max_tokens,
  timeout: judgingTable.judge_timeout,
  retries: judgingTable.judge_retries,
  cache: judgingTable.judge_cache,
  ...compute,
  seed: verbTable.seed,
};

export interface JudgeSettings extends Omit<SettingsOf<JudgeTable>, 'judge'> {
  /** Where keys come from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How a local judge model is opened; the ONNX engine if left out. */
  readonly openEngine?: OpenEngine;
  /** How the page is opened that "person:" asks people in; without it they are asked in files alone. */
  readonly openPage?: OpenJudgePage;
  /** Where a command runs; default the present folder. */
  readonly cwd?: string;
  /** Hears in a sentence what a person should know: a wait for a limit, a retry, a repaired file. */
  readonly onNote: (note: Note) => void;
}

const defaults: DefaultsOf<JudgeTable> = defaultsOf(table);

export const defaultJudgeSettings: JudgeSettings = { ...defaults, env: process.env, onNote: () => {} };

/** Whether a judge is shown both responses, or each by itself. */
export type CompareMode = SettingsOf<typeof evaluateTable>['compareBy'];

type ComparerTable = JudgeTable & { readonly mode: (typeof evaluateTable)['compare_by'] };

const others: Readonly<Record<string, OtherKind>> = {
  env: 'object',
  openEngine: 'function',
  openPage: 'function',
  cwd: 'text',
  onNote: 'function',
};

const judgeEntry: Entry<JudgeTable> = { table, others, required: () => ['judge'], together: unpriced };
const comparerEntry: Entry<ComparerTable> = {
  ...judgeEntry,
  table: { ...table, mode: evaluateTable.compare_by },
};

/** All settings of a judge, or of a comparer where there is a `mode`. Throws WhetstoneError `INVALID_OPTIONS`. */
export function resolveJudgeSettings(
  judge: string,
  given: Partial<JudgeSettings>,
  mode?: CompareMode,
): JudgeSettings {
  if (mode === undefined) checkOptions(judgeEntry, { ...given, judge });
  else checkOptions(comparerEntry, { ...given, judge, mode });
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaultJudgeSettings, ...(Object.fromEntries(known) as Partial<JudgeSettings>) };
}

function unpriced(given: Partial<SettingsOf<JudgeTable>>): Problem[] {
  const { budget = null, inputPrice = null, outputPrice = null } = given;
  if (budget === null || (inputPrice !== null && outputPrice !== null)) return [];
  return [{ keys: ['budget', 'inputPrice', 'outputPrice'], message: needsPrices }];
}
