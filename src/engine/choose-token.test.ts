// How the next token is chosen from logits.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { chooseToken, withLogProbs } from './choose-token.ts';
import type { Sampling } from './engine.ts';
import { penalizeRepetition } from './shape-logits.ts';

const sampling: Sampling = { maxNewTokens: 1, temperature: 1 };

/** Share of each token among many draws. */
function shares(logits: readonly number[], settings: Partial<Sampling>): number[] {
  const draws = 20_000;
  const random = createRandom(42);
  const counts = new Array<number>(logits.length).fill(0);
  const values = Float32Array.from(logits);
  for (let i = 0; i < draws; i++) counts[chooseToken(values, { ...sampling, ...settings }, random)]!++;
  return counts.map((count) => count / draws);
}

function expectShares(found: readonly number[], weights: readonly number[]): void {
  const total = weights.reduce((a, b) => a + b, 0);
  found.forEach((share, i) => {
    const p = weights[i]! / total;
    // Five standard deviations; tokens that are cut off must never come.
    if (p === 0 || p === 1) expect(share).toBe(p);
    else expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / 20_000));
  });
}

const logitsOf = (weights: readonly number[]): number[] => weights.map(Math.log);

describe('chooseToken', () => {
  it('takes the best token at temperature 0, the first of equal ones', () => {
    const never = { float: (): number => expect.fail('greedy choice draws nothing') };
    const greedy = { ...sampling, temperature: 0 };
    expect(chooseToken(Float32Array.of(1, 3, 2), greedy, never)).toBe(1);
    expect(chooseToken(Float32Array.of(2, 5, 5, 5), greedy, never)).toBe(1);
    expect(chooseToken(Float32Array.of(-Infinity, -7), greedy, never)).toBe(1);
  });

  it('draws by probability', () => {
    expectShares(shares(logitsOf([5, 1, 3, 1]), {}), [5, 1, 3, 1]);
    expectShares(shares([1000, 1001, -Infinity], {}), [1, Math.E, 0]);
  });

  it('sharpens and flattens with the temperature', () => {
    expectShares(shares(logitsOf([4, 1, 2]), { temperature: 0.5 }), [16, 1, 4]);
    expectShares(shares(logitsOf([4, 1, 2]), { temperature: 2 }), [2, 1, Math.SQRT2]);
    expectShares(shares(logitsOf([4, 1, 2]), { temperature: 1e-4 }), [1, 0, 0]);
  });

  it('keeps the k best, the first of equal ones', () => {
    expectShares(shares(logitsOf([1, 4, 2, 3]), { topK: 2 }), [0, 4, 0, 3]);
    expectShares(shares(logitsOf([2, 2, 2]), { topK: 2 }), [2, 2, 0]);
    expectShares(shares(logitsOf([1, 4, 2]), { topK: 1 }), [0, 1, 0]);
    expectShares(shares(logitsOf([1, 4, 2]), { topK: 99 }), [1, 4, 2]);
  });

  it('keeps the fewest tokens whose probabilities reach top-p, at least one', () => {
    expectShares(shares(logitsOf([5, 3, 1, 1]), { topP: 0.79 }), [5, 3, 0, 0]);
    expectShares(shares(logitsOf([5, 3, 1, 1]), { topP: 0.81 }), [5, 3, 1, 0]);
    expectShares(shares(logitsOf([5, 3, 1, 1]), { topP: 0.3 }), [1, 0, 0, 0]);
    expectShares(shares(logitsOf([1, 2]), { topP: 0 }), [0, 1]);
    expectShares(shares(logitsOf([5, 3, 1, 1]), { topP: 1 }), [5, 3, 1, 1]);
  });

  it('cuts by top-k first, then by the share of what is left', () => {
    expectShares(shares(logitsOf([4, 3, 2, 1]), { topK: 2, topP: 0.5 }), [1, 0, 0, 0]);
    expectShares(shares(logitsOf([4, 3, 2, 1]), { topK: 3, topP: 0.75 }), [4, 3, 0, 0]);
  });
});

describe('chooseToken in a large vocabulary', () => {
  // Logits from steep to flat, so that the search for the nucleus has to look deeper.
  it.each([0.01, 0.5, 3, 40])('finds the nucleus that sorting everything finds, spread %f', (spread) => {
    const random = createRandom(3);
    const logits = Float32Array.from({ length: 5000 }, () => spread * (random.float() - 0.5));
    const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
    const weights = order.map((id) => Math.exp(logits[id]! / 0.7));
    for (const [topK, topP] of [
      [0, 0.3],
      [0, 0.999],
      [50, 1],
      [50, 0.5],
      [9999, 0.9],
    ] as const) {
      const kept = weights.slice(0, topK > 0 ? topK : undefined);
      const total = kept.reduce((a, b) => a + b, 0);
      let [size, mass] = [0, 0];
      while (size < kept.length && mass < topP * total) mass += kept[size++]!;
      const settings = { ...sampling, temperature: 0.7, topK, topP };
      // The lowest and the highest point of the draw take the first and the last token of the nucleus.
      expect(chooseToken(logits, settings, { float: () => 0 })).toBe(order[0]);
      expect(chooseToken(logits, settings, { float: () => 1 - 1e-12 })).toBe(order[size - 1]);
    }
  });
});

describe('penalizeRepetition', () => {
  it('lowers what was seen, whatever its sign', () => {
    const logits = Float32Array.of(4, -4, 2, -2, 0);
    penalizeRepetition(logits, new Set([0, 1, 4]), 2);
    expect([...logits]).toEqual([2, -8, 2, -2, 0]);
  });
});

describe('withLogProbs', () => {
  it('tells the log-prob of the token and of the likeliest, the first of equal ones', () => {
    const token = withLogProbs(Float32Array.from(logitsOf([1, 4, 2, 2, 1])), 4, 3);
    const logProbs = [1, 4, 2, 2, 1].map((weight) => Math.log(weight / 10));
    expect(token.id).toBe(4);
    expect(token.logProb).toBeCloseTo(logProbs[4]!, 6);
    expect(token.top.map(({ id }) => id)).toEqual([1, 2, 3]);
    token.top.forEach(({ id, logProb }) => expect(logProb).toBeCloseTo(logProbs[id]!, 6));
    expect(withLogProbs(Float32Array.of(1, 2), 0, 5).top).toHaveLength(2);
    expect(withLogProbs(Float32Array.of(1, 2), 0, 0).top).toEqual([]);
  });

  it('does not overflow', () => {
    expect(withLogProbs(Float32Array.of(1000, 1000), 1, 0).logProb).toBeCloseTo(-Math.LN2, 6);
  });
});
