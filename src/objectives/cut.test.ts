// CUT's arithmetic on token log-probs against the equations, finite differences, and its ablations.
import { describe, expect, it } from 'vitest';
import type { Nd } from '../graph/arrays.test-helper.ts';
import { map } from '../graph/arrays.test-helper.ts';
import type { GradientCase } from '../graph/gradient-check.test-helper.ts';
import {
  checkGradient,
  expectClose,
  numbersOf,
  openSession,
  toOrt,
  uniform,
} from '../graph/gradient-check.test-helper.ts';
import { cast, dim, emit, grad, input, sum } from '../graph/index.ts';
import type { CutOptions } from './cut.ts';
import { cut, log1mExp } from './cut.ts';
import { evaluate, tokenComparison, total } from './evaluate.test-helper.ts';
import { likelihood } from './likelihood.ts';
import { tokenShares } from './objective.ts';

const logProbs = uniform(-4, -0.05);

/** Eq. 6, or the release's form of it; flags and the dynamic weight are constants of the base point. */
const contrast = (options: CutOptions, dtype: 'float64' | 'float32'): GradientCase => ({
  inputs: [
    { axes: 'tokens', values: logProbs },
    { axes: 'tokens', values: logProbs },
  ],
  trace: ([plain, judged]) => tokenComparison(cut(options)).compare(plain!, [judged!], {}).loss,
  reference: ([basePlain, baseJudged]) => {
    const { preset = 'paper', lambda = 1.2, alpha = 1, detection = true, dynamicWeight = true } = options;
    const gamma = dynamicWeight ? (options.gamma ?? (preset === 'paper' ? 1 : 0)) : 0;
    const flagged = map(
      (p, j) => Number(!detection || Math.exp(j) > lambda * Math.exp(p)),
      basePlain!,
      baseJudged!,
    );
    const weight = map((j) => alpha * Math.exp(j) ** gamma, baseJudged!);
    return ([plain]) => map((p, f, w) => (f ? -w * Math.log(1 - Math.exp(p)) : -p), plain!, flagged, weight);
  },
  dtype,
  max: 8,
});

describe.each(['paper', 'released-code'] as const)('contrast of %s', (preset) => {
  it.each([
    {},
    { lambda: 1.1, alpha: 0.5, gamma: 2 },
    { lambda: 1.5, alpha: 0.25, gamma: 0.25 },
    { lambda: 1, gamma: 0 },
    { detection: false },
    { dynamicWeight: false, alpha: 2 },
  ] satisfies CutOptions[])('agrees with the equations and finite differences: %j', async (options) => {
    await checkGradient(contrast({ preset, ...options }, 'float64'));
    await checkGradient(contrast({ preset, ...options }, 'float32'));
  });
});

describe('log1mExp', () => {
  it('agrees with finite differences', async () => {
    const at = (low: number, high: number): GradientCase => ({
      inputs: [{ axes: 'tokens', values: uniform(low, high) }],
      trace: ([x]) => log1mExp(x!),
      reference: () => (xs) => map((x) => Math.log(-Math.expm1(x)), ...xs),
      max: 6,
    });
    await checkGradient(at(-30, -0.01));
    await checkGradient({ ...at(-5, -0.1), dtype: 'float32' });
  });

  it('keeps its digits near p = 1 and p = 0, in single precision', async () => {
    const xs = [-1e-8, -1e-6, -1e-3, -0.5, -20, -100].map(Math.fround);
    const { value, slope } = await evaluate(xs);
    xs.forEach((x, i) => {
      const exact = Math.log(-Math.expm1(x));
      expect(Math.abs(value[i]! - exact)).toBeLessThan(1e-6 * Math.abs(exact) + 1e-7);
      const exactSlope = Math.exp(x) / Math.expm1(x);
      expect(Math.abs(slope[i]! - exactSlope)).toBeLessThan(1e-6 * Math.abs(exactSlope) + 1e-37);
    });
  });

  it('is held, with derivative 0, where p is 1 or rounding has made it larger', async () => {
    const { value, slope } = await evaluate([0, 1e-7]);
    expectClose(value, [Math.log(1e-10), Math.log(1e-10)], 1e-6, 'value');
    expect(slope).toEqual([0, 0]);
  });

  async function evaluate(xs: readonly number[]): Promise<{ value: number[]; slope: number[] }> {
    const x = input('x', 'float32', [xs.length]);
    const value = log1mExp(x);
    const session = await openSession(emit({ value, slope: grad(sum(value), [x])[0]! }).bytes);
    const result = await session.run({ x: toOrt('float32', vector(xs)) });
    await session.release();
    return { value: numbersOf(result.value!), slope: numbersOf(result.slope!) };
  }
});

const vector = (xs: readonly number[]): Nd => ({ shape: [xs.length], data: Float64Array.from(xs) });

/** Loss, flags and gradients at given log-probs. */
async function runContrast(
  options: CutOptions,
  plain: readonly number[],
  judged: readonly number[],
): Promise<Record<'loss' | 'flagged' | 'dPlain' | 'dJudged', number[]>> {
  const n = dim('n');
  const [p, j] = [input('p', 'float32', [n]), input('j', 'float32', [n])];
  const { loss, flagged } = tokenComparison(cut(options)).compare(p, [j], {});
  const [dPlain, dJudged] = grad(sum(loss), [p, j]);
  // Sizes come from inputs that a value uses; the judged log-probs only move the weight and the flags.
  const session = await openSession(
    emit({ loss, flagged: cast(flagged, 'float32'), dPlain: dPlain!, dJudged: dJudged! }).bytes,
  );
  const feeds = { p: toOrt('float32', vector(plain)), j: toOrt('float32', vector(judged)) };
  const result = await session.run(
    Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))),
  );
  await session.release();
  return {
    loss: numbersOf(result.loss!),
    flagged: numbersOf(result.flagged!),
    dPlain: numbersOf(result.dPlain!),
    dJudged: numbersOf(result.dJudged!),
  };
}

describe('contrast', () => {
  it('flags a token that the judgment makes more than lambda times as likely', async () => {
    const plain = [0.5, 0.5, 0.5, 0.01];
    const judged = [0.59, 0.61, 0.1, 0.9];
    const { flagged } = await runContrast({ lambda: 1.2 }, plain.map(Math.log), judged.map(Math.log));
    expect(flagged).toEqual([0, 1, 0, 1]);
    const { flagged: every } = await runContrast(
      { detection: false },
      plain.map(Math.log),
      judged.map(Math.log),
    );
    expect(every).toEqual([1, 1, 1, 1]);
  });

  it('sends no gradient through the judged log-probs', async () => {
    for (const preset of ['paper', 'released-code'] as const) {
      const { dJudged } = await runContrast({ preset, gamma: 1 }, [-2, -1], [-0.1, -3]);
      expect(dJudged).toEqual([0, 0]);
    }
  });

  it.each(['paper', 'released-code'] as const)(
    'stays finite at certain and impossible tokens: %s',
    async (preset) => {
      const plain = [0, 0, -200, -200];
      const judged = [0, -200, 0, -200];
      for (const detection of [true, false]) {
        const { loss, dPlain } = await runContrast({ preset, detection, lambda: 1 }, plain, judged);
        expect([...loss, ...dPlain].filter((x) => !Number.isFinite(x))).toEqual([]);
      }
    },
  );
});

describe('weights', () => {
  const batch = [
    { tokens: { plain: 4 }, rejected: false },
    { tokens: { plain: 6, judged: 6 }, rejected: true },
  ];
  const weigh = (options: CutOptions): unknown => cut(options).weigh(batch);

  it('gives each triplet the mean over its tokens, and the batch the mean over its triplets', () => {
    expect(weigh({})).toEqual([
      { likelihood: { plain: 1 / 8 }, comparison: 0 },
      { likelihood: { judged: 1 / 12 }, comparison: 1 / 12 },
    ]);
    expect(weigh({ normalize: 'tokens' })).toEqual([
      { likelihood: { plain: 1 / 10 }, comparison: 0 },
      { likelihood: { judged: 1 / 10 }, comparison: 1 / 10 },
    ]);
  });

  it('halves both losses of a rejected response as the release does', () => {
    expect(weigh({ preset: 'released-code' })).toEqual([
      { likelihood: { plain: 1 / 8 }, comparison: 0 },
      { likelihood: { judged: 1 / 24 }, comparison: 1 / 24 },
    ]);
  });

  it('leaves out what an ablation switches off', () => {
    expect(weigh({ l1: false, alignP: false })).toEqual([
      { likelihood: { plain: 0 }, comparison: 0 },
      { likelihood: { judged: 1 / 12 }, comparison: 0 },
    ]);
    expect(weigh({ alignN: false })).toEqual([
      { likelihood: { plain: 1 / 8 }, comparison: 0 },
      { likelihood: { judged: 0 }, comparison: 1 / 12 },
    ]);
    expect(weigh({ preset: 'released-code', l1: false })).toMatchObject([
      {},
      { likelihood: { judged: 1 / 12 } },
    ]);
  });

  it('adds up to 1 over the tokens of any batch', () => {
    for (const normalize of ['triplets', 'tokens'] as const) {
      const tokens = [4, undefined, 6];
      const shares = tokenShares(tokens, normalize);
      expect(shares[1]).toBe(0);
      expect(shares.reduce((sum, share, i) => sum + share * (tokens[i] ?? 0), 0)).toBeCloseTo(1, 12);
    }
    expect(tokenShares([undefined], 'tokens')).toEqual([0]);
  });
});

describe('limits', () => {
  const plain = [0.5, 0.25, 0.9, 0.1].map(Math.log);
  const judged = [0.9, 0.2, 0.99, 0.6].map(Math.log);
  const batch = [
    { rejected: false, logProbs: { plain: [-0.2, -1.5, -0.7] } },
    { rejected: true, logProbs: { plain, judged }, witnesses: [judged] },
  ];

  it.each(['triplets', 'tokens'] as const)(
    'lambda beyond all ratios is likelihood of all responses, and of judged ones again after the judgment: %s',
    async (normalize) => {
      const found = await evaluate(cut({ lambda: Number.MAX_VALUE, normalize }), batch);
      expect(found.flags[1]).toEqual([0, 0, 0, 0]);
      const all = await evaluate(likelihood({ includeRejected: true, normalize }), batch);
      const alignN = judged.reduce((a, b) => a - b, 0) / (normalize === 'tokens' ? 7 : 8);
      expect(total(found)).toBeCloseTo(total(all) + alignN, 12);
      found.gradients.forEach(({ plain }, i) =>
        expectClose(plain!, all.gradients[i]!.plain!, 1e-14, 'gradient'),
      );
      const without = await evaluate(cut({ lambda: Number.MAX_VALUE, normalize, alignN: false }), batch);
      expect(total(without)).toBeCloseTo(total(all), 12);
    },
  );

  it('lambda beyond all ratios leaves no NaN in single precision, in either preset', async () => {
    const certain = [{ rejected: true, logProbs: { plain: [0, -200, -1], judged: [0, 0, -1] } }];
    for (const preset of ['paper', 'released-code'] as const) {
      const found = await evaluate(
        cut({ preset, lambda: Number.MAX_VALUE }),
        certain.map((example) => ({ ...example, witnesses: [example.logProbs.judged] })),
        'float32',
      );
      expect(found.flags).toEqual([[0, 0, 0]]);
      expect(Number.isFinite(total(found))).toBe(true);
      expect(found.gradients[0]!.plain!.every(Number.isFinite)).toBe(true);
    }
  });

  it.each(['paper', 'released-code'] as const)('alpha of 0 drops flagged tokens: %s', async (preset) => {
    const found = await evaluate(cut({ preset, alpha: 0, alignN: false }), batch.slice(1));
    expect(found.flags[0]).toEqual([1, 0, 0, 1]);
    // The release halves the contrast.
    const share = preset === 'paper' ? 1 / 4 : 1 / 8;
    expect(total(found)).toBeCloseTo(-share * (plain[1]! + plain[2]!), 12);
    expectClose(found.gradients[0]!.plain!, [0, -share, -share, 0], 1e-14, 'gradient');
  });

  it('detection switched off is unlikelihood of the whole response', async () => {
    const found = await evaluate(cut({ detection: false, gamma: 0, alignN: false }), batch.slice(1));
    expect(found.flags[0]).toEqual([1, 1, 1, 1]);
    expect(total(found)).toBeCloseTo(-Math.log(0.5 * 0.75 * 0.1 * 0.9) / 4, 12);
  });
});
