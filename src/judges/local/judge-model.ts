// The judge model that a run of `train-judge` leaves behind: its files, its engine, its replies. Knows how it is asked;
// not what a reply means.
import { computeOf } from '../../engine/open-weights.ts';
import type { ComputeSettings } from '../../engine/open-weights.ts';
import type { Work } from '../../engine/engine.ts';
import { requireMemory } from '../../engine/require-memory.ts';
import { bytesOf } from '../../engine/memory.ts';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readYaml } from '../../options/yaml.ts';
import { hasCode } from '../../durable/files.ts';
import { WhetstoneError, briefly } from '../../errors.ts';
import { generateText, loadVoice, openModel } from '../../generation/index.ts';
import type { OpenedModel, Speaker } from '../../generation/index.ts';
import { isFields } from '../../rows/fields.ts';
import type { Fields } from '../../rows/fields.ts';
import { encodePieces } from '../../tokens/index.ts';
import type { TemplateArgs } from '../../tokens/chat-template.ts';
import { fileDigest } from '../program/command-digest.ts';
import { defaultDecisionWords } from './decision.ts';
import type { DecisionWords } from './decision.ts';
import type { JudgeRequest } from '../judge.ts';
import type { JudgeSettings } from '../settings.ts';
import { option } from '../../words/option.ts';

export type JudgeModelSettings = Pick<JudgeSettings, 'maxTokens' | 'openEngine'> &
  Partial<Pick<JudgeSettings, 'onNote'>> &
  ComputeSettings;

export interface JudgeModel {
  readonly fingerprint: string;
  readonly words: DecisionWords;
  /** Greedy. */
  reply(request: Omit<JudgeRequest, 'id'>, signal?: AbortSignal): Promise<ModelReply>;
  /** Throws WhetstoneError `NOT_ENOUGH_MEMORY` where replies to these would take more than there is; opens the engine. */
  requireMemory(requests: readonly Omit<JudgeRequest, 'id'>[]): Promise<void>;
  /** Bytes of its weights and of what replies to prompts of so many tokens take; opens the engine. */
  memory(promptTokens: number): Promise<number>;
  /** Frees the engine, if it was opened, once no reply is under way. */
  close(): Promise<void>;
}

/** A reply, or why there is none that could be read. */
export type ModelReply = ({ readonly text: string } | { readonly impossible: string }) & {
  readonly promptTokens: number;
  readonly tokens: number;
};

/**
 * Opens the judge in the folder `run`; the engine is opened at the first request. Throws WhetstoneError `BAD_RUN` for
 * a folder without a finished judge, or with a template that has changed, and what tokenizer and template throw.
 */
export async function openJudgeModel(run: string, settings: JudgeModelSettings): Promise<JudgeModel> {
  const record = await readRun(run);
  const { model, words } = record;
  const { template, args, started: now } = record;
  const voice = await loadVoice({ model, template, args, now });
  const critique = voice.template.renderCritique({ instruction: '{instruction}' }, '{output}').join('{end}');
  if (record.critique !== null && record.critique !== critique) {
    throw new WhetstoneError('BAD_RUN', 'the prompt reads differently than when the judge was trained', {
      file: record.template,
      hint: 'Restore the template file, or train the judge again.',
    });
  }
  const adapterDir = join(run, 'adapter');
  const adapter = await fileDigest(join(adapterDir, 'adapter_model.safetensors'));
  if (adapter === null) {
    throw new WhetstoneError('BAD_RUN', 'the judge is not there yet: its adapter is missing', {
      file: adapterDir,
      hint: `Finish its training: "whetstone train-judge" with ${option('resume')}.`,
    });
  }
  const known = { model: record.digests, adapter, critique, words, maxTokens: settings.maxTokens };
  const { openEngine, onNote } = settings;
  let opening: Promise<OpenedModel> | undefined;
  const underWay = new Set<Promise<ModelReply>>();
  const replying = ({ engine }: OpenedModel, promptTokens: number): Work => {
    const tokens = Math.min(promptTokens + settings.maxTokens, engine.describe().maxPositions);
    return { kind: 'generate', promptTokens: Math.min(promptTokens, tokens), tokens };
  };
  const open = (): Promise<OpenedModel> =>
    openModel({ model, adapter: adapterDir, ...computeOf(settings), openEngine, onNote, voice });
  return {
    fingerprint: `local:${createHash('sha256').update(JSON.stringify(known)).digest('hex')}`,
    words,
    reply: async (request, signal) => {
      const asking = (opening ??= open()).then((speaker) =>
        ask(speaker, request, settings.maxTokens, signal),
      );
      underWay.add(asking);
      return asking.finally(() => underWay.delete(asking));
    },
    requireMemory: async (requests) => {
      const speaker = await (opening ??= open());
      const promptTokens = await longestPrompt(speaker, requests);
      if (promptTokens === 0) return;
      await requireMemory(speaker.engine, [replying(speaker, promptTokens)], {
        what: 'judging',
        advises: ['baseDtype'],
      });
    },
    memory: async (promptTokens) => {
      const speaker = await (opening ??= open());
      return bytesOf({ ...speaker.engine.estimateMemory(replying(speaker, promptTokens)), runtime: 0 });
    },
    close: async () => {
      // An engine that is freed under a running graph takes the process with it.
      await Promise.allSettled(underWay);
      const opened = await opening?.catch(() => undefined);
      await opened?.dispose();
    },
  };
}

// Rows that this model cannot be asked about, whatever is done.
const impossible = new Set(['ENGINE_SEQUENCE', 'LONE_SURROGATE', 'EMPTY_PROMPT', 'NO_PLACE_FOR_TURNS']);

/** Tokens of the longest prompt that can be put at all. */
async function longestPrompt(
  { tokenizer, template }: Speaker,
  requests: readonly Omit<JudgeRequest, 'id'>[],
): Promise<number> {
  let longest = 0;
  for (const { output, ...prompt } of requests) {
    try {
      const asked = await encodePieces(tokenizer, template, template.renderCritique(prompt, output));
      longest = Math.max(longest, asked.length);
    } catch (error) {
      if (!(error instanceof WhetstoneError && impossible.has(error.code))) throw error;
    }
  }
  return longest;
}

async function ask(
  { engine, tokenizer, template }: Speaker,
  { output, ...prompt }: Omit<JudgeRequest, 'id'>,
  maxNewTokens: number,
  signal: AbortSignal | undefined,
): Promise<ModelReply> {
  try {
    const asked = await encodePieces(tokenizer, template, template.renderCritique(prompt, output));
    const { text, ids, finish } = await generateText(
      { engine, tokenizer },
      { prompt: asked, sampling: { maxNewTokens, temperature: 0 }, ...(signal && { signal }) },
    );
    if (finish === 'aborted') throw new WhetstoneError('STOPPED', 'stopped while judging');
    const spent = { promptTokens: asked.length, tokens: ids.length };
    if (finish === 'length')
      return { ...spent, impossible: `the reply did not end within ${ids.length} tokens` };
    return { ...spent, text };
  } catch (error) {
    if (!(error instanceof WhetstoneError && impossible.has(error.code))) throw error;
    return { promptTokens: 0, tokens: 0, impossible: briefly(error) };
  }
}

interface RunFacts {
  readonly model: string;
  readonly template: string;
  /** Values that the template's variables were given. */
  readonly args: TemplateArgs;
  readonly started: Date;
  /** The prompt with its placeholders left in; null where it was not recorded. */
  readonly critique: string | null;
  readonly digests: unknown;
  readonly words: DecisionWords;
}

/** From the records of `train-judge`; a run of `align` with the method critique will do as well. */
async function readRun(dir: string): Promise<RunFacts> {
  const file = join(dir, 'run.yaml');
  const outer = await readRecord(file);
  const judge = isFields(outer['run']) && outer['run']['kind'] === 'train-judge';
  const inner = judge ? await readRecord(join(dir, 'training', 'run.yaml')) : outer;
  const { model, template, template_args: args, method, run } = inner;
  if (method !== 'critique') {
    const found = typeof method === 'string' ? `one of method ${method}` : 'something else';
    throw badRun(file, `expected the run of a judge, found ${found}`);
  }
  if (typeof model !== 'string' || typeof template !== 'string' || !isFields(run))
    throw badRun(file, 'the record of the training lacks "model", "template" or "run"');
  const recorded = isFields(run['template']) ? run['template'] : {};
  const started = new Date(typeof run['started'] === 'string' ? run['started'] : NaN);
  const word = (name: 'yes' | 'no'): string => {
    const value = outer[name];
    return typeof value === 'string' ? value : defaultDecisionWords[name];
  };
  return {
    model,
    template,
    args: isFields(args) ? args : {},
    digests: run['model'],
    started: Number.isNaN(started.getTime()) ? new Date(0) : started,
    critique: typeof recorded['critique'] === 'string' ? recorded['critique'] : null,
    words: { yes: word('yes'), no: word('no') },
  };
}

async function readRecord(file: string): Promise<Fields> {
  try {
    const value = readYaml(await readFile(file, 'utf8'), { file, code: 'BAD_RUN' });
    if (isFields(value)) return value;
  } catch (cause) {
    const missing = hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR');
    throw badRun(file, missing ? 'there is no judge here' : 'the record cannot be read', cause);
  }
  throw badRun(file, 'the record cannot be read');
}

const badRun = (file: string, message: string, cause?: unknown): WhetstoneError =>
  new WhetstoneError('BAD_RUN', message, {
    file,
    cause,
    hint: 'A judge comes from "whetstone train-judge".',
  });

/** Whether a tokenizer can spell a text, so that a model can learn to write it. */
export async function canSpell(
  tokenizer: Pick<Speaker['tokenizer'], 'encode' | 'decode'>,
  text: string,
): Promise<boolean> {
  const { ids } = await tokenizer.encode(text, { addSpecialTokens: false });
  return (await tokenizer.decode(ids, { skipSpecialTokens: true })).endsWith(text.trim());
}
