// A model folder, with or without an adapter, evaluated in this process. Knows the engine.
import type { ComputeSettings } from '../../engine/open-weights.ts';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { folderDigests } from '../../runs/digests.ts';
import type { OpenEngine } from '../../engine/engine.ts';
import { openWeights } from '../../engine/open-weights.ts';
import { requireMemory } from '../../engine/require-memory.ts';
import { loadVoice, respond, templateNote } from '../../generation/index.ts';
import type { Voice } from '../../generation/index.ts';
import type { PromptTemplate, Tokenizer } from '../../tokens/index.ts';
import { loadTokenizer } from '../../tokens/index.ts';
import type { TemplateArgs } from '../../tokens/chat-template.ts';
import { describeTemplate } from '../../tokens/template-record.ts';
import type { Note } from '../../words/note.ts';
import { fitInto, requestTokens } from './request-tokens.ts';
import type { LikelihoodRequest, LikelihoodSettings, LocalModel, Subject, SubjectSource } from './subject.ts';

export interface LocalSubjectSettings extends ComputeSettings {
  readonly name: string;
  readonly model: string;
  readonly adapter: string | null;
  /**
   * How instructions are put to it: alpaca, chat, a template file, or null as `loadVoice` has it. Rankings do not use it.
   */
  readonly template: string | null;
  readonly templateArgs?: TemplateArgs | null;
  /** Longest sequence in tokens; null takes the model's positions. */
  readonly maxLength: number | null;
  /** Hears what a person should know of the model. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine | undefined;
}

/** Reads the folders' digests only. Throws WhetstoneError `NO_MODEL` or what reading them throws. */
export async function localSubject(settings: LocalSubjectSettings): Promise<SubjectSource> {
  const { name, model, adapter, maxLength, template, templateArgs } = settings;
  // A folder that is no model is told so by its tokenizer, in better words than by its digests.
  await loadTokenizer(model);
  const digests = {
    model: await folderDigests(model),
    adapter: adapter === null ? null : await folderDigests(adapter),
  };
  return {
    name,
    description: {
      model: resolve(model),
      adapter: adapter === null ? null : resolve(adapter),
      max_length: maxLength,
      template: template ?? describeTemplate((await voiceOf(settings)).template.record),
      ...(templateArgs && { template_args: templateArgs }),
      digests,
    },
    fingerprint: createHash('sha256').update(JSON.stringify({ digests, maxLength })).digest('hex'),
    open: () => openLocal(settings),
  };
}

const voiceOf = ({ model, adapter, template, templateArgs }: LocalSubjectSettings): Promise<Voice> =>
  loadVoice({ model, adapter, template, args: templateArgs ?? {} });

/** Texts of tasks are rarely shorter together; what they are is not known when a model is opened. */
const leastTokens = 512;

async function openLocal(settings: LocalSubjectSettings): Promise<Subject> {
  const { model, adapter, maxLength, onNote } = settings;
  const tokenizer = await loadTokenizer(model);
  const engine = await openWeights(settings);
  let template: PromptTemplate | undefined;
  const positions = engine.describe().maxPositions;
  const tokens = Math.min(leastTokens, positions);
  try {
    await requireMemory(engine, [{ kind: 'score', tokens, responseTokens: tokens - 1 }], {
      what: settings.name,
      advises: ['baseDtype'],
    });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
  const local: Omit<LocalModel, 'template'> = {
    engine,
    tokenizer,
    maxLength: Math.min(maxLength ?? positions, positions),
  };
  const loaded = async (): Promise<PromptTemplate> => {
    if (template) return template;
    const voice = await voiceOf(settings);
    const asked = await templateNote(voice, adapter);
    if (asked) onNote?.(asked);
    return (template = voice.template);
  };
  return {
    logLikelihoods: (requests, likelihood) => localLikelihoods(local, requests, likelihood),
    respond: async (prompts, responses) =>
      respond({ engine, tokenizer, template: await loaded() }, prompts, responses),
    local: { ...local, template: loaded },
    close: () => engine.dispose(),
  };
}

/** Requests that are tokenized together, before the engine sees them. */
const tokenizedAtOnce = 32;

/** See `Subject.logLikelihoods`. The engine computes each context once for all continuations that keep it. */
export async function localLikelihoods(
  {
    engine,
    tokenizer,
    maxLength,
  }: {
    readonly engine: Pick<LocalModel['engine'], 'scoreContinuations'>;
    readonly tokenizer: Pick<Tokenizer, 'encode' | 'decode' | 'bosTokenId' | 'eosTokenId'>;
    readonly maxLength: number;
  },
  requests: readonly LikelihoodRequest[],
  { signal, onResult }: LikelihoodSettings,
): Promise<void> {
  for (let start = 0; start < requests.length; start += tokenizedAtOnce) {
    const some = requests.slice(start, start + tokenizedAtOnce);
    const fitted = await Promise.all(
      some.map(async (request) =>
        // The last token is predicted, and never read: hence one more than the model reads.
        fitInto(await requestTokens(tokenizer, request), maxLength + 1, request.location),
      ),
    );
    const groups = fitted.flatMap(({ groups }, request) => groups.map((group) => ({ ...group, request })));
    const values = some.map(({ continuations }) => new Array<number>(continuations.length).fill(NaN));
    signal.throwIfAborted();
    await engine.scoreContinuations(groups, async (index, logProbs) => {
      const { request, indices } = groups[index]!;
      for (const [i, tokens] of logProbs.entries()) {
        const sum = tokens.reduce((total, logProb) => total + logProb, 0);
        for (const continuation of indices[i]!) values[request]![continuation] = sum;
      }
      if (groups[index + 1]?.request !== request) {
        const { truncated } = fitted[request]!;
        await onResult(start + request, { logLikelihoods: values[request]!, truncated });
      }
      signal.throwIfAborted();
    });
  }
}
