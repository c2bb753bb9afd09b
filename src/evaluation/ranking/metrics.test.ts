import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanFigure, meanOfParts, pooledFigure, rankingScore } from './metrics.ts';

const choices = ['a', 'bbbb', '🙂🙂'];
const truth = [false, true, false];

describe('rankingScore', () => {
  it('acc takes the likeliest, of equals the first', () => {
    const acc = (...logLikelihoods: number[]): number =>
      rankingScore('acc', { choices, truth, logLikelihoods });
    expect(acc(-3, -2, -4)).toBe(1);
    expect(acc(-2, -2, -4)).toBe(0);
    expect(acc(-3, -2, -2)).toBe(1);
  });

  it('acc_norm divides by code points', () => {
    const score = (...logLikelihoods: number[]): number =>
      rankingScore('acc_norm', { choices, truth, logLikelihoods });
    expect(score(-1, -3.9, -2)).toBe(1);
    // -2 / 1 = -8 / 4 = -4 / 2: the first counts.
    expect(score(-2, -8, -4)).toBe(0);
    // By UTF-16 units the third would be -0.75.
    expect(score(-2, -4, -3)).toBe(1);
    expect(score(-2, -4, -1.9)).toBe(0);
  });

  it('mc2 is the share of the true ones, however unlikely all are', () => {
    const two = { choices, truth: [true, false, true] };
    const share = (Math.exp(-1) + Math.exp(-2)) / (Math.exp(-1) + Math.exp(-3) + Math.exp(-2));
    expect(rankingScore('mc2', { ...two, logLikelihoods: [-1, -3, -2] })).toBeCloseTo(share, 14);
    expect(rankingScore('mc2', { ...two, logLikelihoods: [-2001, -2003, -2002] })).toBeCloseTo(share, 14);
  });
});

describe('figures', () => {
  it('have the sample standard deviation over the root of n', () => {
    expect(meanFigure([0, 1, 1, 0])).toEqual({ value: 0.5, stderr: Math.sqrt(1 / 3) / 2 });
    expect(meanFigure([1])).toEqual({ value: 1, stderr: null });
  });

  it('pool variances within parts', () => {
    const { value, stderr } = pooledFigure([
      [0, 1],
      [1, 1, 1, 0],
    ]);
    expect(value).toBe(4 / 6);
    // Squares around the parts' own means: 1/2 and 3/4; 6 documents in 2 parts.
    expect(stderr).toBeCloseTo(Math.sqrt((1 / 2 + 3 / 4) / 4 / 6), 15);
    expect(pooledFigure([[0, 1], [1]]).stderr).toBeNull();
  });

  it('are the same for one part and for its own', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 2, maxLength: 50 }), (scores) => {
        expect(pooledFigure([scores]).stderr).toBeCloseTo(meanFigure(scores).stderr!, 12);
      }),
    );
  });
});

it('weighs parts alike, whatever their sizes', () => {
  const parts = [
    [1, 1, 0, 0],
    [1, 0],
    [1, 1, 1, 0, 0, 0, 0, 0],
  ];
  const { value, stderr } = meanOfParts(parts);
  expect(value).toBeCloseTo((0.5 + 0.5 + 0.375) / 3, 12);
  // Variances of the means: (1/3)/4, (1/2)/2 and (15/56)/8.
  expect(stderr).toBeCloseTo(Math.sqrt(1 / 12 + 1 / 4 + 15 / 448) / 3, 12);
  expect(meanOfParts([[1], [0, 1]]).stderr).toBeNull();
});
