// What run.yaml says of an online run, and what must not have changed when it goes on. Knows settings and digests.
import { join, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { WhetstoneError } from '../../errors.ts';
import { promptPresets } from '../../judges/chat/prompt.ts';
import { namedJudge } from '../../judges/kinds.ts';
import type { TemplateStrings } from '../../tokens/index.ts';
import type { RunRecord } from '../../runs/record.ts';
import type { Digests } from '../../runs/digests.ts';
import { adapterFolder } from '../../runs/adapter-folder.ts';
import { dataDigest, folderDigests } from '../../runs/digests.ts';
import { snakeCase } from '../../options/names.ts';
import { settingsForRecord, settingsOfRecord } from '../../options/record.ts';
import { without } from '../../options/table.ts';
import { foreignSettings } from '../methods.ts';
import { sameFile, sameFolder, sameText, sameTokenizer } from '../../runs/circumstances.ts';
import type { CircumstanceTable } from '../../runs/circumstances.ts';
import { versions } from '../../runs/versions.ts';
import { recordedTemplate, sameTemplate } from '../record.ts';
import { onlineRunTable, resolveOnlineSettings } from './settings.ts';
import type { GivenOnlineSettings, OnlineSettings } from './settings.ts';

/** The circumstances of an online run, as far as they decide what it computes. */
export interface OnlineCircumstances {
  readonly instructions: string;
  readonly eval_instructions: string | null;
  readonly mix: string | null;
  readonly retain: string | null;
  readonly model: Digests;
  readonly from: Digests | null;
  readonly tokenizer: string;
  readonly template: TemplateStrings;
  readonly judge_name: string;
  readonly judge_fingerprint: string;
  /** The folder that the run was begun from, which a judge's command line may take for granted. */
  readonly folder: string;
  /** The moment that a chat template may write into its prompts, ISO 8601. */
  readonly started: string;
}

export async function filesOf(
  settings: OnlineSettings,
  from: string | null,
): Promise<
  Pick<OnlineCircumstances, 'instructions' | 'eval_instructions' | 'mix' | 'retain' | 'model' | 'from'>
> {
  const { instructions, evalInstructions, mix, retain, model } = settings;
  return {
    instructions: await dataDigest(instructions),
    eval_instructions: evalInstructions === null ? null : await dataDigest(evalInstructions),
    mix: mix === null ? null : await dataDigest(mix),
    retain: retain === null ? null : await dataDigest(retain),
    model: await folderDigests(model),
    from: from === null ? null : await folderDigests(from),
  };
}

/** Settings of other methods than the run's own are left out; paths are made absolute. */
export async function makeOnlineRecord(
  settings: OnlineSettings,
  circumstances: OnlineCircumstances,
): Promise<RunRecord> {
  const judgePrompt = promptPresets.includes(settings.judgePrompt)
    ? settings.judgePrompt
    : resolve(settings.judgePrompt);
  const foreign = foreignSettings(settings.method).map(snakeCase) as (keyof typeof onlineRunTable)[];
  const own = {
    ...settings,
    template: recordedTemplate(settings.template),
    judge: namedJudge(settings.judge).absolute,
    judgePrompt,
  };
  return {
    settings: settingsForRecord(without(onlineRunTable, foreign), own),
    run: { versions: await versions(), ...circumstances },
  };
}

export const recordedOnlineSettings = ({ settings }: RunRecord): OnlineSettings =>
  resolveOnlineSettings(settingsOfRecord(onlineRunTable, settings) as GivenOnlineSettings);

/** The folder that the run was begun from; the present one where that is gone. */
export async function recordedFolder({ run }: RunRecord): Promise<string> {
  const { folder } = run;
  const found = typeof folder === 'string' ? await stat(folder).catch(() => null) : null;
  return found?.isDirectory() ? (folder as string) : process.cwd();
}

/** What must not have changed when an online run goes on. The folder and the judge's name are told, not compared. */
export const onlineCircumstances: CircumstanceTable<OnlineCircumstances> = {
  instructions: sameFile('instructions'),
  eval_instructions: sameFile('eval_instructions'),
  mix: sameFile('mix'),
  retain: sameFile('retain'),
  model: sameFolder('model'),
  from: sameFolder('from'),
  tokenizer: sameTokenizer,
  template: sameTemplate,
  judge_fingerprint: sameText(
    (_before, _now, { recorded, present }) =>
      `judge: the run has ${String(recorded['judge_name'])}, now ${String(present['judge_name'])}, ` +
      'which asks in another way or another model',
  ),
};

/** The PEFT folder that `from` names: itself, or the adapter of a run. Throws WhetstoneError `ADAPTER`. */
export async function adapterOf(from: string): Promise<string> {
  const folder = await adapterFolder(from);
  if (await stat(join(folder, 'adapter_config.json')).catch(() => null)) return folder;
  throw new WhetstoneError('ADAPTER', 'expected a run with an adapter, or a PEFT adapter', {
    file: from,
    hint: 'A run has one when its training is complete.',
  });
}
