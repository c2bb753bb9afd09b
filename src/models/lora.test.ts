// The low-rank update against the formula and against finite differences of it.
import { describe, expect, it } from 'vitest';
import { map, product } from '../graph/arrays.test-helper.ts';
import type { GradientCase } from '../graph/gradient-check.test-helper.ts';
import { checkGradient } from '../graph/gradient-check.test-helper.ts';
import { cast, tanh } from '../graph/index.ts';
import { adaptedLinear, kept, loraScale } from './lora.ts';

/** Frozen weights come in double precision, so that they are not differentiated: the op takes them for constants. */
const adapted = (bias: boolean, dropped: boolean): GradientCase => ({
  inputs: [
    'rows in',
    'rank in',
    'out rank',
    { axes: 'out in', dtype: 'float64' },
    { axes: 'out', dtype: 'float64' },
    { axes: 'rows in', dtype: 'int32', values: (random) => Math.round(random()) },
  ],
  trace: ([x, a, b, weight, added, keep]) =>
    adaptedLinear(kept(x!), {
      weight: cast(weight!, 'float32'),
      bias: bias ? cast(added!, 'float32') : null,
      pair: { a: a!, b: b! },
      scale: 1.75,
      keep: dropped ? cast(keep!, 'uint8') : null,
    }),
  reference:
    () =>
    ([x, a, b, weight, added, keep]) => {
      const base = product(x!, weight!, { transB: true });
      const seen = dropped ? map((v, k) => v * k, x!, keep!) : x!;
      const update = product(product(seen, a!, { transB: true }), b!, { transB: true, alpha: 1.75 });
      return map(
        (p, q, r) => p + q + r,
        base,
        update,
        bias ? added! : { shape: [], data: Float64Array.of(0) },
      );
    },
  dtype: 'float32',
  runs: 10,
});

describe('adaptedLinear', () => {
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('agrees with the formula and finite differences: bias %s, dropout %s', async (bias, dropped) => {
    await checkGradient(adapted(bias, dropped));
  });

  it('may compute its input again for the derivative', async () => {
    const plain = adapted(false, true);
    await checkGradient({
      ...plain,
      trace: ([x, a, b, weight, , keep]) =>
        adaptedLinear(
          { value: tanh(x!), again: () => tanh(x!) },
          {
            weight: cast(weight!, 'float32'),
            bias: null,
            pair: { a: a!, b: b! },
            scale: 1.75,
            keep: cast(keep!, 'uint8'),
          },
        ),
      reference: (base, sizes) => {
        const reference = plain.reference(base, sizes);
        return ([x, ...rest]) => reference([map(Math.tanh, x!), ...rest]);
      },
    });
  });
});

it('scales by alpha over rank, or over its root when rank-stabilized', () => {
  const config = { rank: 16, alpha: 8, dropout: 0, targetModules: [] };
  expect(loraScale({ ...config, rankStabilized: false })).toBe(0.5);
  expect(loraScale({ ...config, rankStabilized: true })).toBe(2);
});
