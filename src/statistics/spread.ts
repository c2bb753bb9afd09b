// Location and spread of a few numbers, such as one per seed. Knows nothing of what they measure.

/** Arithmetic mean. Throws RangeError for no numbers. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the mean of no numbers is not defined');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation (divided by n - 1); null for fewer than two numbers. */
export function standardDeviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * The value below which a share `q` in [0, 1] of the numbers lies, interpolated linearly between neighbours
 * (type 7 of Hyndman and Fan 1996, NumPy's default). `sorted` ascends and is not empty.
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0 || !(q >= 0 && q <= 1)) {
    throw new RangeError(`no quantile ${q} of ${sorted.length} numbers`);
  }
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}
