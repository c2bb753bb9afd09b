// How well the tokens that a judgment makes more likely agree with where a response's errors are known to be.
// Knows log-probs, token offsets and spans; it does not know who found the errors.
import type { Span } from '../rows/unicode.ts';
import { isPartOf } from '../tokens/marked.ts';

/** One unsatisfactory response, scored after the plain prompt and after the one that shows its judgment. */
export interface ScoredResponse {
  /** Log-probs (nats) of the response's tokens, end token included: shape [tokens]. */
  readonly plain: ArrayLike<number>;
  readonly judged: ArrayLike<number>;
  /** Code points of each token in the response: shape [tokens]; empty for the end token. */
  readonly offsets: readonly Span[];
  /** Code points of its errors. An empty span is a place where something is missing. */
  readonly errors: readonly Span[];
}

/** Counts of one response, or of several added up. */
export interface DetectionCounts {
  readonly tokens: number;
  /** Tokens that overlap an error. */
  readonly wrong: number;
  readonly flagged: number;
  readonly flaggedWrong: number;
  /** Errors that some token overlaps, those of them with a flagged token, and with their first token flagged. */
  readonly spans: number;
  readonly spansFound: number;
  readonly onsetsFound: number;
}

/** Shares in [0, 1]; null where there is nothing to take a share of. */
export interface DetectionFigures {
  readonly lambda: number;
  /** Flagged tokens that are part of an error. */
  readonly precision: number | null;
  /** The precision of flagging tokens at random: tokens that are part of an error. */
  readonly chance: number | null;
  /** Errors with at least one flagged token. */
  readonly spanRecall: number | null;
  /** Errors whose first token is flagged: what follows a wrong beginning is often forced, with or without j. */
  readonly onsetRecall: number | null;
  /** Tokens of errors that are flagged. */
  readonly tokenRecall: number | null;
  /** Tokens that are flagged. */
  readonly flaggedShare: number | null;
}

/** arXiv 2312.14591, Eq. 5 in log space and float32, as the objective computes it: bool [tokens]. */
export function flaggedTokens(
  plain: ArrayLike<number>,
  judged: ArrayLike<number>,
  lambda: number,
): boolean[] {
  const margin = Math.fround(Math.log(lambda));
  return Array.from(judged, (logProb, i) => logProb > Math.fround(plain[i]! + margin));
}

/** Counts for one response. Throws RangeError where log-probs and offsets differ in length. */
export function detect(response: ScoredResponse, lambda: number): DetectionCounts {
  const { plain, judged, offsets, errors } = response;
  if (plain.length !== offsets.length || judged.length !== offsets.length) {
    throw new RangeError(
      `${plain.length} plain and ${judged.length} judged log-probs for ${offsets.length} offsets`,
    );
  }
  const flags = flaggedTokens(plain, judged, lambda);
  const spans = errors
    .map((error) => offsets.flatMap((token, i) => (isPartOf(token, error) ? [i] : [])))
    .filter((tokens) => tokens.length > 0);
  const wrong = new Set(spans.flat());
  const count = <T>(items: Iterable<T>, is: (item: T) => boolean): number => [...items].filter(is).length;
  const isFlagged = (token: number): boolean => flags[token]!;
  return {
    tokens: offsets.length,
    wrong: wrong.size,
    flagged: count(flags, Boolean),
    flaggedWrong: count(wrong, isFlagged),
    spans: spans.length,
    spansFound: count(spans, (tokens) => tokens.some(isFlagged)),
    onsetsFound: count(spans, ([first]) => isFlagged(first!)),
  };
}

/** Figures over all responses together, one for each lambda: each token and each error weighs the same. */
export function detectionFigures(
  responses: readonly ScoredResponse[],
  lambdas: readonly number[],
): DetectionFigures[] {
  return lambdas.map((lambda) =>
    figuresOf(
      lambda,
      responses.map((response) => detect(response, lambda)),
    ),
  );
}

export function figuresOf(lambda: number, counts: readonly DetectionCounts[]): DetectionFigures {
  const total = (key: keyof DetectionCounts): number => counts.reduce((sum, each) => sum + each[key], 0);
  const share = (part: keyof DetectionCounts, whole: keyof DetectionCounts): number | null =>
    total(whole) === 0 ? null : total(part) / total(whole);
  return {
    lambda,
    precision: share('flaggedWrong', 'flagged'),
    chance: share('wrong', 'tokens'),
    spanRecall: share('spansFound', 'spans'),
    onsetRecall: share('onsetsFound', 'spans'),
    tokenRecall: share('flaggedWrong', 'wrong'),
    flaggedShare: share('flagged', 'tokens'),
  };
}
