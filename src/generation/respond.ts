// A model's responses to instructions. Knows prompt templates and random streams; it does not know judgments' rules.
import { createRandom } from '../random.ts';
import { encodePrompt } from '../tokens/encode.ts';
import type { PromptText } from '../rows/conversation.ts';
import { generateText } from './generate-text.ts';
import { samplingOf } from './sampling.ts';
import type { SamplingSettings } from './sampling.ts';
import type { Speaker } from './speaker.ts';

export interface ResponseSettings extends Partial<SamplingSettings> {
  /** Shown in the prompt as if it were the judgment of the response to come, such as praise; null asks plainly. */
  readonly judgment?: string | null;
  /** Longest response in tokens; default 256. */
  readonly maxNewTokens?: number;
  /** 0, the default, is greedy. */
  readonly temperature?: number;
  /** Of sampling; a response depends on the seed and on its prompt's place in the list. Default 0. */
  readonly seed?: number;
  /** The stream of each response, in place of one that `seed` and its place choose. */
  readonly seeds?: readonly number[];
  /** Texts that end a response; none of them becomes part of it. */
  readonly stop?: readonly string[];
  /** Gives up the responses that are not there yet. */
  readonly signal?: AbortSignal;
  /** Hears each response as soon as it is there, in any order, and is awaited. */
  onResponse?(this: void, index: number, response: Response): void | Promise<void>;
}

export interface Response {
  readonly text: string;
  /** Whether the model ended it, or a stop string; else it was cut off at `maxNewTokens`. */
  readonly finished: boolean;
  /** Tokens generated for it. */
  readonly tokens: number;
}

/**
 * Responses to instructions, in their order, special tokens left out. All are given to the engine at once.
 *
 * Throws what `encodePrompt`, the engine and `onResponse` throw, and the signal's reason after an abort; in each case
 * when nothing is under way any more, and after `onResponse` has heard what was complete.
 */
export async function respond(
  { engine, tokenizer, template }: Speaker,
  prompts: readonly PromptText[],
  settings: ResponseSettings = {},
): Promise<Response[]> {
  const { judgment = null, maxNewTokens = 256, temperature = 0, seed = 0, onResponse } = settings;
  const { seeds, stop = [] } = settings;
  const sampling = samplingOf({ ...settings, maxNewTokens, temperature });
  settings.signal?.throwIfAborted();
  const encoded = await Promise.all(
    prompts.map((prompt) => encodePrompt(tokenizer, template, prompt, judgment)),
  );
  const failed = new AbortController();
  const signal = settings.signal ? AbortSignal.any([settings.signal, failed.signal]) : failed.signal;
  const one = async (prompt: Int32Array, i: number): Promise<Response> => {
    const { text, finish, ids } = await generateText(
      { engine, tokenizer },
      {
        prompt,
        sampling: { ...sampling, seed: seeds?.[i] ?? createRandom(seed, i).uint32() },
        stop,
        signal,
      },
    );
    if (finish === 'aborted') signal.throwIfAborted();
    const response = { text, finished: finish !== 'length', tokens: ids.length };
    await onResponse?.(i, response);
    return response;
  };
  const outcomes = await Promise.allSettled(
    encoded.map((prompt, i) =>
      one(prompt, i).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  if (outcomes.some(({ status }) => status === 'rejected')) {
    // An abort from outside, or else the first failure, not those that it made the others end with.
    settings.signal?.throwIfAborted();
    failed.signal.throwIfAborted();
  }
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Response>).value);
}
