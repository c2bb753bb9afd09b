// How the next token is chosen, and generation's own promises: one prompt, one result, whatever runs beside it.
import { afterAll, describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import type { Sampling } from './engine.ts';
import { chooseToken } from './generate.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { createRandom } from '../random.ts';

const sampling: Sampling = { maxNewTokens: 1, temperature: 1, topK: 0, topP: 1, seed: 0 };

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

describe.each(['mistral', 'gemma'])('generation with %s', (model) => {
  const engines: OnnxEngine[] = [];
  afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
  const open = async (): Promise<OnnxEngine> => {
    const engine = await openEngine({ modelDir: modelDir(model), threads: 1 });
    engines.push(engine);
    return engine;
  };
  const prompts = [[1, 5, 9], [1], [1, 7, 3, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39], [1, 44]].map((ids) =>
    Int32Array.from(ids),
  );
  const settings: Sampling = { maxNewTokens: 15, temperature: 0.9, topK: 0, topP: 0.95, seed: 5 };
  const idsOf = async (engine: OnnxEngine, given: readonly Int32Array[], s = settings): Promise<number[][]> =>
    (await engine.generate(given, s)).map(({ ids }) => [...ids]);

  it('repeats itself with a seed and differs with another', async () => {
    const engine = await open();
    const first = await idsOf(engine, prompts);
    expect(await idsOf(engine, prompts)).toEqual(first);
    expect(await idsOf(await open(), prompts)).toEqual(first);
    expect(await idsOf(engine, prompts, { ...settings, seed: 6 })).not.toEqual(first);
  });

  it('gives a prompt what it would get beside shorter, longer or more prompts', async () => {
    const engine = await open();
    const greedy = { ...settings, temperature: 0 };
    const together = await idsOf(engine, [...prompts, ...prompts, ...prompts], greedy);
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await idsOf(engine, [prompt], greedy);
      for (const at of [i, i + 4, i + 8]) expect(together[at]).toEqual(alone);
    }
  });

  it('stops at the end token and at the limit', async () => {
    const engine = await open();
    for (const { ids, finished } of await engine.generate(prompts, settings)) {
      const end = ids.indexOf(2);
      expect(finished).toBe(end >= 0);
      expect(ids.length).toBe(end >= 0 ? end + 1 : 15);
    }
    const none = await engine.generate(prompts, { ...settings, maxNewTokens: 0 });
    expect(none.map(({ ids, finished }) => [ids.length, finished])).toEqual(prompts.map(() => [0, false]));
    expect(await engine.generate([], settings)).toEqual([]);
  });

  it('chooses what scoring finds most likely', async () => {
    const engine = await open();
    const prompt = prompts[2]!;
    const [made] = await idsOf(engine, [prompt], { ...settings, temperature: 0, maxNewTokens: 6 });
    const base = [...prompt];
    for (const token of made!) {
      const rivals = Array.from({ length: engine.describe().vocabSize }, (_, rival) => ({
        ids: Int32Array.from([...base, rival]),
        responseStart: base.length,
      }));
      const scores = (await engine.score(rivals)).map(([logProb]) => logProb!);
      expect(scores[token]).toBeGreaterThan(Math.max(...scores) - 1e-4);
      // The probabilities of all next tokens add up to 1.
      expect(scores.reduce((total, s) => total + Math.exp(s), 0)).toBeCloseTo(1, 4);
      base.push(token);
    }
  });
});
