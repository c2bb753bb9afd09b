// Seeded random numbers for initial weights, dropout and sampling: xoshiro128** (Blackman and Vigna 2018), seeded by
// splitmix32. Every stream is named by integers, so that a resumed run draws what an uninterrupted one drew.

export interface Random {
  /** Uniform in [0, 1), 32 random bits. */
  uniform(): number;
}

/** The stream of random numbers named by `key`; different keys give unrelated streams. */
export function randomStream(...key: readonly number[]): Random {
  let mixer = 0x9e3779b9;
  const splitmix = (): number => {
    mixer = (mixer + 0x9e3779b9) | 0;
    let z = mixer;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  for (const part of key) mixer = (splitmix() ^ (part | 0)) | 0;
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix() | 1;
  return {
    uniform: () => {
      const product = Math.imul(b, 5);
      const result = Math.imul((product << 7) | (product >>> 25), 9);
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
      return (result >>> 0) / 0x1_0000_0000;
    },
  };
}
