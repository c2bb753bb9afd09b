// A model behind an OpenAI-compatible server: /v1/completions for log-probs, /v1/chat/completions for answers. Knows
// these two endpoints.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import type { Response, ResponseSettings } from '../../generation/index.ts';
import { readCompletion } from '../../judges/chat/completion.ts';
import type { PromptText, Tokenizer } from '../../tokens/index.ts';
import { instructionWithInput, loadTokenizer } from '../../tokens/index.ts';
import { echoedLikelihoods, noLogProbs } from './echoed-log-probs.ts';
import { inParallel } from './in-parallel.ts';
import { fitInto, requestTokens } from './request-tokens.ts';
import type { ServerAddress } from './server-call.ts';
import { callServer } from './server-call.ts';
import type { LikelihoodRequest, LikelihoodSettings, Subject, SubjectSource } from './subject.ts';

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
}

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
    open: () =>
      Promise.resolve({
        logLikelihoods: (requests, likelihood) =>
          scoreByServer(
            { ...settings, maxLength },
            requireTokenizer(tokenizer, address),
            requests,
            likelihood,
          ),
        respond: (texts, responses) => answers(settings, texts, responses),
        local: null,
        close: () => Promise.resolve(),
      } satisfies Subject),
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
    hint: "Give the folder with the model's tokenizer.json: --tokenizer DIR.",
  });
}

async function scoreByServer(
  settings: ServerSubjectSettings & { readonly maxLength: number },
  tokenizer: Tokenizer,
  requests: readonly LikelihoodRequest[],
  { signal, onResult }: LikelihoodSettings,
): Promise<void> {
  const { address, concurrency, maxLength, prompts } = settings;
  await inParallel(requests.length, concurrency, signal, async (index, stop) => {
    const request = requests[index]!;
    const tokens = await requestTokens(tokenizer, request);
    // A server has to generate a token, for which there must be room: one less than in this process.
    const { groups, truncated } = fitInto(tokens, maxLength - 1, request.location);
    const rows = groups.flatMap(({ context, continuations, indices }) =>
      continuations.map((continuation, i) => ({
        ids: [...context, ...continuation],
        start: context.length,
        end: context.length + continuation.length,
        indices: indices[i]!,
      })),
    );
    if (prompts === 'text' && truncated > 0) throw tooLongForText(request, truncated);
    const reply = await callServer(
      address,
      '/completions',
      {
        model: address.model,
        prompt: rows.map(({ ids, indices: [first] }) =>
          prompts === 'ids' ? ids : request.context + request.continuations[first!]!,
        ),
        ...{ max_tokens: 1, temperature: 0, logprobs: 1, echo: true },
      },
      stop,
      (words) =>
        /^(?:404|405|501):|\becho\b|log_?probs?\b/i.test(words)
          ? noLogProbs(address.url, `the server refused to score a prompt (${words})`)
          : null,
    );
    const values = echoedLikelihoods(reply, rows, address.url);
    const logLikelihoods = new Array<number>(request.continuations.length).fill(NaN);
    for (const [i, { indices }] of rows.entries())
      for (const continuation of indices) logLikelihoods[continuation] = values[i]!;
    await onResult(index, { logLikelihoods, truncated });
  });
}

const tooLongForText = ({ location }: LikelihoodRequest, tokens: number): WhetstoneError =>
  new WhetstoneError(
    'PROMPT_TOO_LONG',
    `the prompt is ${tokens} tokens too long, and a text cannot be cut by tokens`,
    {
      ...location,
      hint: 'Send token ids (--server_prompts ids), ask for fewer examples, or leave this row out.',
    },
  );

async function answers(
  { address, concurrency }: ServerSubjectSettings,
  prompts: readonly PromptText[],
  settings: ResponseSettings,
): Promise<Response[]> {
  const { maxNewTokens = 256, temperature = 0, topP, seed = 0, seeds, stop, onResponse } = settings;
  const found: Response[] = [];
  const signal = settings.signal ?? new AbortController().signal;
  await inParallel(prompts.length, concurrency, signal, async (index, giveUp) => {
    const body = {
      model: address.model,
      messages: [{ role: 'user', content: instructionWithInput(prompts[index]!) }],
      max_tokens: maxNewTokens,
      temperature,
      ...(topP !== undefined && { top_p: topP }),
      ...(temperature > 0 && { seed: seeds?.[index] ?? seed }),
      ...(stop && stop.length > 0 && { stop }),
    };
    const completion = readCompletion(await callServer(address, '/chat/completions', body, giveUp));
    if (completion === null)
      throw new WhetstoneError('SERVER_FAILED', 'the reply is no chat completion', { file: address.url });
    const response = {
      text: completion.text,
      finished: completion.finish !== 'length',
      tokens: completion.usage?.output ?? 0,
    };
    found[index] = response;
    await onResponse?.(index, response);
  });
  return found;
}
