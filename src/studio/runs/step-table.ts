// The figures of a run's steps as columns of numbers that grow, and stretches of them in buckets, so that a hundred
// thousand steps are as few points as a screen shows. Knows no files.
import { meanWindow } from '../../report/curves.ts';
import type { RunCurves, RunSeries } from '../api/runs.ts';

export interface StepTable {
  readonly count: () => number;
  /** Step of the row at `index`, counted from 0. */
  readonly stepAt: (index: number) => number;
  /** NaN where the row has none. */
  readonly valueAt: (name: string, index: number) => number;
  /** Of those columns that have a value. */
  readonly names: () => string[];
  /** `step` is above that of the row before. */
  readonly append: (step: number, values: Readonly<Record<string, unknown>>) => void;
}

/** What there are curves of, beside the parts of the loss. */
const shown = ['loss', 'flagged_fraction', 'grad_norm', 'learning_rate', 'tokens_per_second'];
/** Kept for other figures. */
const kept = ['response_tokens', 'epoch'];
/** No method has as many. */
const mostParts = 8;
/** A mean of it would only hide where it bends. */
const exact = 'learning_rate';

const isPart = (name: string): boolean => name.startsWith('loss_') && name !== 'loss_scale';

export function createStepTable(): StepTable {
  let capacity = 1024;
  let count = 0;
  let steps = new Float64Array(capacity);
  const columns = new Map<string, Float64Array>();
  const grow = (): void => {
    capacity *= 2;
    const larger = (column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const next = new Float64Array(capacity).fill(NaN);
      next.set(column);
      return next;
    };
    steps = larger(steps);
    for (const [name, column] of columns) columns.set(name, larger(column as Float64Array<ArrayBuffer>));
  };
  const isKept = (name: string): boolean =>
    columns.has(name) ||
    shown.includes(name) ||
    kept.includes(name) ||
    (isPart(name) && [...columns.keys()].filter(isPart).length < mostParts);
  return {
    count: () => count,
    stepAt: (index) => steps[index]!,
    valueAt: (name, index) => columns.get(name)?.[index] ?? NaN,
    names: () => {
      const parts = [...columns.keys()].filter(isPart);
      const [loss, ...others] = shown;
      return [loss!, ...parts, ...others].filter((name) => columns.has(name));
    },
    append: (step, values) => {
      if (count === capacity) grow();
      steps[count] = step;
      for (const [name, value] of Object.entries(values)) {
        if (typeof value !== 'number' || !isKept(name)) continue;
        let column = columns.get(name);
        if (column === undefined) columns.set(name, (column = new Float64Array(capacity).fill(NaN)));
        column[count] = value;
      }
      count++;
    },
  };
}

export interface Stretch {
  /** Steps, both included. */
  readonly from: number;
  readonly to: number;
  /** Most buckets of the stretch. */
  readonly points: number;
}

/**
 * The stretch in buckets, and half as much again on either side of it. A bucket has a power of two of rows and begins
 * at a multiple of that, so that it stays the same while the run grows and the stretch moves.
 */
export function curvesOf(table: StepTable, { from, to, points }: Stretch, revision: number): RunCurves {
  const count = table.count();
  if (count === 0) return { revision, first: 0, last: 0, every: 1, window: 1, steps: [], series: {} };
  const [begin, end] = [rowOf(table, from), rowOf(table, to + 1)];
  const rows = Math.max(1, end - begin);
  let every = 1;
  while (rows / every > points) every *= 2;
  const around = Math.ceil(rows / 2);
  const firstBucket = Math.floor(Math.max(0, begin - around) / every);
  const lastBucket = Math.floor(Math.min(count - 1, end + around) / every);
  const buckets = lastBucket - firstBucket + 1;
  const window = meanWindow(rows);
  const rowsOf = (bucket: number): readonly [number, number] => {
    const start = (firstBucket + bucket) * every;
    return [start, Math.min(count, start + every)];
  };
  const steps = Array.from({ length: buckets }, (_, bucket) => {
    const [start, stop] = rowsOf(bucket);
    return table.stepAt((start + stop - 1) >> 1);
  });
  const reach = Math.floor(window / every / 2);
  const series: Record<string, RunSeries> = {};
  for (const name of table.names())
    series[name] = seriesOf({
      values: (row) => table.valueAt(name, row),
      ...{ buckets, rowsOf },
      reach: name === exact ? 0 : reach,
      spread: every > 1 || (window > 1 && name !== exact),
    });
  return { revision, first: table.stepAt(0), last: table.stepAt(count - 1), every, window, steps, series };
}

interface Buckets {
  readonly values: (row: number) => number;
  readonly buckets: number;
  readonly rowsOf: (bucket: number) => readonly [number, number];
  /** Buckets on either side that a mean takes in. */
  readonly reach: number;
  readonly spread: boolean;
}

function seriesOf({ values, buckets, rowsOf, reach, spread }: Buckets): RunSeries {
  const low = new Array<number>(buckets);
  const high = new Array<number>(buckets);
  // Sums and counts of all buckets before each.
  const sums = new Float64Array(buckets + 1);
  const counts = new Float64Array(buckets + 1);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const [start, stop] = rowsOf(bucket);
    let [least, most, sum, known] = [Infinity, -Infinity, 0, 0];
    for (let row = start; row < stop; row++) {
      const value = values(row);
      if (!Number.isFinite(value)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
      sum += value;
      known++;
    }
    low[bucket] = known === 0 ? NaN : short(least);
    high[bucket] = known === 0 ? NaN : short(most);
    sums[bucket + 1] = sums[bucket]! + sum;
    counts[bucket + 1] = counts[bucket]! + known;
  }
  const line = low.map((least, bucket) => {
    if (Number.isNaN(least)) return NaN;
    const [start, stop] = [Math.max(0, bucket - reach), Math.min(buckets, bucket + reach + 1)];
    return short((sums[stop]! - sums[start]!) / (counts[stop]! - counts[start]!));
  });
  return { line, low: spread ? low : null, high: spread ? high : null };
}

/** As many digits as a screen can show. */
const short = (value: number): number => Number(value.toPrecision(6));

/** The first row whose step is at least this. */
function rowOf(table: StepTable, step: number): number {
  let [low, high] = [0, table.count()];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table.stepAt(middle) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
