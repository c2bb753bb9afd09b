// How many rows are how long, for a picture. Knows numbers.

export interface Histogram {
  /** The width of each bar; the first begins at 0. */
  readonly step: number;
  /** Rows from `i * step` on, up to the next bar; the last has all that are longer as well. */
  readonly counts: readonly number[];
  readonly longest: number;
  /** The lower of the two in the middle, where their number is even. */
  readonly median: number;
  /** Whether the last bar has rows that would need a bar of their own further out. */
  readonly gathersRest: boolean;
}

const mostBars = 48;

/**
 * Bars of 1, 2 or 5 times a power of ten. A few rows that are far longer than the others do not squeeze those into one
 * bar; `limit` (where rows become too long) has a bar of its own where it is near. Null for no numbers.
 */
export function histogramOf(lengths: readonly number[], limit: number = Infinity): Histogram | null {
  if (lengths.length === 0) return null;
  const sorted = Float64Array.from(lengths).sort();
  const longest = sorted.at(-1)!;
  const most = sorted[Math.floor(0.99 * (sorted.length - 1))]!;
  let reach = Math.max(1, longest > 2 * most ? 1.5 * most : longest);
  if (limit <= 2 * longest) reach = Math.max(reach, 1.15 * limit);
  const step = niceStep(reach / mostBars);
  const counts = Array.from({ length: Math.floor(reach / step) + 1 }, () => 0);
  for (const length of sorted) counts[Math.min(counts.length - 1, Math.floor(length / step))]!++;
  const median = sorted[Math.ceil(sorted.length / 2) - 1]!;
  return { step, counts, longest, median, gathersRest: longest >= counts.length * step };
}

/** The least of 1, 2, 5, 10, 20, … that is at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least)));
  return Math.max(
    1,
    [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least)!,
  );
}
