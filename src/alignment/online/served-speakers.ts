// The model as a server speaks for it, with the adapter of a round: vLLM's endpoints, or any server that takes LoRA adapters
// while it runs and completes token ids. Knows servers; what is drawn and judged is decided elsewhere.
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { inParallel } from '../../durable/pool.ts';
import { samplingOf } from '../../generation/index.ts';
import type { Response, ResponseSettings, Voice } from '../../generation/index.ts';
import { loadAdapter, unloadAdapter } from '../../openai/adapters.ts';
import type { AdapterServer } from '../../openai/adapters.ts';
import { keyFor, parseServedModel } from '../../openai/address.ts';
import type { ServedModel } from '../../openai/address.ts';
import { ask } from '../../openai/ask.ts';
import { openClient } from '../../openai/client.ts';
import type { Client } from '../../openai/client.ts';
import { completionRequest } from '../../openai/requests.ts';
import type { PromptText } from '../../rows/conversation.ts';
import { folderDigests } from '../../runs/digests.ts';
import { encodePrompt } from '../../tokens/index.ts';
import { option } from '../../words/option.ts';
import type { Note } from '../../words/note.ts';
import type { OnlineSettings } from './settings.ts';
import type { Speakers } from './speakers.ts';

/** "openai:URL#MODEL" or "URL#MODEL". Throws WhetstoneError `INVALID_OPTION`. */
export const servedResponder = (spec: string): ServedModel & { readonly url: string } =>
  parseServedModel(spec.replace(/^openai:(?=https?:)/, ''), 'model');

export interface ServedSpeakersOptions {
  /** Speaks here, for what has to be known of the model before anything is asked. */
  readonly local: Speakers;
  readonly voice: Voice;
  /** Replies as they came, so that none is asked for again: a JSONL file in the run's folder. */
  readonly replies: string;
  readonly signal?: AbortSignal | undefined;
  readonly onNote: (note: Note) => void;
}

/** Seconds until a response is there, which comes whole: the longest that fetch waits for headers. */
const timeout = 300;

const never = new AbortController().signal;

/** Throws WhetstoneError `INVALID_OPTION` (no URL with a model) and `NO_API_KEY`; sends nothing yet. */
export function openServedSpeakers(
  settings: OnlineSettings & { readonly responses: string },
  { local, voice, replies, signal = never, onNote }: ServedSpeakersOptions,
): Speakers {
  const served = servedResponder(settings.responses);
  const { judgeRetries: retries, concurrency, seed } = settings;
  const server: AdapterServer = {
    ...served,
    key: keyFor(served, { apiKeyEnv: settings.responsesKeyEnv, env: process.env }),
    retries,
    timeout,
    kept: `Responses that have arrived are kept; go on with ${option('resume')}.`,
  };
  let client: Client | null = null;
  let loaded: string | null = null;
  const opened = async (): Promise<Client> =>
    (client ??= await openClient({
      ...{ url: served.url, key: server.key, timeout, bodyTimeout: timeout, retries, concurrency },
      ...{ requestsPerMinute: null, tokensPerMinute: null },
      ...{ inputPrice: null, outputPrice: null, currency: '', budget: null },
      ...{ cache: replies, seed, onNote },
    }));
  /** What requests call the model with this adapter, which the server then has. */
  const named = async (adapter: string | null): Promise<string> => {
    if (adapter === null) return served.model;
    const name = `whetstone-${await digestOf(adapter)}`;
    if (loaded === name) return name;
    const path = resolve(adapter);
    await loadAdapter(server, { name, path, rank: settings.loraR }, signal);
    if (loaded !== null) await unloadAdapter(server, loaded, signal);
    loaded = name;
    return name;
  };
  return {
    about: async (adapter) => {
      const about = await local.about(adapter);
      // The server speaks from here on: two copies of a model need not be held.
      await local.close();
      return about;
    },
    isLocal: false,
    with: async (adapter) => {
      const model = await named(adapter);
      const asking = { client: await opened(), server: { ...server, model }, voice, concurrency };
      return (prompts, asked) => complete(asking, prompts, asked);
    },
    close: async () => {
      const before = client;
      client = null;
      await before?.close();
      await local.close();
    },
  };
}

/** The same name for the same bytes: a server that has it has this adapter. */
async function digestOf(adapter: string): Promise<string> {
  const digests = JSON.stringify(Object.entries(await folderDigests(adapter)).sort());
  return createHash('sha256').update(digests).digest('hex').slice(0, 16);
}

interface Asking {
  readonly client: Client;
  readonly server: AdapterServer;
  readonly voice: Voice;
  readonly concurrency: number;
}

/** Why a server ends a response that the model has not: vLLM says "abort" of one that it gave up. */
const cut: ReadonlySet<string | null> = new Set(['length', 'abort', 'content_filter']);

/** Prompts go as token ids, so that the server sees what the model is trained on, template and all. */
async function complete(
  { client, server, voice, concurrency }: Asking,
  prompts: readonly PromptText[],
  settings: ResponseSettings,
): Promise<Response[]> {
  const { maxNewTokens = 256, temperature = 0, seed = 0, seeds, stop = [], onResponse } = settings;
  const found: Response[] = [];
  const one = async (index: number, stopped: AbortSignal): Promise<void> => {
    const ids = await encodePrompt(voice.tokenizer, voice.template, prompts[index]!, null);
    const body = {
      model: server.model,
      prompt: [...ids],
      ...samplingFields({ ...settings, maxNewTokens, temperature }),
      ...(temperature > 0 && { seed: seeds?.[index] ?? seed }),
      ...(stop.length > 0 && { stop: [...stop] }),
    };
    const { text, finish, usage } = await ask(client, server, completionRequest(body, maxNewTokens), stopped);
    const response = { text, finished: !cut.has(finish), tokens: usage?.output ?? 0 };
    found[index] = response;
    await onResponse?.(index, response);
  };
  await inParallel([...prompts.keys()], concurrency, one, { signal: settings.signal });
  return found;
}

/**
 * What the server's field is called, beside those that OpenAI has vLLM's own, and the value that changes nothing. It is sent
 * all the same: what a request leaves out vLLM takes from the model's generation_config.json. Its older versions take a
 * `top_k` of -1 for none, but not 0; newer ones take both.
 */
const fields = {
  temperature: ['temperature', 0],
  topP: ['top_p', 1],
  topK: ['top_k', -1],
  minP: ['min_p', 0],
  minTokens: ['min_tokens', 0],
  repetitionPenalty: ['repetition_penalty', 1],
  frequencyPenalty: ['frequency_penalty', 0],
  presencePenalty: ['presence_penalty', 0],
} as const;

function samplingFields(settings: Parameters<typeof samplingOf>[0]): Record<string, number> {
  const sampling = new Map<string, unknown>(Object.entries(samplingOf(settings)));
  return Object.fromEntries(
    Object.entries(fields).map(([name, [field, neutral]]) => {
      const value = sampling.get(name);
      // Here 0 is no limit on how many tokens are drawn from.
      const none = typeof value !== 'number' || (name === 'topK' && value === 0);
      return [field, none ? neutral : value];
    }),
  );
}
