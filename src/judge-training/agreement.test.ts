import { describe, expect, it } from 'vitest';
import { agreementOf } from './agreement.ts';
import type { DecisionPair } from './agreement.ts';

const times = (count: number, expected: boolean, found: boolean | null): DecisionPair[] =>
  Array.from({ length: count }, () => ({ expected, found }));

describe('agreementOf', () => {
  it('counts "not perfect" as the class to be found', () => {
    // 10 not perfect: 6 found, 3 missed, 1 unreadable; 6 perfect: 4 found, 2 taken for wrong.
    const agreement = agreementOf([
      ...times(6, false, false),
      ...times(3, false, true),
      ...times(1, false, null),
      ...times(4, true, true),
      ...times(2, true, false),
    ])!;
    expect(agreement).toMatchObject({ rows: 16, not_perfect: 10, unreadable: 1 / 16 });
    expect(agreement.accuracy).toBeCloseTo(10 / 16);
    expect(agreement.majority_accuracy).toBeCloseTo(10 / 16);
    expect(agreement.precision).toBeCloseTo(6 / 8);
    expect(agreement.recall).toBeCloseTo(6 / 10);
    expect(agreement.f1).toBeCloseTo((2 * 0.75 * 0.6) / (0.75 + 0.6));
    const [low, high] = agreement.accuracy_interval;
    expect(low).toBeLessThan(10 / 16);
    expect(high).toBeGreaterThan(10 / 16);
  });

  it('has no figure where there is nothing to divide by', () => {
    expect(agreementOf([])).toBeNull();
    expect(agreementOf(times(3, true, true))).toMatchObject({
      accuracy: 1,
      precision: null,
      recall: null,
      f1: null,
    });
    expect(agreementOf(times(3, false, null))).toMatchObject({
      accuracy: 0,
      precision: null,
      recall: 0,
      unreadable: 1,
    });
  });
});
