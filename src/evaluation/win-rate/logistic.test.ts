import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitCrossValidated, fitLogistic, probability } from './logistic.ts';
import type { RegressionRows } from './logistic.ts';

const constant = (targets: readonly number[]): RegressionRows => ({
  features: targets.map(() => [1]),
  targets,
  weights: targets.map(() => 1),
});

describe('fitLogistic', () => {
  it('finds the share of ones where it is hardly penalised', () => {
    const [w] = fitLogistic(constant([1, 1, 1, 0]), 1e9) as [number];
    expect(probability([w], [1])).toBeCloseTo(0.75, 6);
  });

  it('solves the penalised equation exactly', () => {
    // Of 0 < w: n (q - p) + 1 / C = 0, so q = p - 1 / (n C).
    const [w] = fitLogistic(constant([1, 1, 1, 0]), 2) as [number];
    expect(probability([w], [1])).toBeCloseTo(0.75 - 1 / 8, 12);
  });

  it('is zero where the penalty outweighs what there is to gain', () => {
    expect(fitLogistic(constant([1, 1, 1, 0]), 0.5)).toEqual([0]);
  });

  it('satisfies the optimality conditions for any data', () => {
    const row = fc.record({
      x: fc.tuple(fc.double({ min: -3, max: 3, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true })),
      p: fc.double({ min: 0, max: 1, noNaN: true }),
      weight: fc.double({ min: 0, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), fc.constantFrom(0.1, 1, 30), (rows, c) => {
        const w = fitLogistic(
          {
            features: rows.map(({ x }) => x),
            targets: rows.map(({ p }) => p),
            weights: rows.map(({ weight }) => weight),
          },
          c,
        );
        for (const j of [0, 1]) {
          const slope = rows.reduce(
            (sum, { x, p, weight }) => sum + weight * (probability(w, x) - p) * x[j]!,
            0,
          );
          if (w[j] === 0) expect(Math.abs(slope)).toBeLessThanOrEqual(1 / c + 1e-6);
          else expect(slope + Math.sign(w[j]!) / c).toBeCloseTo(0, 5);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('fitCrossValidated', () => {
  it('prefers a strong penalty where there is nothing to learn', () => {
    const features = Array.from({ length: 50 }, (_, i) => [Math.sin(i * i)]);
    const targets = features.map((_, i) => (Math.cos(17 * i) > 0 ? 1 : 0));
    const { c } = fitCrossValidated({ features, targets, weights: targets.map(() => 1) });
    expect(c).toBeLessThan(0.5);
  });

  it('needs a row for each fold', () => {
    expect(() => fitCrossValidated(constant([1, 0, 1, 0]))).toThrow(RangeError);
  });
});
