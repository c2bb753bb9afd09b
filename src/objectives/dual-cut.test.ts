// DualCUT: its two sets against their definitions, finite differences, and what it becomes at its limits.
import { describe, expect, it } from 'vitest';
import { map } from '../graph/arrays.test-helper.ts';
import type { GradientCase } from '../graph/gradient-check.test-helper.ts';
import { checkGradient, expectClose, uniform } from '../graph/gradient-check.test-helper.ts';
import { cut } from './cut.ts';
import type { DualCutOptions } from './dual-cut.ts';
import { dualCut } from './dual-cut.ts';
import { evaluate, tokenComparison, total } from './evaluate.test-helper.ts';
import { likelihood } from './likelihood.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Eq. 9; sets and scales are constants of the base point. */
const contrast = (options: DualCutOptions, dtype: 'float64' | 'float32'): GradientCase => ({
  inputs: Array.from({ length: 3 }, () => ({ axes: 'tokens', values: uniform(-4, -0.05) })),
  trace: ([plain, judged, praised]) =>
    tokenComparison(dualCut(options)).compare(plain!, [judged!, praised!], {}).loss,
  reference: (base) => {
    const [l1, l2, l3, l4] = [options.lambda1, options.lambda2, options.lambda3, options.lambda4].map(
      (lambda) => lambda ?? 1.2,
    ) as [number, number, number, number];
    const { sigma1 = 0.01, sigma2 = 0.01, alpha = 1, beta = 1 } = options;
    const [p, minus, plus] = base.map((x) => map(Math.exp, x));
    const bad = map((p, m, q) => Number(m > l1 * q && m > l2 * p && m > sigma1), p!, minus!, plus!);
    const good = map((p, m, q) => Number(q > l3 * m && q > l4 * p && q > sigma2), p!, minus!, plus!);
    const down = map((p, m) => alpha * sigmoid(m / p - l2), p!, minus!);
    const up = map((p, q) => beta * sigmoid(q / p - l4) + 1, p!, plus!);
    return ([plain]) =>
      map(
        (x, isBad, isGood, down, up) =>
          -(isBad * down * Math.log(-Math.expm1(x)) + isGood * up * x + (isBad || isGood ? 0 : x)),
        plain!,
        bad,
        good,
        down,
        up,
      );
  },
  dtype,
  max: 8,
});

it.each([
  {},
  { lambda1: 1, lambda2: 1.5, lambda3: 1.1, lambda4: 1, alpha: 0.5, beta: 2 },
  { sigma1: 0.3, sigma2: 0.4 },
  // Below 1 a token can be in both sets.
  { lambda1: 0.7, lambda2: 0.7, lambda3: 0.7, lambda4: 0.7 },
] satisfies DualCutOptions[])('agrees with the equations and finite differences: %j', async (options) => {
  await checkGradient(contrast(options, 'float64'));
  await checkGradient(contrast(options, 'float32'));
});

describe('sets', () => {
  // Tokens: bad; good; like praise; like the plain prompt; improbable throughout.
  const plain = [0.5, 0.4, 0.5, 0.5, 0.0001].map(Math.log);
  const judged = [0.7, 0.1, 0.7, 0.55, 0.004].map(Math.log);
  const praised = [0.4, 0.9, 0.65, 0.3, 0.0001].map(Math.log);
  const satisfactory = { rejected: false, logProbs: { plain: [-1, -0.5] } };
  const rejected = { rejected: true, logProbs: { plain }, witnesses: [judged, praised] };
  const all = likelihood({ includeRejected: true });

  it('flags what stands out from praise and from the plain prompt, and is not improbable', async () => {
    expect((await evaluate(dualCut(), [rejected])).flags).toEqual([[1, 0, 0, 0, 0]]);
    expect((await evaluate(dualCut({ sigma1: Number.MIN_VALUE }), [rejected])).flags).toEqual([
      [1, 0, 0, 0, 1],
    ]);
    expect((await evaluate(dualCut({ lambda1: 1 }), [rejected])).flags).toEqual([[1, 0, 1, 0, 0]]);
    expect((await evaluate(dualCut({ lambda2: 1 }), [rejected])).flags).toEqual([[1, 0, 0, 1, 0]]);
  });

  it('learns good tokens faster than others, and sends bad ones down', async () => {
    const { gradients } = await evaluate(dualCut({ beta: 3 }), [rejected]);
    const [bad, good, ...rest] = gradients[0]!.plain!;
    expect(bad!).toBeCloseTo((sigmoid(0.7 / 0.5 - 1.2) / 5) * (0.5 / 0.5), 12);
    expect(good!).toBeCloseTo(-(3 * sigmoid(0.9 / 0.4 - 1.2) + 1) / 5, 12);
    expectClose(rest, [-0.2, -0.2, -0.2], 1e-12, 'rest');
  });

  it.each([
    { lambda1: Number.MAX_VALUE, lambda3: Number.MAX_VALUE },
    { lambda2: Number.MAX_VALUE, lambda4: Number.MAX_VALUE },
    { sigma1: 1 - 1e-12, sigma2: 1 - 1e-12 },
  ] satisfies DualCutOptions[])('is likelihood where thresholds find nothing: %j', async (options) => {
    const found = await evaluate(dualCut(options), [satisfactory, rejected]);
    const expected = await evaluate(all, [satisfactory, rejected]);
    expect(found.flags[1]).toEqual([0, 0, 0, 0, 0]);
    expect(total(found)).toBeCloseTo(total(expected), 12);
    found.gradients.forEach(({ plain }, i) =>
      expectClose(plain!, expected.gradients[i]!.plain!, 1e-14, 'gradient'),
    );
  });

  it('is the contrast of CUT where praise changes nothing and the scale is one', async () => {
    // scale- = alpha / 2 where p- is lambda_2 p, so that alpha 2 gives CUT's constant weight of 1.
    const prompt = [0.5, 0.25].map(Math.log);
    const after = [0.5 * 1.3, 0.1].map(Math.log);
    const dual = await evaluate(dualCut({ lambda1: 1, lambda2: 1.3 - 1e-9, lambda3: 3, alpha: 2 }), [
      { rejected: true, logProbs: { plain: prompt }, witnesses: [after, prompt] },
    ]);
    const one = await evaluate(cut({ lambda: 1.2, gamma: 0, alignN: false }), [
      { rejected: true, logProbs: { plain: prompt, judged: after }, witnesses: [after] },
    ]);
    expect(dual.flags).toEqual([[1, 0]]);
    expect(dual.flags).toEqual(one.flags);
    expect(total(dual)).toBeCloseTo(total(one), 8);
  });

  it('leaves satisfactory responses out where asked to', async () => {
    const { likelihood, gradients } = await evaluate(dualCut({ alignP: false }), [satisfactory, rejected]);
    expect(likelihood).toBe(0);
    expectClose(gradients[0]!.plain!, [0, 0], 0, 'gradient');
  });

  it('stays finite at certain and impossible tokens, and where a witness is infinitely surer', async () => {
    const [p, m, q] = [
      [0, 0, -200, -200, -200],
      [0, -200, 0, -200, -0.1],
      [-200, 0, 0, -200, -3],
    ];
    const least = Number.MIN_VALUE;
    for (const lambda of [0.5, 1]) {
      const found = await evaluate(
        dualCut({
          lambda1: lambda,
          lambda2: lambda,
          lambda3: lambda,
          lambda4: lambda,
          sigma1: least,
          sigma2: least,
        }),
        [{ rejected: true, logProbs: { plain: p }, witnesses: [m, q] }],
        'float32',
      );
      expect([total(found), ...found.gradients[0]!.plain!].every(Number.isFinite)).toBe(true);
    }
  });
});
