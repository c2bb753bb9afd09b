// What run.yaml says of an alignment run, and what of it is compared when the run goes on.
// Knows which settings and circumstances decide the result; it does not know how they were read.
import type { EngineDescription } from '../engine/engine.ts';
import { resolve } from 'node:path';
import type { PromptTemplate, TemplateStrings } from '../tokens/index.ts';
import type { Digests } from '../runs/digests.ts';
import { snakeCase } from '../options/names.ts';
import { settingsForRecord, settingsOfRecord } from '../options/record.ts';
import { without } from '../options/table.ts';
import { sameFile, sameFolder, sameText, sameTexts, sameTokenizer } from '../runs/circumstances.ts';
import type { Circumstance, CircumstanceTable } from '../runs/circumstances.ts';
import type { RunRecord } from '../runs/record.ts';
import { onnxName, versions } from '../runs/versions.ts';
import { foreignSettings } from './methods.ts';
import { resolveSettings, runTable } from './settings.ts';
import type { AlignSettings, GivenSettings } from './settings.ts';

/** The circumstances of a run, as far as they decide what it computes. */
export interface Circumstances {
  readonly data: string;
  /** Of the file of prompts whose answers are kept; null where there is none. */
  readonly retain: string | null;
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
  { threads, device = 'cpu', engine = onnxName }: Pick<EngineDescription, 'threads' | 'device' | 'engine'>,
  leftOut: { readonly invalid: number; readonly too_long: number } = { invalid: 0, too_long: 0 },
): Promise<RunRecord> {
  const foreign = foreignSettings(settings.method).map(snakeCase) as (keyof typeof runTable)[];
  const template = recordedTemplate(settings.template);
  return {
    settings: settingsForRecord(without(runTable, foreign), { ...settings, template }),
    run: {
      versions: await versions(),
      engine,
      threads,
      device,
      ...circumstances,
      ...(leftOut.invalid + leftOut.too_long > 0 && { rows_left_out: leftOut }),
    },
  };
}

/** The settings of a recorded run; what an older version did not record has its default. */
export function recordedSettings({ settings }: RunRecord): AlignSettings {
  return resolveSettings(settingsOfRecord(runTable, settings) as GivenSettings);
}

const templateNames: Readonly<Record<keyof TemplateStrings, string>> = {
  plain: 'the plain prompt reads',
  with_judgment: 'the prompt with a judgment reads',
  critique: 'the prompt for a critique reads',
  revision: 'the prompt for a revision reads',
  with_next_message: 'the prompt with the next message reads',
  praise: 'the words of praise read',
};

/** How the prompts of a template are compared. */
export const sameTemplate: Circumstance = sameTexts<TemplateStrings>('template', templateNames);

/** What must not have changed when a run goes on. */
export const alignCircumstances: CircumstanceTable<Circumstances> = {
  data: sameFile('data'),
  retain: sameFile('retain'),
  model: sameFolder('model'),
  adapter: sameFolder('adapter'),
  tokenizer: sameTokenizer,
  template: sameTemplate,
  objective: sameText((before, now) => `objective: the run has ${before}, now ${now}`),
};

/**
 * The template's prompts with its placeholders left in, to be read and compared; of the optional ones those that
 * the sequences of a run use. The end token between pieces is written as {end}.
 */
export function templateText(
  template: PromptTemplate,
  uses: Readonly<Record<'critique' | 'revision' | 'nextMessage' | 'praise', boolean>>,
): TemplateStrings {
  const prompt = { instruction: '{instruction}' };
  return {
    plain: template.render(prompt, null),
    with_judgment: template.render(prompt, '{judgment}'),
    ...(uses.critique && { critique: template.renderCritique(prompt, '{output}').join('{end}') }),
    ...(uses.revision && {
      revision: template.renderRevision(prompt, '{output}', '{judgment}').join('{end}'),
    }),
    ...(uses.nextMessage && { with_next_message: template.renderForewarned(prompt, '{judgment}') }),
    ...(uses.praise && { praise: template.praise }),
  };
}

/** A template as a record names it: a file from the root. */
export const recordedTemplate = (template: string): string =>
  template === 'alpaca' || template === 'chat' ? template : resolve(template);
