// Seeded random numbers that are the same on every machine and in every release. Not for secrets.
// It knows nothing of data or models.

/**
 * A stream of random numbers: xoshiro128** 1.1 (Blackman and Vigna, prng.di.unimi.it), 32 bits a draw,
 * period 2^128 - 1.
 */
export interface Random {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** A float64 in [0, 1) with 53 random bits (two draws). */
  float(): number;
  /** An integer in [0, bound), without bias; `bound` is an integer from 1 to 2^32. Throws RangeError otherwise. */
  below(bound: number): number;
  /** The four words of state: `randomFromState(r.state())` continues where r stands. */
  state(): Uint32Array;
}

/**
 * A stream chosen by a seed and, where one seed has to give several independent streams, by further numbers
 * such as an epoch or a row. All are integers of up to 53 bits; the order matters.
 */
export function createRandom(seed: number, ...stream: readonly number[]): Random {
  // SplitMix64 from the seed, as xoshiro's authors advise; each further number enters after a full mixing round.
  for (const part of [seed, ...stream]) {
    if (!Number.isSafeInteger(part)) throw new RangeError(`a random seed must be an integer, found ${part}`);
  }
  let state = BigInt(seed);
  for (const part of stream) state = mix64(state + GOLDEN) + BigInt(part);
  const first = mix64(state + GOLDEN);
  const second = mix64(state + 2n * GOLDEN);
  return randomFromState([first, first >> 32n, second, second >> 32n].map((w) => Number(w & 0xffffffffn)));
}

/** Continues a stream from the four 32-bit words that `state()` gave. Throws RangeError if all are zero. */
export function randomFromState(words: ArrayLike<number>): Random {
  let [a = 0, b = 0, c = 0, d = 0] = Uint32Array.from(words);
  if ((a | b | c | d) === 0) throw new RangeError('the state of a random stream cannot be all zero');

  const uint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
  const below = (bound: number): number => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`a bound must be an integer from 1 to 2^32, found ${bound}`);
    }
    // Draws past the last whole multiple of the bound would favour small results.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const draw = uint32();
      if (draw < limit) return draw % bound;
    }
  };
  return {
    uint32,
    below,
    float: () => (uint32() >>> 5) * 2 ** -27 + (uint32() >>> 6) * 2 ** -53,
    state: () => Uint32Array.of(a, b, c, d),
  };
}

/** Reorders an array in place, every order equally likely (Fisher-Yates), and returns it. */
export function shuffle<T extends { length: number; [index: number]: number }>(items: T, random: Random): T {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const moved = items[last]!;
    items[last] = items[other]!;
    items[other] = moved;
  }
  return items;
}

const GOLDEN = 0x9e3779b97f4a7c15n;

function mix64(value: bigint): bigint {
  let z = BigInt.asUintN(64, value);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
