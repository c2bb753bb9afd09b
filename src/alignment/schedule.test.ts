import { describe, expect, it } from 'vitest';
import { learningRateAt, resolveWarmup } from './schedule.ts';
import type { Schedule, ScheduleName } from './schedule.ts';

const schedule = (name: ScheduleName, warmupSteps = 10, totalSteps = 50): Schedule => ({
  name,
  learningRate: 10,
  warmupSteps,
  totalSteps,
});
const every5 = (s: Schedule): number[] => Array.from({ length: 10 }, (_, i) => learningRateAt(s, i * 5));

describe('learningRateAt', () => {
  // The cases of transformers' own tests (tests/optimization/test_optimization.py): peak 10, run of 10 steps.
  it('follows transformers on its own examples', () => {
    const unwrap = (name: ScheduleName, warmup: number): number[] =>
      Array.from({ length: 10 }, (_, i) => learningRateAt(schedule(name, warmup, 10), i));
    const expectClose = (found: number[], expected: number[]): void =>
      found.forEach((rate, i) => expect(rate).toBeCloseTo(expected[i]!, 4));
    expectClose(unwrap('constant', 2), [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
    expectClose(unwrap('constant_with_warmup', 4), [0, 2.5, 5, 7.5, 10, 10, 10, 10, 10, 10]);
    expectClose(unwrap('linear', 2), [0, 5, 10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25]);
    expectClose(unwrap('cosine', 2), [0, 5, 10, 9.6194, 8.5355, 6.9134, 5, 3.0866, 1.4645, 0.3806]);
  });

  it('starts at 0 with warm-up, at the peak without', () => {
    expect(learningRateAt(schedule('cosine'), 0)).toBe(0);
    expect(learningRateAt(schedule('cosine', 0), 0)).toBe(10);
    expect(learningRateAt(schedule('linear', 0), 0)).toBe(10);
  });

  it('stays on the ramp when the warm-up is longer than the run', () => {
    expect(every5(schedule('cosine', 100)).at(-1)).toBeCloseTo(4.5, 12);
  });

  it('ends at 0 and never below', () => {
    expect(learningRateAt(schedule('cosine'), 50)).toBeCloseTo(0, 12);
    expect(learningRateAt(schedule('linear'), 60)).toBe(0);
  });
});

describe('resolveWarmup', () => {
  it('takes steps, and shares of the run below 1', () => {
    expect([resolveWarmup(100, 50), resolveWarmup(0.1, 55), resolveWarmup(0, 55)]).toEqual([100, 6, 0]);
  });
  it('refuses what is neither', () => {
    expect(() => resolveWarmup(1.5, 10)).toThrow(/warmup_steps/);
    expect(() => resolveWarmup(-1, 10)).toThrow(/warmup_steps/);
  });
});
