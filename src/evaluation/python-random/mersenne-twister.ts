// MT19937, the 32-bit Mersenne Twister. Knows words of 32 bits, nothing of Python.

const size = 624;
const middle = 397;

/**
 * A stream of uint32 numbers (Matsumoto and Nishimura 1998, "Mersenne Twister", and their reference program of 2002),
 * seeded by its `init_by_array` with at least one key word.
 */
export function createMersenneTwister(key: readonly number[]): () => number {
  const state = seedByArray(key);
  let at = size;
  return () => {
    if (at === size) {
      twist(state);
      at = 0;
    }
    let word = state[at++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  };
}

/** `init_genrand` of the reference program. */
function seedByNumber(seed: number): Uint32Array {
  const state = new Uint32Array(size);
  state[0] = seed;
  for (let i = 1; i < size; i++) {
    const before = state[i - 1]!;
    state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
  }
  return state;
}

/** `init_by_array` of the reference program. */
function seedByArray(key: readonly number[]): Uint32Array {
  const state = seedByNumber(19650218);
  let i = 1;
  const next = (factor: number, added: number, sign: 1 | -1): void => {
    const before = state[i - 1]!;
    state[i] = (state[i]! ^ Math.imul(before ^ (before >>> 30), factor)) + sign * added;
    if (++i === size) {
      state[0] = state[size - 1]!;
      i = 1;
    }
  };
  for (let k = 0, j = 0; k < Math.max(size, key.length); k++) {
    next(1664525, key[j]! + j, 1);
    j = (j + 1) % key.length;
  }
  for (let k = 1; k < size; k++) next(1566083941, i, -1);
  state[0] = 0x80000000;
  return state;
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < size; i++) {
    const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % size]! & 0x7fffffff);
    state[i] = state[(i + middle) % size]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
  }
}
