// How long rows are, and which of them a cut-off touches. It knows numbers, and tokenizes through a callback.

export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  /** The smallest length that at least 95% of the rows do not exceed. */
  readonly p95: number;
  readonly max: number;
  readonly total: number;
}

/** Null for no numbers at all. The median of an even count is the lower of the two in the middle. */
export function spreadOf(lengths: Iterable<number>): Spread | null {
  const sorted = Float64Array.from(lengths).sort();
  const count = sorted.length;
  if (count === 0) return null;
  // Nearest rank: always a length that occurs.
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * count) - 1)]!;
  return {
    count,
    min: sorted[0]!,
    median: rank(0.5),
    p95: rank(0.95),
    max: sorted[count - 1]!,
    total: sorted.reduce((sum, length) => sum + length, 0),
  };
}

/** Lengths of one triplet in tokens. */
export interface TokenLengths {
  /** The plain prompt, and the prompt that shows the judgment (null for a satisfactory row). */
  readonly prompt: number;
  readonly judgedPrompt: number | null;
  /** Of the prompt that shows the judgment, what stands from the judgment on, and a BOS; 0 where there is none. */
  readonly judgment?: number;
  /** The response with its end token. */
  readonly response: number;
  /** True if the response had to be tokenized apart from its prompt. */
  readonly retokenized: boolean;
  /** The largest token id of its sequences. */
  readonly largestToken: number;
}

/**
 * What a cut-off and the model's positions, both in tokens, do to a row: neither the response nor the judgment is ever cut,
 * one prompt token has to stay, and what is left has to have positions.
 */
export function fit(
  lengths: TokenLengths,
  cutoff: number,
  positions: number = Infinity,
): 'whole' | 'truncated' | 'unfit' | 'cut' | 'beyond' {
  if (lengths.response + 1 > cutoff) return 'unfit';
  if (lengths.response + (lengths.judgment ?? 0) > cutoff) return 'cut';
  const longest = longestOf(lengths);
  if (Math.min(longest, cutoff) > positions) return 'beyond';
  return longest > cutoff ? 'truncated' : 'whole';
}

/** Tokens of the row's longest sequence. */
export const longestOf = ({ prompt, judgedPrompt, response }: TokenLengths): number =>
  Math.max(prompt, judgedPrompt ?? 0) + response;
