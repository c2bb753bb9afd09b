// Which tokens of a response are part of its marked errors. Knows offsets and spans; not who marked what.
import type { Span } from '../rows/unicode.ts';

/** For each token whether some error takes it in; shape of `offsets`. */
export const markedTokens = (offsets: readonly Span[], errors: readonly Span[]): boolean[] =>
  offsets.map((token) => errors.some((error) => isPartOf(token, error)));

/**
 * Whether a token is part of an error. What is missing (an empty error) concerns the token that stands in its
 * place: the one that begins at or covers the place, or the end token where the response ends there.
 */
export function isPartOf([start, end]: Span, [from, to]: Span): boolean {
  if (from === to) return start <= from && (from < end || (start === end && start === from));
  return start < to && from < end;
}
