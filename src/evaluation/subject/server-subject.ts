// A model behind an OpenAI-compatible server: /v1/completions for log-probs, /v1/chat/completions for answers. Knows
// these two endpoints.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import type { Response, ResponseSettings } from '../../generation/index.ts';
import { ask } from '../../openai/ask.ts';
import type { Explain } from '../../openai/ask.ts';
import { openClient } from '../../openai/client.ts';
import type { Client } from '../../openai/client.ts';
import { chatRequest, echoRequest } from '../../openai/requests.ts';
import { messagesOf } from '../../rows/conversation.ts';
import type { PromptText } from '../../rows/conversation.ts';
import type { Tokenizer } from '../../tokens/index.ts';
import { loadTokenizer } from '../../tokens/index.ts';
import { echoedLikelihoods, noLogProbs } from './echoed-log-probs.ts';
import type { EchoedSpan } from './echoed-log-probs.ts';
import { inParallel } from '../../durable/pool.ts';
import { fitInto, requestTokens } from './request-tokens.ts';
import type { TokenGroup } from './request-tokens.ts';
import type { LikelihoodRequest, LikelihoodSettings, Subject, SubjectSource } from './subject.ts';
import { option } from '../../words/option.ts';
import type { Note } from '../../words/note.ts';

export interface ServerAddress {
  /** Ends in "/v1" or the like, without a slash. */
  readonly url: string;
  readonly model: string;
  readonly key: string | null;
  /** Seconds until an answer begins, and then until it ends. */
  readonly timeout: number;
  /** How often a call is repeated that failed in a way that may pass. */
  readonly retries: number;
}

export interface ServerSubjectSettings {
  readonly name: string;
  readonly address: ServerAddress;
  /** Folder with the model's tokenizer; null will do for answers. */
  readonly tokenizer: string | null;
  /** How prompts are sent for scoring. */
  readonly prompts: 'ids' | 'text';
  /** Longest sequence in tokens, the one that a server has to generate included; null reads it from config.json. */
  readonly maxLength: number | null;
  readonly concurrency: number;
  /** Hears in a sentence what a person should know: a retry, a wait. */
  onNote?(this: void, note: Note): void;
}

type ServerSettings = ServerSubjectSettings & { readonly maxLength: number };

/** What lm-evaluation-harness takes for servers. */
const usualMaxLength = 2048;

/** Asks the server nothing yet. */
export async function serverSubject(settings: ServerSubjectSettings): Promise<SubjectSource> {
  const { name, address, tokenizer: folder, prompts } = settings;
  const tokenizer = folder === null ? null : await loadTokenizer(folder);
  const maxLength =
    settings.maxLength ?? (folder === null ? null : await positionsOf(folder)) ?? usualMaxLength;
  const description = {
    url: address.url,
    model: address.model,
    tokenizer: folder,
    prompts,
    max_length: maxLength,
  };
  const seen = {
    url: address.url,
    model: address.model,
    tokenizer: tokenizer?.fingerprint,
    prompts,
    maxLength,
  };
  return {
    name,
    description,
    fingerprint: createHash('sha256').update(JSON.stringify(seen)).digest('hex'),
    open: () => openServer({ ...settings, maxLength }, tokenizer),
  };
}

async function openServer(settings: ServerSettings, tokenizer: Tokenizer | null): Promise<Subject> {
  const { address, concurrency, onNote = () => {} } = settings;
  const client = await openClient({
    ...address,
    bodyTimeout: address.timeout,
    concurrency,
    requestsPerMinute: null,
    tokensPerMinute: null,
    inputPrice: null,
    outputPrice: null,
    currency: '',
    budget: null,
    cache: null,
    seed: 0,
    onNote,
  });
  return {
    logLikelihoods: (requests, likelihood) =>
      scoreByServer(client, settings, requireTokenizer(tokenizer, address), requests, likelihood),
    respond: (texts, responses) => answers(client, settings, texts, responses),
    local: null,
    close: () => client.close(),
  };
}

async function positionsOf(folder: string): Promise<number | null> {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
  try {
    const positions = (JSON.parse(text) as Record<string, unknown>)['max_position_embeddings'];
    return typeof positions === 'number' ? positions : null;
  } catch {
    return null;
  }
}

function requireTokenizer(tokenizer: Tokenizer | null, { url }: ServerAddress): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new WhetstoneError('INVALID_OPTION', "scoring texts by a server needs the model's tokenizer", {
    file: url,
    hint: `Give the folder with the model's tokenizer.json as ${option('tokenizer')}.`,
  });
}

async function scoreByServer(
  client: Client,
  { address, concurrency, maxLength, prompts }: ServerSettings,
  tokenizer: Tokenizer,
  requests: readonly LikelihoodRequest[],
  { signal, onResult }: LikelihoodSettings,
): Promise<void> {
  const score = async (index: number, stop: AbortSignal): Promise<void> => {
    const request = requests[index]!;
    const { context, continuations } = request;
    const tokens = await requestTokens(tokenizer, request);
    // A server has to generate a token, for which there must be room: one less than in this process.
    const { groups, truncated } = fitInto(tokens, maxLength - 1, request.location);
    const rows = groups.flatMap(rowsOf);
    if (prompts === 'text' && truncated > 0) throw tooLongForText(request, truncated);
    const ids = rows.map((row) => row.ids);
    const texts = rows.map(({ indices: [first] }) => context + continuations[first!]!);
    const body = { model: address.model, prompt: prompts === 'ids' ? ids : texts };
    const length = rows.reduce((sum, { end }) => sum + end, 0);
    const echoes = await ask(client, { ...address, kept }, echoRequest(body, length), stop, scoresNothing);
    const values = echoedLikelihoods(echoes, rows, address.url);
    const logLikelihoods = new Array<number>(continuations.length).fill(NaN);
    for (const [i, { indices }] of rows.entries())
      for (const continuation of indices) logLikelihoods[continuation] = values[i]!;
    await onResult(index, { logLikelihoods, truncated });
  };
  await inParallel([...requests.keys()], concurrency, score, { signal });
}

const kept = 'What was measured so far is kept: the same command goes on.';

/** A prompt: context and one continuation, and which of the request's continuations that is. */
interface ScoredRow extends EchoedSpan {
  readonly ids: number[];
  readonly indices: readonly number[];
}

const rowsOf = ({ context, continuations, indices }: TokenGroup): ScoredRow[] =>
  continuations.map((continuation, i) => ({
    ids: [...context, ...continuation],
    start: context.length,
    end: context.length + continuation.length,
    indices: indices[i]!,
  }));

/** A refusal that says that the server does not score prompts at all. */
const scoresNothing: Explain = (words, server) =>
  /^(?:404|405|501):|\becho\b|log_?probs?\b/i.test(words)
    ? noLogProbs(server, `the server refused to score a prompt (${words})`)
    : null;

const tooLongForText = ({ location }: LikelihoodRequest, tokens: number): WhetstoneError =>
  new WhetstoneError(
    'PROMPT_TOO_LONG',
    `the prompt is ${tokens} tokens too long, and a text cannot be cut by tokens`,
    {
      ...location,
      hint: `Send token ids (${option('serverPrompts')} ids), ask for fewer examples, or leave this row out.`,
    },
  );

async function answers(
  client: Client,
  { address, concurrency }: ServerSettings,
  prompts: readonly PromptText[],
  settings: ResponseSettings,
): Promise<Response[]> {
  const { maxNewTokens = 256, temperature = 0, topP, seed = 0, seeds, stop, onResponse } = settings;
  const found: Response[] = [];
  const answer = async (index: number, stopped: AbortSignal): Promise<void> => {
    const request = chatRequest(
      {
        model: address.model,
        messages: messagesOf(prompts[index]!),
        max_tokens: maxNewTokens,
        temperature,
        ...(topP !== undefined && { top_p: topP }),
        ...(temperature > 0 && { seed: seeds?.[index] ?? seed }),
        ...(stop && stop.length > 0 && { stop: [...stop] }),
      },
      maxNewTokens,
    );
    const { text, finish, usage } = await ask(client, { ...address, kept }, request, stopped);
    const response = { text, finished: finish !== 'length', tokens: usage?.output ?? 0 };
    found[index] = response;
    await onResponse?.(index, response);
  };
  await inParallel([...prompts.keys()], concurrency, answer, { signal: settings.signal });
  return found;
}
