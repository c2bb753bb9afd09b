// Reductions against plain references and central differences.
import { describe, expect, it } from 'vitest';
import type { Nd } from '../arrays.test-helper.ts';
import { map, reduceAxes } from '../arrays.test-helper.ts';
import type { GradientCase } from '../gradient-check.test-helper.ts';
import { checkGradient } from '../gradient-check.test-helper.ts';
import type { Tensor } from '../index.ts';
import { add, dim, div, exp, grad, input, mulDims } from '../index.ts';
import * as ops from './reduce.ts';

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const average = (values: readonly number[]): number => total(values) / values.length;

interface Reduction {
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

/** Inputs of rank 0 to 3 with every kind of axis list. */
const reductions: [string, Reduction][] = [
  ['', {}],
  ['a', {}],
  ['a', { axes: [] }],
  ['a b', { axes: [-1] }],
  ['a b', { axes: [0], keepDims: true }],
  ['a b c', {}],
  ['a b c', { keepDims: true }],
  ['a b c', { axes: [2, 0] }],
  ['a b c', { axes: [1, -1], keepDims: true }],
  ['a 1 c', { axes: [1] }],
];

const reduction = (
  op: (x: Tensor, options?: Reduction) => Tensor,
  fold: (values: readonly number[]) => number,
  min?: GradientCase['min'],
): GradientCase[] =>
  reductions.map(([axes, options]) => ({
    inputs: [axes],
    trace: ([x]) => op(x!, options),
    reference:
      () =>
      ([x]) => {
        const chosen = (options.axes ?? x!.shape.map((_, i) => i)).map((a) =>
          a < 0 ? a + x!.shape.length : a,
        );
        return reduceAxes(x!, chosen, options.keepDims ?? false, fold);
      },
    min,
  }));

/** A maximum is a constant to `grad`: exp(x - max x) has the derivative that it has for a fixed shift. */
const constantMaximum: GradientCase = {
  inputs: ['a b'],
  trace: ([x]) => div(exp(x!), exp(ops.maxConstant(x!, { axes: [1], keepDims: true }))),
  reference: ([base]) => {
    const shift = reduceAxes(base!, [1], true, (row) => Math.max(...row));
    return ([x]) => map((v, m) => Math.exp(v - m), x!, shift);
  },
  min: { b: 1 },
};

const sumTo = (from: string, to: string): GradientCase => ({
  inputs: [from, to],
  trace: ([x, like]) => ops.sumTo(x!, like!.shape),
  reference:
    () =>
    ([x, like]): Nd => {
      const lead = x!.shape.length - like!.shape.length;
      const axes = x!.shape.flatMap((size, i) => (i < lead || size !== like!.shape[i - lead] ? [i] : []));
      return { ...reduceAxes(x!, axes, true, total), shape: like!.shape };
    },
});

// Empty means are left out: 0 / 0 has no value that kernels agree on.
const nonEmpty = { a: 1, b: 1, c: 1 };
const cases: Record<string, GradientCase[]> = {
  sum: reduction(ops.sum, total),
  mean: reduction(ops.mean, average, nonEmpty),
  maxConstant: [
    ...reduction(ops.maxConstant, (values) => Math.max(...values), nonEmpty).map((c): GradientCase => ({
      ...c,
      // The gradient is that of the added argument alone.
      trace: ([x], dims) => add(c.trace([x!], dims), ops.sum(x!)),
      reference: (base, sizes) => {
        const shift = c.reference(base, sizes)(base);
        return ([x]) =>
          map(
            (m, s) => m + s,
            shift,
            reduceAxes(
              x!,
              x!.shape.map((_, i) => i),
              false,
              total,
            ),
          );
      },
    })),
    constantMaximum,
  ],
  sumTo: [
    sumTo('a b', 'a b'),
    sumTo('a b', 'b'),
    sumTo('a b', 'a 1'),
    sumTo('a b', '1 1'),
    sumTo('a b c', '1 b 1'),
    sumTo('a b c', ''),
    sumTo('a b c', '1 c'),
  ],
  weightedSum: [
    {
      inputs: ['a b', 'b'],
      trace: ([x, w]) => ops.weightedSum(x!, w!),
      reference:
        () =>
        ([x, w]) =>
          reduceAxes(
            map((a, b) => a * b, x!, w!),
            [0, 1],
            false,
            total,
          ),
    },
  ],
};

it('has cases for every reduction', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(ops).sort());
});

describe.each(Object.entries(cases))('%s', (_, variants) => {
  it('agrees with its reference and with finite differences', async () => {
    for (const variant of variants) await checkGradient(variant);
  });
});

describe('while tracing', () => {
  const x = input('x', 'float32', [2, dim('n')]);

  it.each(['sum', 'mean', 'maxConstant'] as const)('%s refuses axes that do not exist or repeat', (name) => {
    expect(() => ops[name](x, { axes: [2] })).toThrow(
      /^Reduce\w+: axis 2 is out of range; got float32\[2, n\]/,
    );
    expect(() => ops[name](x, { axes: [-3] })).toThrow(/axis -3 is out of range/);
    expect(() => ops[name](x, { axes: [0.5] })).toThrow(/axis 0.5 is out of range/);
    expect(() => ops[name](x, { axes: [1, -1] })).toThrow(/axes \[1, -1\] repeat; got float32\[2, n\]/);
    expect(() => ops[name](input('i', 'int64', [3]))).toThrow(/needs a float tensor; got int64\[3\]/);
  });

  it('sumTo refuses what no broadcast could have made', () => {
    expect(() => ops.sumTo(x, [1, 2, dim('n')])).toThrow(
      /sumTo: the target has a higher rank; got float32\[2, n\]/,
    );
    expect(() => ops.sumTo(x, [3, dim('n')])).toThrow(/reshape: \[3, n\] has another number of elements/);
  });

  it('a maximum passes no gradient on', () => {
    const [g] = grad(ops.sum(ops.maxConstant(x, { axes: [0] })), [x]);
    expect(g!.shape).toEqual(x.shape);
  });

  it('shapes follow the axes kept', () => {
    const y = input('y', 'float32', [2, dim('n'), 4]);
    expect(ops.sum(y, { axes: [1] }).shape).toEqual([2, 4]);
    expect(ops.sum(y, { axes: [1], keepDims: true }).shape).toEqual([2, 1, 4]);
    expect(ops.mean(y).shape).toEqual([]);
    expect(ops.sumTo(y, [2, 1, 4]).shape).toEqual([2, 1, 4]);
    expect(mulDims(...y.shape)).toMatchObject({ key: '8*n' });
  });
});
