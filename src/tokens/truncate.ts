// Left truncation: prompts lose their oldest tokens until prompt and response fit, the response stays whole.
// It does not know text.
import type { Sequence } from '../engine/engine.ts';
import { responseLength } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';
import { option } from '../words/option.ts';

export interface TruncationSettings {
  /** Most tokens that a sequence may have, prompt and response together. */
  readonly cutoffLength: number;
  /** Kept at the front of a shortened prompt that begins with it; null where the tokenizer has none. */
  readonly bosTokenId: number | null;
}

/** A response leaves no room for even one prompt token; the row cannot be used. */
export interface ResponseTooLong {
  readonly responseTokens: number;
  readonly cutoffLength: number;
}

/**
 * One sequence shortened to `cutoffLength` tokens from the left; null if the response leaves no room for a
 * prompt token (the BOS counts). The response is never cut; a leading BOS is kept, since models are trained to
 * see one at the first position.
 */
export function truncateLeft(
  sequence: Sequence,
  { cutoffLength, bosTokenId }: TruncationSettings,
): { readonly sequence: Sequence; readonly dropped: number } | null {
  const { ids, responseStart } = sequence;
  const room = cutoffLength - responseLength(sequence);
  if (room < 1) return null;
  const dropped = responseStart - room;
  if (dropped <= 0) return { sequence, dropped: 0 };
  const kept = ids.slice(dropped);
  if (bosTokenId !== null && ids[0] === bosTokenId) kept[0] = bosTokenId;
  return { sequence: { ids: kept, responseStart: room }, dropped };
}

/** The error for a row with a response that `truncateLeft` finds no room for. */
export function responseTooLong(
  { responseTokens, cutoffLength }: ResponseTooLong,
  location: Place = {},
): WhetstoneError {
  const message =
    `the response has ${responseTokens} tokens, its end token included, and the cut-off of ${cutoffLength} ` +
    `must also hold one token of the prompt`;
  return new WhetstoneError('RESPONSE_TOO_LONG', message, {
    ...location,
    hint:
      `Raise ${option('cutoffLen')} to ${responseTokens + 1} or more (the model's longest context allowing), ` +
      `shorten or remove this row, or leave such rows out with the ${option('longRows')} skip.`,
  });
}
