// Random streams: the same numbers for the same key, unrelated ones for different keys, uniform.
import { describe, expect, it } from 'vitest';
import { randomStream } from './random.ts';

const take = (count: number, ...key: number[]): number[] => {
  const random = randomStream(...key);
  return Array.from({ length: count }, () => random.uniform());
};
const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
const correlation = (xs: readonly number[], ys: readonly number[]): number => {
  const [mx, my] = [mean(xs), mean(ys)];
  const covariance = mean(xs.map((x, i) => (x - mx) * (ys[i]! - my)));
  return covariance / Math.sqrt(mean(xs.map((x) => (x - mx) ** 2)) * mean(ys.map((y) => (y - my) ** 2)));
};

describe('randomStream', () => {
  it('gives the same numbers for the same key, on every machine', () => {
    expect(take(100, 1, 2, 3)).toEqual(take(100, 1, 2, 3));
    // Written down once: a change here would make resumed runs differ from the runs they continue.
    expect(take(3, 0).map((u) => u * 2 ** 32)).toEqual([2236831792, 4285205328, 2140981883]);
    expect(take(3, 7, 1, 0).map((u) => u * 2 ** 32)).toEqual([709359851, 1461200806, 3856495364]);
  });

  it('gives every key a stream of its own', () => {
    const keys = [
      [],
      [0],
      [0, 0],
      [0, 0, 0],
      [1],
      [1, 0],
      [0, 1],
      [1, 1],
      [-1],
      [2 ** 31],
      [256],
      [1, 2, 3],
      [3, 2, 1],
    ];
    const streams = keys.map((key) => take(4, ...key).join());
    expect(new Set(streams).size).toBe(keys.length);
    const firsts = Array.from({ length: 20_000 }, (_, i) => take(1, 5, i, 0)[0]!);
    // 32 random bits: 20,000 draws collide about 0.05 times.
    expect(new Set(firsts).size).toBeGreaterThan(19_995);
  });

  it('is uniform, within a stream and across neighbouring keys', () => {
    for (const sample of [take(50_000, 3), Array.from({ length: 50_000 }, (_, i) => take(1, 3, i)[0]!)]) {
      expect(sample.every((u) => u >= 0 && u < 1)).toBe(true);
      const bins = new Array<number>(64).fill(0);
      for (const u of sample) bins[Math.floor(u * 64)]!++;
      const expected = sample.length / 64;
      const chiSquare = bins.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
      // 63 degrees of freedom: below 130 with all but one in a million seeds.
      expect(chiSquare).toBeLessThan(130);
      expect(chiSquare).toBeGreaterThan(20);
    }
  });

  it('has no correlation between successive numbers or neighbouring streams', () => {
    const xs = take(20_001, 9);
    expect(Math.abs(correlation(xs.slice(0, -1), xs.slice(1)))).toBeLessThan(0.035);
    for (const [a, b] of [
      [[9], [10]],
      [
        [9, 0],
        [9, 1],
      ],
      [
        [9, 4, 0],
        [9, 4, 1],
      ],
      [
        [0, 1],
        [1, 0],
      ],
    ]) {
      expect(Math.abs(correlation(take(20_000, ...a!), take(20_000, ...b!)))).toBeLessThan(0.035);
    }
  });
});
