import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fit, spreadOf } from './lengths.ts';

describe('spreadOf', () => {
  it('uses nearest ranks', () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([5])).toEqual({ count: 1, min: 5, median: 5, p95: 5, max: 5, total: 5 });
    expect(spreadOf([4, 1, 3, 2])).toMatchObject({ min: 1, median: 2, p95: 4, max: 4, total: 10 });
    expect(spreadOf(Array.from({ length: 100 }, (_, i) => i + 1))).toMatchObject({
      median: 50,
      p95: 95,
      max: 100,
    });
  });

  it('at least 95% of the lengths do not exceed p95, and fewer do not exceed anything smaller', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1 }), (lengths) => {
        const { p95 } = spreadOf(lengths)!;
        const within = (limit: number): number => lengths.filter((l) => l <= limit).length / lengths.length;
        expect(within(p95)).toBeGreaterThanOrEqual(0.95);
        expect(within(p95 - 1)).toBeLessThan(0.95);
      }),
    );
  });
});

it('fit leaves room for one token of prompt', () => {
  const lengths = { prompt: 6, judgedPrompt: 9, response: 4, retokenized: false, largestToken: 0 };
  expect(fit(lengths, 13)).toBe('whole');
  expect(fit(lengths, 12)).toBe('truncated');
  expect(fit({ ...lengths, judgedPrompt: null }, 10)).toBe('whole');
  expect(fit({ ...lengths, judgedPrompt: null }, 9)).toBe('truncated');
  expect(fit(lengths, 5)).toBe('truncated');
  expect(fit(lengths, 4)).toBe('unfit');
});

it('fit says where the cut-off would reach into the judgment', () => {
  const lengths = {
    prompt: 6,
    judgedPrompt: 9,
    judgment: 3,
    response: 4,
    retokenized: false,
    largestToken: 0,
  };
  expect(fit(lengths, 7)).toBe('truncated');
  expect(fit(lengths, 6)).toBe('cut');
  expect(fit(lengths, 4)).toBe('unfit');
});

it('fit says which rows the model has no positions for, once the cut-off has done its part', () => {
  const lengths = { prompt: 6, judgedPrompt: 9, response: 4, retokenized: false, largestToken: 0 };
  expect(fit(lengths, 20, 13)).toBe('whole');
  expect(fit(lengths, 20, 12)).toBe('beyond');
  expect(fit(lengths, 12, 12)).toBe('truncated');
  expect(fit(lengths, 4, 3)).toBe('unfit');
  expect(fit(lengths, Infinity, 12)).toBe('beyond');
});
