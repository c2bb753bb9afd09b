// ROUGE by hand: words, clipping, lines, the best of several references, means. test/golden has rouge-score's values.
import { expect, it } from 'vitest';
import { rougeMeans, rouge, rougeOfBest, rougeTokens } from './index.ts';

it('finds words of a-z and 0-9 and stems the long ones', () => {
  expect(rougeTokens('The Dogs’ 3rd walk: naïve\u00a0walking!')).toEqual([
    'the', 'dogs', '3rd', 'walk', 'na', 've', 'walking',
  ]); // prettier-ignore
  expect(rougeTokens('was walking, dogs say: dying', true)).toEqual(['was', 'walk', 'dog', 'say', 'die']);
  expect(rougeTokens(' … ')).toEqual([]);
});

it('clips counts of n-grams', () => {
  const { rouge1, rouge2 } = rouge('tea tea milk', 'tea tea tea tea');
  expect(rouge1).toEqual({ precision: 2 / 4, recall: 2 / 3, f: (2 * 0.5 * (2 / 3)) / (0.5 + 2 / 3) });
  expect(rouge2.precision).toBe(1 / 3);
  expect(rouge2.recall).toBe(1 / 2);
});

it('takes ROUGE-L over the whole text and ROUGE-Lsum line by line', () => {
  const { rougeL, rougeLsum } = rouge('a b c\nd e f', 'd e f\na b c');
  expect(rougeL.f).toBe(0.5);
  expect(rougeLsum.f).toBe(1);
  // The union of [w1 w2] and [w1 w3 w5] is four hits of five words.
  const { rougeLsum: union } = rouge('w1 w2 w3 w4 w5', 'w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5');
  expect([union.precision, union.recall]).toEqual([0.4, 0.8]);
  // The one "tea" of the response is not hit twice.
  expect(rouge('tea\ntea', 'tea').rougeLsum).toEqual({ precision: 1, recall: 0.5, f: 2 / 3 });
});

it('gives 0 for texts without words', () => {
  const none = { precision: 0, recall: 0, f: 0 };
  for (const [reference, response] of [['tea', ''], ['', 'tea'], ['', ''], ['tea', '…\n?']] as const) {
    expect(rouge(reference, response)).toEqual({ rouge1: none, rouge2: none, rougeL: none, rougeLsum: none });
  } // prettier-ignore
  expect(rouge('tea', 'tea').rouge2).toEqual(none);
});

it('gives only what was asked for, and refuses other types', () => {
  expect(Object.keys(rouge('tea', 'tea', { types: ['rouge9', 'rougeL'] }))).toEqual(['rouge9', 'rougeL']);
  expect(() => rouge('tea', 'tea', { types: ['rouge0' as 'rouge1'] })).toThrow(RangeError);
});

it('takes the best reference for each type', () => {
  const best = rougeOfBest(['a b c d', 'd c b a x'], 'd c b a');
  expect(best.rouge1).toEqual({ precision: 1, recall: 1, f: 1 });
  expect(best.rougeL).toEqual({ precision: 1, recall: 0.8, f: 1.6 / 1.8 });
  expect(() => rougeOfBest([], 'a')).toThrow(RangeError);
});

it('means over responses with seeded intervals', () => {
  const scores = ['tea', 'tea milk', 'coffee', 'tea with milk'].map((text) => rouge('tea milk', text));
  const { rouge1 } = rougeMeans(scores, { seed: 3, resamples: 500 });
  expect(rouge1.f.value).toBeCloseTo((2 / 3 + 1 + 0 + 0.8) / 4, 12);
  expect(rouge1.recall.value).toBeCloseTo((0.5 + 1 + 0 + 1) / 4, 12);
  expect(rouge1.f.low).toBeLessThan(rouge1.f.value);
  expect(rouge1.f.high).toBeGreaterThan(rouge1.f.value);
  expect(rougeMeans(scores, { seed: 3, resamples: 500 })).toEqual(
    rougeMeans(scores, { seed: 3, resamples: 500 }),
  );
  expect(() => rougeMeans([])).toThrow(RangeError);
});
