import { expect, it } from 'vitest';
import type { Job } from './batch-plan.ts';
import { lossScales } from './loss-scale.ts';

const job = (likelihood: number, comparison: number): Job => ({
  example: 0,
  role: 'plain',
  sequence: { ids: Int32Array.of(1, 2), responseStart: 1 },
  likelihood,
  marked: undefined,
  comparison,
  advantage: 0,
});

it('brings the largest weight of a token near 256 by a power of two, and goes down from there', () => {
  const scales = lossScales({ alone: [job(0.01, 0)], compared: [[job(0, 0.3), job(0.001, 0)]] });
  expect(scales[0]).toBe(512);
  expect(512 * 0.3).toBeLessThanOrEqual(256);
  expect(scales).toHaveLength(6);
  scales.slice(1).forEach((scale, i) => expect(scale).toBe(scales[i]! / 16));
  for (const scale of scales) expect(Number.isInteger(Math.log2(scale))).toBe(true);
});

it('has a scale for a batch in which nothing counts', () => {
  expect(lossScales({ alone: [], compared: [] })[0]).toBe(1);
});
