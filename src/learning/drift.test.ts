// KL divergence of distributions whose divergence is known.
import { expect, it } from 'vitest';
import { klDivergence } from './drift.ts';

const logs = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, Math.log);

it.each([
  ['from itself', logs(0.2, 0.3, 0.5), logs(0.2, 0.3, 0.5), 0],
  ['a half from a quarter', logs(0.5, 0.5), logs(0.25, 0.75), 0.5 * Math.log(2) + 0.5 * Math.log(2 / 3)],
  ['what has no probability counts nothing', logs(0, 1), logs(0.5, 0.5), Math.log(2)],
  ['two places add up', logs(1, 0, 0.5, 0.5), logs(0.5, 0.5, 0.5, 0.5), Math.log(2)],
])('%s', (_, p, q, expected) => {
  expect(klDivergence(p, q)).toBeCloseTo(expected, 6);
});
