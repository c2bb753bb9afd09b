// Bootstrap intervals: known widths, pairing, determinism.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { bootstrapMean, bootstrapRatio, pairedBootstrap } from './bootstrap.ts';

const coins = (count: number, share: number, seed: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => Number(random.float() < share));
};
const meanOf = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0) / row.length;

describe('bootstrapMean', () => {
  it('has the width of a binomial standard error for one seed', () => {
    const row = coins(900, 0.3, 1);
    const p = meanOf(row);
    const { value, low, high } = bootstrapMean([row], { resamples: 4000 });
    expect(value).toBeCloseTo(p, 12);
    const expected = 2 * 1.96 * Math.sqrt((p * (1 - p)) / 900);
    expect(Math.abs(high - low - expected)).toBeLessThan(0.1 * expected);
    expect(Math.abs((low + high) / 2 - p)).toBeLessThan(0.005);
  });

  it('widens with the spread of seeds, which items alone would not show', () => {
    const flat = (value: number): number[] => new Array<number>(50).fill(value);
    const alike = bootstrapMean([flat(0.4)]);
    expect(alike.low).toBeCloseTo(0.4);
    expect(alike.high).toBeCloseTo(0.4);
    const { value, low, high } = bootstrapMean([flat(0.2), flat(0.4), flat(0.6)]);
    expect(value).toBeCloseTo(0.4);
    // 1 in 27 draws takes the first seed three times.
    expect(low).toBeCloseTo(0.2);
    expect(high).toBeCloseTo(0.6);
  });

  it('narrows with less confidence, and is the same for the same seed', () => {
    const rows = [coins(200, 0.5, 3), coins(200, 0.5, 4)];
    const wide = bootstrapMean(rows, { confidence: 0.99, seed: 7 });
    const narrow = bootstrapMean(rows, { confidence: 0.5, seed: 7 });
    expect(narrow.high - narrow.low).toBeLessThan((wide.high - wide.low) / 2);
    expect(bootstrapMean(rows, { seed: 7 })).toEqual(bootstrapMean(rows, { seed: 7 }));
    expect(bootstrapMean(rows, { seed: 7 })).not.toEqual(bootstrapMean(rows, { seed: 8 }));
  });

  it('refuses nothing to draw from', () => {
    expect(() => bootstrapMean([])).toThrow(RangeError);
    expect(() => bootstrapMean([[]])).toThrow(RangeError);
    expect(() => bootstrapMean([[1, 0], [1]])).toThrow(/2, 1 of them/);
    expect(() => bootstrapMean([[1]], { confidence: 1 })).toThrow(RangeError);
  });
});

describe('pairedBootstrap', () => {
  it('cancels what both sides share: the interval is that of the difference', () => {
    const base = coins(600, 0.5, 5);
    // Better on exactly every tenth item that the base fails.
    const failed = base.flatMap((value, i) => (value === 0 ? [i] : []));
    const better = new Set(failed.filter((_, k) => k % 10 === 0));
    const ours = base.map((value, i) => (better.has(i) ? 1 : value));
    const { value, low, high } = pairedBootstrap([ours], [base]);
    expect(value).toBeCloseTo(better.size / 600, 12);
    expect(low).toBeGreaterThan(0);
    const unpaired = bootstrapMean([ours]);
    expect(high - low).toBeLessThan((unpaired.high - unpaired.low) / 2);
  });

  it('pairs seeds where both sides have as many', () => {
    const rows = [coins(50, 0.2, 1), coins(50, 0.9, 2), coins(50, 0.5, 3)];
    expect(pairedBootstrap(rows, rows)).toEqual({ value: 0, low: 0, high: 0 });
  });

  it('keeps the one seed of an untrained model', () => {
    const one = [[0, 0, 0, 0]];
    const { value, low, high } = pairedBootstrap(
      [
        [1, 1, 1, 1],
        [0, 0, 0, 0],
      ],
      one,
    );
    expect([value, low, high]).toEqual([0.5, 0, 1]);
  });

  it('refuses other items on the other side', () => {
    expect(() => pairedBootstrap([[1, 0]], [[1, 0, 1]])).toThrow(/same items/);
  });
});

describe('bootstrapRatio', () => {
  it('is a ratio of sums', () => {
    const { value, low, high } = bootstrapRatio([1, 0, 3], [2, 0, 4])!;
    expect(value).toBeCloseTo(4 / 6);
    expect(low).toBeGreaterThanOrEqual(0.5);
    expect(high).toBeLessThanOrEqual(0.75);
  });

  it('is nothing where there is no whole', () => {
    expect(bootstrapRatio([0, 0], [0, 0])).toBeNull();
    expect(() => bootstrapRatio([1], [1, 2])).toThrow(RangeError);
  });
});
