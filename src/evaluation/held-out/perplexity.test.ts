import { expect, it } from 'vitest';
import { perplexity, perplexityPerResponse } from './perplexity.ts';

const responses = [
  { logProb: -Math.log(2) * 10, tokens: 10 },
  { logProb: -Math.log(8) * 2, tokens: 2 },
];

it('weighs tokens alike', () => {
  expect(perplexity(responses)).toBeCloseTo(2 ** (16 / 12), 12);
});

it('weighs responses alike', () => {
  const { each, mean, stderr } = perplexityPerResponse(responses);
  expect(each[0]).toBeCloseTo(2, 12);
  expect(each[1]).toBeCloseTo(8, 12);
  expect(mean).toBeCloseTo(5, 12);
  expect(stderr).toBeCloseTo(3, 12);
});

it('is no number without responses', () => {
  expect(perplexity([])).toBeNaN();
  expect(perplexityPerResponse([])).toEqual({ each: [], mean: NaN, stderr: null });
});
