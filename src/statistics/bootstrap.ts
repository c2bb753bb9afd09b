// Seeded bootstrap intervals for results measured on the same items under several seeds. Knows numbers only.
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import { mean, quantile } from './spread.ts';

/** One number for each seed and item, such as 1 where an instruction was answered well: shape [seeds][items]. */
export type Outcomes = readonly (ArrayLike<number> & Iterable<number>)[];

export interface BootstrapSettings {
  /** Resamples drawn; default 2000. */
  readonly resamples?: number | undefined;
  /** Share of resamples inside the interval; default 0.95. */
  readonly confidence?: number;
  /** Seed of the drawing; the same seed gives the same interval. */
  readonly seed?: number;
}

export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Mean over seeds and items with a percentile interval (Efron and Tibshirani 1993, chapter 13). Each resample
 * draws the items with replacement and, where there are several, the seeds with replacement, each seed keeping
 * its items: the interval covers the choice of both. With few seeds it understates how much seeds differ.
 *
 * Throws RangeError unless there is a seed, an item, and every seed has as many items.
 */
export function bootstrapMean(outcomes: Outcomes, settings: BootstrapSettings = {}): Estimate {
  const items = itemsOf([outcomes]);
  return percentile(settings, mean(outcomes.map(average)), (random) => {
    const drawn = draw(items, random);
    return meanOf(outcomes, draw(outcomes.length, random), drawn);
  });
}

/**
 * Mean difference of `ours` minus `theirs` on the same items, with a percentile interval of the paired
 * bootstrap: each resample draws the items once for both sides, so that what makes an item hard cancels out.
 * Where both sides have as many seeds, these are paired too (seed i with seed i); otherwise each side's seeds are
 * drawn on their own, and a side with one seed, such as an untrained model, keeps it.
 *
 * Throws RangeError unless both sides have a seed, and every seed as many items.
 */
export function pairedBootstrap(
  ours: Outcomes,
  theirs: Outcomes,
  settings: BootstrapSettings = {},
): Estimate {
  const items = itemsOf([ours, theirs]);
  const value = mean(ours.map(average)) - mean(theirs.map(average));
  return percentile(settings, value, (random) => {
    const drawn = draw(items, random);
    const ourSeeds = draw(ours.length, random);
    const theirSeeds = theirs.length === ours.length ? ourSeeds : draw(theirs.length, random);
    return meanOf(ours, ourSeeds, drawn) - meanOf(theirs, theirSeeds, drawn);
  });
}

/**
 * Sum of `numerators` over sum of `denominators`, one pair an item, with a percentile interval over items: for
 * shares whose whole differs from item to item, such as precision over the flagged tokens of many responses.
 * Null where the denominators sum to 0; a resample where they do is left out.
 */
export function bootstrapRatio(
  numerators: ArrayLike<number>,
  denominators: ArrayLike<number>,
  settings: BootstrapSettings = {},
): Estimate | null {
  if (numerators.length !== denominators.length) {
    throw new RangeError(`${numerators.length} numerators for ${denominators.length} denominators`);
  }
  const ratio = (indices: ArrayLike<number>): number => {
    let [above, below] = [0, 0];
    for (let i = 0; i < indices.length; i++) {
      above += numerators[indices[i]!]!;
      below += denominators[indices[i]!]!;
    }
    return above / below;
  };
  const value = ratio(Uint32Array.from({ length: numerators.length }, (_, i) => i));
  if (!Number.isFinite(value)) return null;
  return percentile(settings, value, (random) => ratio(draw(numerators.length, random)));
}

function percentile(
  { resamples = 2000, confidence = 0.95, seed = 0 }: BootstrapSettings,
  value: number,
  resample: (random: Random) => number,
): Estimate {
  if (!Number.isInteger(resamples) || resamples < 1)
    throw new RangeError(`no interval of ${resamples} resamples`);
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`no interval of confidence ${confidence}`);
  const random = createRandom(seed, bootstrapStream);
  const drawn = Float64Array.from({ length: resamples }, () => resample(random));
  const sorted = drawn.filter((result) => !Number.isNaN(result)).sort();
  const tail = (1 - confidence) / 2;
  return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
}

const bootstrapStream = 0x626f6f74;

function itemsOf(sides: readonly Outcomes[]): number {
  const lengths = sides.flatMap((side) => side.map(({ length }) => length));
  const [items = 0] = lengths;
  if (sides.some((side) => side.length === 0) || items === 0) {
    throw new RangeError('a bootstrap needs at least one seed and one item');
  }
  if (lengths.some((length) => length !== items)) {
    throw new RangeError(`every seed needs the same items, found ${lengths.join(', ')} of them`);
  }
  return items;
}

/** `count` indices below `count`, with replacement. */
function draw(count: number, random: Random): Uint32Array {
  const indices = new Uint32Array(count);
  if (count > 1) for (let i = 0; i < count; i++) indices[i] = random.below(count);
  return indices;
}

function average(row: Iterable<number>): number {
  let [sum, count] = [0, 0];
  for (const value of row) {
    sum += value;
    count++;
  }
  return sum / count;
}

function meanOf(outcomes: Outcomes, seeds: Uint32Array, items: Uint32Array): number {
  let sum = 0;
  for (const seed of seeds) {
    const row = outcomes[seed]!;
    for (const item of items) sum += row[item]!;
  }
  return sum / (seeds.length * items.length);
}
