// What run.yaml says of a run, and every difference between it and what a resumed run would see.
// Knows which settings and circumstances decide the result; it does not know how they were read.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WhetstoneError } from '../errors.ts';
import type { PromptTemplate, TemplateStrings } from '../tokens/index.ts';
import type { Digests } from '../runs/digests.ts';
import { snakeCase } from '../options/names.ts';
import { settingsForRecord, settingsOfRecord } from '../options/record.ts';
import { without } from '../options/table.ts';
import type { RunRecord } from '../runs/claim.ts';
import { foreignSettings } from './methods.ts';
import { resolveSettings, runTable } from './settings.ts';
import type { AlignSettings, GivenSettings } from './settings.ts';
import { option } from '../words/option.ts';

/** The circumstances of a run, as far as they decide what it computes. */
export interface Circumstances {
  readonly data: string;
  readonly model: Digests;
  readonly adapter: Digests | null;
  readonly tokenizer: string;
  /** The template's prompts with their placeholders left in; those that the method does not use may be absent. */
  readonly template: TemplateStrings;
  readonly objective: string;
  /** The moment that a chat template may write into its prompts, ISO 8601. */
  readonly started: string;
}

/** Settings of other methods than the run's own are left out. */
export async function makeRecord(
  settings: AlignSettings,
  circumstances: Circumstances,
  threads: number,
): Promise<RunRecord> {
  const foreign = foreignSettings(settings.method).map(snakeCase) as (keyof typeof runTable)[];
  const template = recordedTemplate(settings.template);
  return {
    settings: settingsForRecord(without(runTable, foreign), { ...settings, template }),
    run: { versions: await versions(), threads, ...circumstances },
  };
}

/** The settings of a recorded run; what an older version did not record has its default. */
export function recordedSettings({ settings }: RunRecord): AlignSettings {
  return resolveSettings(settingsOfRecord(runTable, settings) as GivenSettings);
}

export const recordedStart = ({ run }: RunRecord): Date => new Date(run['started'] as string);

/** One line for everything outside the settings that has changed under the run. */
export function circumstanceDifferences(now: Circumstances, { run }: RunRecord): string[] {
  const before = run as unknown as Circumstances;
  const found: string[] = [];
  if (before.data !== now.data) found.push('data: the file has other content than when the run began');
  found.push(...digestDifferences('model', before.model, now.model));
  found.push(...digestDifferences('adapter', before.adapter, now.adapter));
  if (before.tokenizer !== now.tokenizer && !found.some((line) => line.includes('tokenizer'))) {
    found.push('tokenizer: another one than when the run began');
  }
  for (const [field, name] of Object.entries(templateNames) as [keyof TemplateStrings, string][]) {
    if (before.template?.[field] !== now.template[field]) found.push(`template: ${name} differently`);
  }
  if (before.objective !== now.objective)
    found.push(`objective: the run has ${before.objective}, now ${now.objective}`);
  return found;
}

/** Other versions may round differently, so the promise of the same bytes ends there; worth a word, not a refusal. */
export function versionNotes(now: RunRecord, recorded: RunRecord): string[] {
  const [fresh, before] = [now.run['versions'] as Versions, recorded.run['versions'] as Versions | undefined];
  const changed = Object.entries(fresh).filter(([name, value]) => before?.[name as keyof Versions] !== value);
  const notes = changed.map(([name, value]) => {
    const old = before?.[name as keyof Versions] ?? 'unknown';
    return `The run began with ${name} ${old}, this is ${String(value)}: results may differ in the last digits.`;
  });
  const [threads, earlier] = [now.run['threads'], recorded.run['threads']];
  if (threads === earlier) return notes;
  return [
    ...notes,
    `The run began on ${String(earlier)} threads, this is ${String(threads)}: results may differ in the last digits.`,
  ];
}

export function refuseDifferences(out: string, differences: readonly string[]): void {
  if (differences.length === 0) return;
  throw new WhetstoneError('RESUME_MISMATCH', 'this run cannot go on with what has changed', {
    file: out,
    problems: differences.map((problem) => ({ problem })),
    hint: `Leave these options out or restore the files to go on with the run, or start anew with ${option('overwrite')}.`,
  });
}

const templateNames: Readonly<Record<keyof TemplateStrings, string>> = {
  plain: 'the plain prompt reads',
  with_judgment: 'the prompt with a judgment reads',
  critique: 'the prompt for a critique reads',
  revision: 'the prompt for a revision reads',
  praise: 'the words of praise read',
};

/**
 * The template's prompts with its placeholders left in, to be read and compared; of the optional ones those that
 * the sequences of a run use. The end token between pieces is written as {end}.
 */
export function templateText(
  template: PromptTemplate,
  uses: { readonly critique: boolean; readonly revision: boolean; readonly praise: boolean },
): TemplateStrings {
  const prompt = { instruction: '{instruction}' };
  return {
    plain: template.render(prompt, null),
    with_judgment: template.render(prompt, '{judgment}'),
    ...(uses.critique && { critique: template.renderCritique(prompt, '{output}').join('{end}') }),
    ...(uses.revision && {
      revision: template.renderRevision(prompt, '{output}', '{judgment}').join('{end}'),
    }),
    ...(uses.praise && { praise: template.praise }),
  };
}

/** A template as a record names it: a file from the root. */
export const recordedTemplate = (template: string): string =>
  template === 'alpaca' || template === 'chat' ? template : resolve(template);

export interface Versions {
  readonly whetstone: string;
  readonly node: string;
  readonly 'onnxruntime-node': string;
}

export async function versions(): Promise<Versions> {
  const require = createRequire(import.meta.url);
  const ort = await version(() => dirname(require.resolve('onnxruntime-node')), 'onnxruntime-node');
  const own = await version(() => dirname(fileURLToPath(import.meta.url)), 'whetstone');
  return { whetstone: own, node: process.versions.node, 'onnxruntime-node': ort };
}

/** Version of the package called `name` whose package.json is in or above the folder; "unknown" if there is none. */
async function version(folder: () => string, name: string): Promise<string> {
  try {
    for (let dir = folder(); ; dir = dirname(dir)) {
      const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => '{}');
      const found = JSON.parse(text) as { name?: string; version?: string };
      if (found.name === name) return found.version ?? 'unknown';
      if (dir === dirname(dir)) return 'unknown';
    }
  } catch {
    return 'unknown';
  }
}

export function digestDifferences(
  what: string,
  before: Digests | null | undefined,
  now: Digests | null,
): string[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(now ?? {})])].sort();
  return names.flatMap((name) => {
    const [old, fresh] = [before?.[name], now?.[name]];
    if (old === fresh) return [];
    return [
      `${what}: ${name} ${old === undefined ? 'is new' : fresh === undefined ? 'is gone' : 'has changed'}`,
    ];
  });
}
