// Plain likelihood: which triplets count, and how much each of their tokens weighs.
import { expect, it } from 'vitest';
import { likelihood } from './likelihood.ts';

const batch = [
  { tokens: 4, rejected: false },
  { tokens: 6, rejected: true },
  { tokens: 10, rejected: false },
];
const weigh = (options: Parameters<typeof likelihood>[0]): number[] =>
  likelihood(options)
    .weigh(batch)
    .map(({ plainLikelihood, judgedLikelihood, contrast }) => {
      expect([judgedLikelihood, contrast]).toEqual([0, 0]);
      return plainLikelihood;
    });

it('skips rejected responses, and averages over the others', () => {
  expect(weigh({})).toEqual([1 / 8, 0, 1 / 20]);
  expect(weigh({ normalize: 'tokens' })).toEqual([1 / 14, 0, 1 / 14]);
});

it('counts them like any other where asked to', () => {
  expect(weigh({ includeRejected: true })).toEqual([1 / 12, 1 / 18, 1 / 30]);
  expect(weigh({ includeRejected: true, normalize: 'tokens' })).toEqual([1 / 20, 1 / 20, 1 / 20]);
});

it('weighs nothing where nothing counts', () => {
  expect(likelihood().weigh([{ tokens: 3, rejected: true }])[0]!.plainLikelihood).toBe(0);
});
