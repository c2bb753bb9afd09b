import { describe, expect, it } from 'vitest';
import type { Drawing } from './draw.ts';
import { drawRound } from './draw.ts';

const drawing = (given: Partial<Drawing> = {}): Drawing => ({
  ...{ count: 100, round: 1, perRound: 10, failedShare: 0, seed: 1 },
  ...{ used: new Set<number>(), failures: new Map<number, number>() },
  ...given,
});

describe('drawRound', () => {
  it('draws each instruction once, over all rounds', () => {
    const used = new Set<number>();
    for (let round = 1; round <= 10; round++) {
      const drawn = drawRound(drawing({ round, used }));
      expect(drawn).toHaveLength(10);
      expect(drawn).toEqual([...drawn].sort((a, b) => a - b));
      for (const position of drawn) {
        expect(used.has(position)).toBe(false);
        used.add(position);
      }
    }
    expect(used.size).toBe(100);
    expect(drawRound(drawing({ round: 11, used }))).toEqual([]);
  });

  it('depends on the seed, and on nothing else that changes', () => {
    expect(drawRound(drawing())).toEqual(drawRound(drawing()));
    expect(drawRound(drawing({ seed: 2 }))).not.toEqual(drawRound(drawing()));
  });

  it('gives a share to instructions that failed, those that failed often more likely', () => {
    const used = new Set(Array.from({ length: 40 }, (_, i) => i));
    const failures = new Map(Array.from({ length: 40 }, (_, i) => [i, i < 10 ? 4 : i < 20 ? 1 : 0] as const));
    const times = new Map<number, number>();
    const rounds = 2000;
    for (let round = 1; round <= rounds; round++) {
      const drawn = drawRound(drawing({ round, used, failures, failedShare: 0.25 }));
      const again = drawn.filter((position) => used.has(position));
      expect(again).toHaveLength(2);
      expect(new Set(drawn).size).toBe(10);
      for (const position of again) times.set(position, (times.get(position) ?? 0) + 1);
    }
    expect([...times.keys()].every((position) => position < 20)).toBe(true);
    const often = [...times].filter(([position]) => position < 10).reduce((sum, [, n]) => sum + n, 0);
    // Two draws without replacement from ten of weight 4 and ten of weight 1: 0.8, then 36/46 or 40/49.
    const expected = 0.8 + 0.8 * (36 / 46) + 0.2 * (40 / 49);
    expect(often / rounds).toBeGreaterThan(expected - 0.06);
    expect(often / rounds).toBeLessThan(expected + 0.06);
  });

  it('takes fresh ones where too few failed', () => {
    const failures = new Map([[3, 1]]);
    const drawn = drawRound(drawing({ used: new Set([3]), failures, failedShare: 1 }));
    expect(drawn).toHaveLength(10);
    expect(drawn).toContain(3);
  });
});
