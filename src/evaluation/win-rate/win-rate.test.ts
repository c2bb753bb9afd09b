import { describe, expect, it } from 'vitest';
import { bothWays, isFlip, winRate } from './win-rate.ts';

describe('winRate', () => {
  it('counts wins, losses and draws of what is scored', () => {
    expect(winRate([2, 1, 1.5, null, 1.75])).toMatchObject({
      wins: 2,
      losses: 1,
      draws: 1,
      scored: 4,
      total: 5,
    });
  });

  it('is nothing where nothing is scored', () => {
    expect(winRate([null])).toEqual({
      ...{ winRate: null, standardError: null, discreteWinRate: null },
      ...{ wins: 0, losses: 0, draws: 0, scored: 0, total: 1 },
    });
  });

  it.each([0, 0.99, 2.01, NaN])('refuses the preference %d', (preference) => {
    expect(() => winRate([preference])).toThrow(RangeError);
  });
});

it('takes the mean of both orders, and calls it a flip where the winner changes', () => {
  expect(bothWays(1, 2)).toBe(1.5);
  expect([isFlip(1, 2), isFlip(1.2, 1.8), isFlip(2, 2), isFlip(1.5, 2), isFlip(1.5, 1.5)]).toEqual([
    ...[true, true, false, false, false],
  ]);
});
