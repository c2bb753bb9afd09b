// What `generate` takes: the settings of the verb, with instructions and texts in lists. Knows none of what they mean.
import { checkOptions } from '../options/check.ts';
import type { Entry, Problem } from '../options/check.ts';
import { bothWays } from '../options/resume.ts';
import { defaultsOf, without } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import { generateTable } from '../options/verbs/answering.ts';
import { option } from '../words/option.ts';

type RowsTable = Omit<typeof generateTable, 'instruction' | 'prompt'>;

export type GenerateSettings = SettingsOf<RowsTable>;

export type GivenGenerate = Partial<GenerateSettings> & Pick<GenerateSettings, 'model'>;

export const generateEntry: Entry<RowsTable> = {
  table: without(generateTable, ['instruction', 'prompt']),
  others: {
    instructions: 'list',
    prompts: 'list',
    signal: 'object',
    onProgress: 'function',
    onText: 'function',
    onNote: 'function',
    openEngine: 'function',
  },
  required: () => ['model'],
  together: (given) => [
    ...bothWays(given, 'rows'),
    ...sourceProblems(given, 'instructions', 'prompts'),
    ...inMemory(given),
  ],
};

/** All settings, defaults among them. Throws WhetstoneError `INVALID_OPTIONS` for everything that is wrong. */
export const resolveGenerate = (options: object): GenerateSettings => ({
  ...defaultsOf(generateEntry.table),
  ...(checkOptions(generateEntry, options) as GivenGenerate),
});

/** What is asked comes from one place; the first two have a name of their own in a program and on the command line. */
export function sourceProblems(given: object, instructions: string, prompts: string): Problem[] {
  const names = [instructions, prompts, 'file'];
  const valueOf = new Map<string, unknown>(Object.entries(given));
  const sources = names.filter((name) => valueOf.get(name) != null);
  if (sources.length !== 1) {
    const keys = sources.length === 0 ? names : sources;
    const message = `expected exactly one of ${option(instructions)}, ${option(prompts)} and ${option('file')}`;
    return [{ keys, message }];
  }
  const message = 'a prompt is continued as it stands; a judgment needs an instruction';
  return valueOf.get('judgment') != null && sources[0] === prompts
    ? [{ keys: ['judgment', prompts], message }]
    : [];
}

interface InMemory {
  readonly instructions?: readonly unknown[];
  readonly prompts?: readonly unknown[];
}

function inMemory(given: object): Problem[] {
  const { instructions = [], prompts = [] } = given as InMemory;
  const isText = (value: unknown): boolean => typeof value === 'string';
  const isInstruction = (value: unknown): boolean =>
    isText(value) || isText((value as { instruction?: unknown } | null)?.instruction);
  const wrongAt = (
    key: string,
    values: readonly unknown[],
    good: (value: unknown) => boolean,
    expected: string,
  ) =>
    values.flatMap((value, i) =>
      good(value) ? [] : [{ keys: [key], message: `expected ${expected} at place ${i + 1}` }],
    );
  return [
    ...wrongAt('instructions', instructions, isInstruction, 'a text or { instruction, input? }'),
    ...wrongAt('prompts', prompts, isText, 'a text'),
  ];
}
