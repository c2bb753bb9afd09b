// Axes: round tick values, domains that end on them, and the words for them. It knows nothing of pixels or SVG.
import { fixed, scientific } from './format.ts';

export type NumberFormat = 'number' | 'percent';

/** Multiples of 1, 2 or 5 times a power of ten that lie in [low, high]: at most `most`, which is at least 2. */
export function linearTicks(low: number, high: number, most: number): number[] {
  const step = niceStep(low, high, most);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Dividing by the inverse keeps 0.3 from being 0.30000000000000004.
  const inverse = Math.round(1 / step);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    step < 1 ? (first + i) / inverse : (first + i) * step,
  );
}

/** Widens [low, high] to the ticks around it; a domain without extent gets one. */
export function niceDomain(low: number, high: number, most: number): [number, number] {
  if (!(high > low)) {
    const around = Math.abs(low) || 1;
    return niceDomain(low === 0 ? 0 : low - around / 2, low + around / 2, most);
  }
  const step = niceStep(low, high, most);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

/** The domain of values from `low` to `high` with a margin; of positive ones from 0 where that costs little room. */
export function valueDomain(low: number, high: number): [number, number] {
  if (low >= 0 && low < high * 0.4) return [0, high * 1.04];
  const margin = (high - low) * 0.04 || Math.abs(low) / 10 || 1;
  return [low - margin, high + margin];
}

/** The smallest 1, 2 or 5 times a power of ten of which at most `most` multiples lie within the extent. */
function niceStep(low: number, high: number, most: number): number {
  const rough = (high - low) / Math.max(1, most - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))!;
  return factor * power;
}

/** Ticks of a logarithmic axis: 1-2-5 of every decade, then decades, then every n-th decade, at most `most`. */
export function logTicks(low: number, high: number, most: number): number[] {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const of = (factors: readonly number[], every: number): number[] => {
    const ticks: number[] = [];
    for (let power = first; power <= last; power += every)
      for (const factor of factors) {
        // A negative power as a quotient is exact to the last digit, as a product it is not.
        const tick = power < 0 ? factor / 10 ** -power : factor * 10 ** power;
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
      }
    return ticks;
  };
  for (const factors of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
    const ticks = of(factors, 1);
    if (ticks.length <= most && ticks.length >= 2) return ticks;
  }
  for (let every = 1; every <= last - first; every++) {
    const ticks = of([1], every);
    if (ticks.length <= most) return ticks;
  }
  return of([1], Math.max(1, last - first));
}

/** The words for ticks of one axis, all with the same number of decimals. */
export function tickLabels(ticks: readonly number[], format: NumberFormat, log = false): string[] {
  const scale = format === 'percent' ? 100 : 1;
  const suffix = format === 'percent' ? '%' : '';
  const values = ticks.map((tick) => tick * scale);
  const largest = Math.max(...values.map(Math.abs));
  if (format === 'number' && (largest >= 1e6 || (largest > 0 && largest < 1e-3)))
    return values.map((value) => (value === 0 ? '0' : scientific(value)));
  if (log) return values.map((value) => fixed(value, decimalsOf(value)) + suffix);
  const decimals = Math.max(0, ...values.map(decimalsOf));
  return values.map((value) => fixed(value, decimals) + suffix);
}

/** Decimals that a tick needs: how far behind the point its last digit stands. */
function decimalsOf(value: number): number {
  if (value === 0) return 0;
  const [mantissa, exponent] = Number(value.toPrecision(6)).toExponential().split('e') as [string, string];
  return Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - Number(exponent));
}
