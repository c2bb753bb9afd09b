// Generates the choices of a request side by side, and gives all of them up together. Knows tokens and limits; it does
// not know the shape of replies.
import { randomInt } from 'node:crypto';
import { generateText } from '../generation/index.ts';
import type { TextGeneration, TextPiece } from '../generation/index.ts';
import { createRandom } from '../random.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { badRequest } from './api-error.ts';
import { boundedTokenizer } from './bounded-tokenizer.ts';
import { sum } from './endpoint.ts';
import type { GenerationFields } from './generation-fields.ts';
import type { ServedModel } from './served-model.ts';

export interface ChoiceSettings {
  readonly fields: GenerationFields;
  /** For each prompt, how many tokens its choices may have. */
  readonly maxNewTokens: readonly number[];
  /** Likeliest tokens to tell of beside each; null: no log-probs. */
  readonly topLogProbs: number | null;
  /** Whether a choice continues its prompt's text, with the space between. */
  readonly continues: boolean;
  readonly signal: AbortSignal;
  /** Hears of the text of choice `index` as it grows. */
  readonly onText?: (index: number, piece: TextPiece) => void | Promise<void>;
  /** Hears of each choice when it is complete. */
  readonly onEnd?: (index: number, choice: TextGeneration) => void;
}

/**
 * Generates `fields.n` choices for each prompt; choice i of prompt p has index p n + i. A choice depends on its prompt,
 * the seed and i only. Throws the first failure, or the signal's reason, when none is under way any more.
 */
export async function generateChoices(
  { engine, tokenizer }: ServedModel,
  prompts: readonly Int32Array[],
  { fields, maxNewTokens, topLogProbs, continues, signal, onText, onEnd }: ChoiceSettings,
): Promise<TextGeneration[]> {
  const { sampling, stop, stopTokens, ignoreEnd, includeStop, skipSpecialTokens, n } = fields;
  const seed = fields.seed ?? randomInt(2 ** 32);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const one = async (p: number, i: number): Promise<TextGeneration> => {
    const found = await generateText(
      { engine, tokenizer },
      {
        prompt: prompts[p]!,
        sampling: {
          ...sampling,
          maxNewTokens: maxNewTokens[p]!,
          seed: createRandom(seed, i).uint32(),
        },
        stop,
        stopTokens,
        ignoreEnd,
        includeStop,
        skipSpecialTokens,
        continues,
        signal: either,
        topLogProbs: topLogProbs ?? undefined,
        onText: onText && ((piece) => onText(p * n + i, piece)),
      },
    );
    if (found.finish === 'aborted') either.throwIfAborted();
    onEnd?.(p * n + i, found);
    return found;
  };
  const outcomes = await Promise.allSettled(
    prompts.flatMap((_, p) =>
      Array.from({ length: n }, (_, i) =>
        one(p, i).catch((error: unknown) => {
          failed.abort(error);
          throw error;
        }),
      ),
    ),
  );
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<TextGeneration>).value);
}

export const finishReason = ({ finish }: TextGeneration): 'stop' | 'length' =>
  finish === 'length' ? 'length' : 'stop';

/** Throws 400 where a response would have to be longer than it may be. */
export function requireRoomForLeast(minTokens: number, room: number): void {
  if (minTokens <= room) return;
  throw badRequest(
    `min_tokens must not be above the most tokens of the completion: ${minTokens} against ${room}.`,
    'min_tokens',
    'invalid_value',
  );
}

/** How long a response may get: what was asked for, or else `usual`, or else what there is room for. */
export function responseRoom(
  { id, maxPositions }: ServedModel,
  promptTokens: number,
  asked: { readonly tokens: number | null; readonly field: string },
  { usual = Infinity, most = null }: { usual?: number; most?: number | null },
  promptField: PromptField,
): number {
  if (most !== null && asked.tokens !== null && asked.tokens > most) {
    throw badRequest(
      `${asked.field} is too large: ${asked.tokens}. This server gives at most ${most} completion tokens.`,
      asked.field,
      'invalid_value',
    );
  }
  const wanted = asked.tokens ?? 1;
  if (promptTokens + wanted > maxPositions)
    throw contextExceeded({ id, maxPositions }, { promptTokens, wanted, promptField });
  return asked.tokens ?? Math.min(usual, most ?? Infinity, maxPositions - promptTokens);
}

type PromptField = 'messages' | 'prompt';

interface Excess {
  readonly promptTokens: number;
  /** Whether there may be more of them. */
  readonly atLeast?: boolean;
  readonly wanted: number;
  readonly promptField: PromptField;
}

function contextExceeded(
  { id, maxPositions }: Pick<ServedModel, 'id' | 'maxPositions'>,
  { promptTokens, atLeast = false, wanted, promptField }: Excess,
): Error {
  const count = atLeast ? 'at least ' : '';
  return badRequest(
    `This model's maximum context length is ${maxPositions} tokens. However, you requested ` +
      `${count}${promptTokens + wanted} tokens of ${id} (${count}${promptTokens} in the ${promptField}, ${wanted} in the ` +
      `completion). Please reduce the length of the ${promptField} or completion.`,
    promptField,
    'context_length_exceeded',
  );
}

/**
 * The model's tokenizer for the texts of a request, which ends in 400 where one cannot fit into the context; for `parts`
 * of one prompt also where they are too many together.
 */
export const tokenizerFor = (
  model: ServedModel,
  promptField: PromptField,
  signal: AbortSignal,
  parts = false,
): Tokenizer =>
  boundedTokenizer(model.tokenizer, {
    most: model.maxPositions,
    // A part is tokenized alone, and perhaps behind each of several marks.
    mostWork: parts ? 16 * model.maxPositions : Infinity,
    signal,
    tooLong: (promptTokens, atLeast) =>
      contextExceeded(model, { promptTokens, atLeast, wanted: 1, promptField }),
  });

/** Throws 400 where the pieces of a prompt, each of at least a token, are certainly too much together. */
export function requireFitting(
  model: ServedModel,
  pieces: readonly string[],
  promptField: PromptField,
): void {
  const { tokenizer, maxPositions } = model;
  const refuse = (promptTokens: number): never => {
    throw contextExceeded(model, { promptTokens, atLeast: true, wanted: 1, promptField });
  };
  if (pieces.length > maxPositions) refuse(pieces.length);
  if (sum(pieces.map(({ length }) => length)) <= maxPositions) return;
  const fewest = sum(pieces.map((piece) => tokenizer.fewestTokens(piece, maxPositions)));
  if (fewest > maxPositions) refuse(fewest);
}
