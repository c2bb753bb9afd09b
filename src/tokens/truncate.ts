// Left truncation: prompts lose their oldest tokens until prompt and response fit, the response stays whole.
// It does not know text.
import type { Sequence } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { ErrorLocation } from '../errors.ts';

export interface TruncationSettings {
  /** Most tokens that a sequence may have, prompt and response together. */
  readonly cutoffLength: number;
  /** Kept at the front of a shortened prompt that begins with it; null where the tokenizer has none. */
  readonly bosTokenId: number | null;
}

/** Sequences that fit, and how many prompt tokens each of them lost. */
export interface Truncated {
  readonly fits: true;
  readonly plain: Sequence;
  readonly judged: Sequence | null;
  readonly droppedPlain: number;
  /** 0 where there is no judged sequence. */
  readonly droppedJudged: number;
}

/** The response leaves no room for even one prompt token; the row cannot be used. */
export interface ResponseTooLong {
  readonly fits: false;
  readonly responseTokens: number;
  readonly cutoffLength: number;
}

/**
 * Shortens the plain and the judged sequence to `cutoffLength` tokens, each for itself.
 *
 * Prompt tokens are dropped from the left; a leading BOS is kept, since models are trained to see one at the
 * first position. The response is never cut: where it leaves no room for one token of prompt (the BOS counts),
 * the result is a `ResponseTooLong`.
 */
export function truncateTriplet(
  triplet: { readonly plain: Sequence; readonly judged: Sequence | null },
  settings: TruncationSettings,
): Truncated | ResponseTooLong {
  const plain = truncateLeft(triplet.plain, settings);
  const judged = triplet.judged === null ? null : truncateLeft(triplet.judged, settings);
  if (plain === null || (triplet.judged !== null && judged === null)) {
    const responseTokens = triplet.plain.ids.length - triplet.plain.responseStart;
    return { fits: false, responseTokens, cutoffLength: settings.cutoffLength };
  }
  return {
    fits: true,
    plain: plain.sequence,
    judged: judged?.sequence ?? null,
    droppedPlain: plain.dropped,
    droppedJudged: judged?.dropped ?? 0,
  };
}

/** One sequence shortened from the left; null if the response leaves no room for a prompt token. */
export function truncateLeft(
  sequence: Sequence,
  { cutoffLength, bosTokenId }: TruncationSettings,
): { readonly sequence: Sequence; readonly dropped: number } | null {
  const { ids, responseStart } = sequence;
  const room = cutoffLength - (ids.length - responseStart);
  if (room < 1) return null;
  const dropped = responseStart - room;
  if (dropped <= 0) return { sequence, dropped: 0 };
  const kept = ids.slice(dropped);
  if (bosTokenId !== null && ids[0] === bosTokenId) kept[0] = bosTokenId;
  return { sequence: { ids: kept, responseStart: room }, dropped };
}

/** The error for a row that `truncateTriplet` cannot use. */
export function responseTooLong(
  { responseTokens, cutoffLength }: ResponseTooLong,
  location: ErrorLocation = {},
): WhetstoneError {
  const message =
    `the response has ${responseTokens} tokens, its end token included, and the cut-off of ${cutoffLength} ` +
    `must also hold one token of the prompt`;
  return new WhetstoneError('RESPONSE_TOO_LONG', message, {
    ...location,
    hint:
      `Raise --cutoff_len to ${responseTokens + 1} or more (the model's longest context allowing), ` +
      'or shorten or remove this row.',
  });
}
