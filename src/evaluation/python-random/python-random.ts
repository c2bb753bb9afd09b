// Python's `random.Random` for whole-number seeds, draw for draw as CPython 3.11 and later give them, so that the same
// few-shot examples are chosen. For this project's own draws there is src/random.ts.
import { createMersenneTwister } from './mersenne-twister.ts';

/** Methods of the same names in Python's `random.Random`; each moves the stream on by as many words as there. */
export interface PythonRandom {
  /** `random()`: a float64 in [0, 1) of 53 bits. */
  readonly random: () => number;
  /** `getrandbits(bits)`: a whole number below 2^bits, for 0 to 53 bits. Throws RangeError otherwise. */
  readonly getrandbits: (bits: number) => number;
  /** `randrange(bound)`: a whole number in [0, bound), for 1 <= bound <= 2^53 - 1. Throws RangeError otherwise. */
  readonly randrange: (bound: number) => number;
  /** `choice(items)`: one of them. Throws RangeError for none. */
  readonly choice: <T>(items: ArrayLike<T>) => T;
  /** `shuffle(items)`: reorders the array in place. */
  readonly shuffle: <T>(items: T[]) => void;
  /** `sample(items, count)`: `count` of them without replacement, in the order drawn. Throws RangeError for more than there are. */
  readonly sample: <T>(items: ArrayLike<T>, count: number) => T[];
}

/** `random.Random(seed)`. As in Python a negative seed gives the stream of its positive. Throws RangeError for a fraction. */
export function createPythonRandom(seed: number | bigint): PythonRandom {
  const word = createMersenneTwister(keyOf(seed));

  const random = (): number => {
    const high = word() >>> 5;
    const low = word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
  const getrandbits = (bits: number): number => {
    if (!Number.isInteger(bits) || bits < 0 || bits > 53) throw new RangeError(`cannot draw ${bits} bits`);
    if (bits === 0) return 0;
    if (bits <= 32) return word() >>> (32 - bits);
    const low = word();
    return (word() >>> (64 - bits)) * 2 ** 32 + low;
  };
  const randrange = (bound: number): number => {
    if (!Number.isSafeInteger(bound) || bound < 1)
      throw new RangeError(`cannot draw a number below ${bound}`);
    const bits = bitLength(bound);
    for (;;) {
      const drawn = getrandbits(bits);
      if (drawn < bound) return drawn;
    }
  };
  const choice = <T>(items: ArrayLike<T>): T => {
    if (items.length === 0) throw new RangeError('cannot choose from no items');
    return items[randrange(items.length)]!;
  };
  const shuffle = (items: unknown[]): void => {
    for (let last = items.length - 1; last > 0; last--) {
      const other = randrange(last + 1);
      [items[last], items[other]] = [items[other], items[last]];
    }
  };
  const sample = <T>(items: ArrayLike<T>, count: number): T[] => {
    const total = items.length;
    if (!Number.isInteger(count) || count < 0 || count > total) {
      throw new RangeError(`cannot sample ${count} of ${total} items`);
    }
    return total <= poolLimit(count)
      ? sampleFromPool(items, count, randrange)
      : sampleFromSet(items, count, randrange);
  };
  return { random, getrandbits, randrange, choice, shuffle, sample };
}

/** Draws from the items that are left; a drawn one gives its place to the last. */
function sampleFromPool<T>(items: ArrayLike<T>, count: number, randrange: (bound: number) => number): T[] {
  const pool = Array.from(items);
  return Array.from({ length: count }, (_, drawn) => {
    const last = pool.length - drawn - 1;
    const at = randrange(last + 1);
    const item = pool[at]!;
    pool[at] = pool[last]!;
    return item;
  });
}

/** Draws from all items, again where one was drawn before. */
function sampleFromSet<T>(items: ArrayLike<T>, count: number, randrange: (bound: number) => number): T[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(randrange(items.length));
  return Array.from(drawn, (at) => items[at]!);
}

/**
 * Up to how many items CPython copies a pool: where a list of them takes no more memory than the set of the drawn
 * ones would, 21 + 4^ceil(log4(3 count)), or 21 for a count of up to 5.
 */
function poolLimit(count: number): number {
  let set = 1;
  while (set < 3 * count) set *= 4;
  return count > 5 ? 21 + set : 21;
}

/** The seed's magnitude in words of 32 bits, the lowest first. */
function keyOf(seed: number | bigint): number[] {
  let rest = BigInt(seed);
  if (rest < 0n) rest = -rest;
  const key: number[] = [];
  do {
    key.push(Number(rest & 0xffffffffn));
    rest >>= 32n;
  } while (rest > 0n);
  return key;
}

/** Python's `int.bit_length` of a whole number of at least 1. */
function bitLength(value: number): number {
  return value.toString(2).length;
}
