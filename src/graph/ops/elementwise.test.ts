// Elementwise ops against plain references and central differences.
import { describe, expect, it } from 'vitest';
import type { Nd } from '../arrays.test-helper.ts';
import { map } from '../arrays.test-helper.ts';
import type { GradientCase, InputSpec } from '../gradient-check.test-helper.ts';
import {
  awayFromZero,
  checkGradient,
  expectClose,
  numbersOf,
  openSession,
  toOrt,
  uniform,
} from '../gradient-check.test-helper.ts';
import type { DType, Tensor } from '../index.ts';
import { constant, emit, grad, input, sum } from '../index.ts';
import * as ops from './elementwise.ts';

/** Pairs of shapes that broadcast; each axis takes sizes 0, 1 and more. */
const pairs = [
  ['', ''],
  ['', 'a b'],
  ['a', '1'],
  ['a b', 'a b'],
  ['a b', 'b'],
  ['b', 'a b'],
  ['a 1', '1 b'],
  ['a b c', 'b 1'],
  ['a 1 c', '1 b 1'],
] as const;

type Values = InputSpec['values'];

const unary = (op: (x: Tensor) => Tensor, f: (x: number) => number, values?: Values): GradientCase[] =>
  ['', 'a', 'a b c'].map((axes) => ({
    inputs: [{ axes, values }],
    trace: ([x]) => op(x!),
    reference: () => (xs) => map(f, ...xs),
  }));

/** Both operands as tensors in every pair of shapes, and each as a number once. */
const binary = (
  op: (a: ops.Operand, b: ops.Operand) => Tensor,
  f: (a: number, b: number) => number,
  first?: Values,
  second?: Values,
): GradientCase[] => [
  ...pairs.map(([a, b]): GradientCase => ({
    inputs: [
      { axes: a, values: first },
      { axes: b, values: second },
    ],
    trace: ([x, y]) => op(x!, y!),
    reference: () => (xs) => map(f, ...xs),
    runs: 4,
  })),
  {
    inputs: [{ axes: 'a b', values: first }],
    trace: ([x]) => op(x!, 0.75),
    reference: () => (xs) => map((x) => f(x, 0.75), ...xs),
  },
  {
    inputs: [{ axes: 'a b', values: second }],
    trace: ([y]) => op(-1.25, y!),
    reference: () => (xs) => map((y) => f(-1.25, y), ...xs),
  },
];

/** Values near whole numbers for one operand and near halves for the other: never closer than 0.2. */
const nearWhole = (random: () => number): number =>
  Math.round(uniform(-2, 2)(random)) + uniform(-0.1, 0.1)(random);
const nearHalf = (random: () => number): number => nearWhole(random) + 0.45;
const bit = (random: () => number): number => Math.round(random());

const comparison = (
  op: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => boolean,
): GradientCase[] =>
  (['float64', 'float32', 'int32', 'int64'] as const).flatMap((dtype) =>
    pairs.slice(3).map(([a, b]): GradientCase => ({
      inputs: [a, b].map((axes) => ({ axes, dtype, values: (r) => Math.floor(uniform(-2, 3)(r)) })),
      trace: ([x, y]) => op(x!, y!),
      reference: () => (xs) => map((x, y) => Number(f(x, y)), ...xs),
      runs: 2,
    })),
  );

const logical = (op: (a: Tensor, b: Tensor) => Tensor, f: (a: number, b: number) => number): GradientCase[] =>
  pairs.map(([a, b]) => ({
    inputs: [a, b].map((axes) => ({ axes, dtype: 'bool', values: bit })),
    trace: ([x, y]) => op(x!, y!),
    reference: () => (xs) => map(f, ...xs),
    runs: 2,
  }));

const casting = (from: DType, to: DType, f: (x: number) => number): GradientCase => ({
  inputs: [{ axes: 'a b', dtype: from, values: from === 'bool' ? bit : uniform(-3, 3) }],
  trace: ([x]) => ops.cast(x!, to),
  reference: () => (xs) => map(f, ...xs),
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const positive = uniform(0.4, 3);

const cases: Record<string, GradientCase[]> = {
  add: binary(ops.add, (a, b) => a + b),
  sub: binary(ops.sub, (a, b) => a - b),
  mul: binary(ops.mul, (a, b) => a * b),
  div: binary(ops.div, (a, b) => a / b, undefined, awayFromZero),
  maximum: binary(ops.maximum, Math.max, nearWhole, nearHalf),
  minimum: binary(ops.minimum, Math.min, nearWhole, nearHalf),
  neg: unary(ops.neg, (x) => -x),
  exp: unary(ops.exp, Math.exp),
  log: unary(ops.log, Math.log, positive),
  sqrt: unary(ops.sqrt, Math.sqrt, positive),
  tanh: unary(ops.tanh, Math.tanh),
  sigmoid: unary(ops.sigmoid, sigmoid),
  cos: unary(ops.cos, Math.cos),
  sin: unary(ops.sin, Math.sin),
  square: unary(ops.square, (x) => x * x),
  greater: comparison(ops.greater, (a, b) => a > b),
  less: comparison(ops.less, (a, b) => a < b),
  equal: comparison(ops.equal, (a, b) => a === b),
  and: logical(ops.and, (a, b) => a & b),
  or: logical(ops.or, (a, b) => a | b),
  not: [
    {
      inputs: [{ axes: 'a b', dtype: 'bool', values: bit }],
      trace: ([x]) => ops.not(x!),
      reference: () => (xs) => map((x) => 1 - x, ...xs),
    },
  ],
  where: [
    ...pairs.flatMap(([a, b]) =>
      [a, b].map((axes): GradientCase => ({
        inputs: [{ axes, dtype: 'bool', values: bit }, a, b],
        trace: ([c, x, y]) => ops.where(c!, x!, y!),
        reference: () => (xs) => map((c, x, y) => (c ? x : y), ...xs),
        runs: 3,
      })),
    ),
  ],
  cast: [
    // Single precision, widened and narrowed again; the derivative passes both ways.
    {
      inputs: ['a b'],
      trace: ([x]) => ops.cast(ops.square(ops.cast(x!, 'float64')), 'float32'),
      reference: () => (xs) => map((x) => x * x, ...xs),
      dtype: 'float32',
    },
    casting('float32', 'float64', (x) => x),
    casting('float64', 'float64', (x) => x),
    casting('float64', 'int64', Math.trunc),
    casting('bool', 'float64', (x) => x),
    casting('int32', 'int64', (x) => x),
  ],
};

it('has cases for every elementwise op', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(ops).sort());
});

describe.each(Object.entries(cases))('%s', (_, variants) => {
  it('agrees with its reference and with finite differences', async () => {
    for (const variant of variants) await checkGradient(variant);
  });
});

/** Gradient of the sum of f over a float64 vector. */
async function gradientAt(f: (x: Tensor) => Tensor, values: number[]): Promise<number[]> {
  const x = input('x', 'float64', [values.length]);
  const session = await openSession(emit({ g: grad(sum(f(x)), [x])[0]! }).bytes);
  const { g } = await session.run({ x: toOrt('float64', vector(values)) });
  await session.release();
  return numbersOf(g!);
}

const vector = (values: number[]): Nd => ({ shape: [values.length], data: Float64Array.from(values) });

describe('at kinks', () => {
  it('gives the cotangent of equal operands to the first', async () => {
    expect(await gradientAt((x) => ops.maximum(x, 1), [0, 1, 2])).toEqual([0, 1, 1]);
    expect(await gradientAt((x) => ops.maximum(1, x), [0, 1, 2])).toEqual([0, 0, 1]);
    expect(await gradientAt((x) => ops.minimum(x, 1), [0, 1, 2])).toEqual([1, 1, 0]);
    expect(await gradientAt((x) => ops.minimum(1, x), [0, 1, 2])).toEqual([1, 0, 0]);
  });

  it('keeps an infinity that was not selected out of the derivative', async () => {
    const masked = (x: Tensor): Tensor => ops.exp(ops.where(ops.greater(x, 0), x, -Infinity));
    expectClose(await gradientAt(masked, [-1, 1, 2]), [0, Math.exp(1), Math.exp(2)], 1e-14, 'gradient');
  });
});

describe('while tracing', () => {
  const x = input('x', 'float32', [2, 3]);

  it.each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'greater', 'less', 'equal'] as const)(
    '%s refuses shapes that do not broadcast, and shows both',
    (name) => {
      const y = input('y', 'float32', [2, 4]);
      expect(() => ops[name](x, y)).toThrow(
        /^\w+: cannot broadcast 3 with 4; got float32\[2, 3\] and float32\[2, 4\]/,
      );
    },
  );

  it.each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'greater', 'less', 'equal'] as const)(
    '%s refuses different dtypes, and shows both',
    (name) => {
      const y = input('y', 'float64', [3]);
      expect(() => ops[name](x, y)).toThrow(/one dtype; got float32\[2, 3\] and float64\[3\]/);
    },
  );

  it.each(['neg', 'exp', 'log', 'sqrt', 'tanh', 'sigmoid', 'cos', 'sin'] as const)(
    '%s refuses integers',
    (name) => {
      expect(() => ops[name](input('i', 'int64', [5]))).toThrow(/needs a float tensor; got int64\[5\]/);
    },
  );

  it('logic refuses numbers, and arithmetic needs one tensor at least', () => {
    const b = input('b', 'bool', [2, 3]);
    expect(() => ops.not(x)).toThrow(/Not: needs bool; got float32\[2, 3\]/);
    expect(() => ops.and(x, b)).toThrow(/And: needs bool; got float32/);
    expect(() => ops.or(b, x)).toThrow(/Or: operands must have one dtype; got bool\[2, 3\] and float32/);
    expect(() => ops.where(x, x, x)).toThrow(/Where: needs bool; got float32/);
    expect(() => ops.add(1, 2)).toThrow(/Add: at least one operand must be a tensor/);
  });

  it("makes a number a constant of the other operand's dtype", () => {
    expect(ops.add(1, constant([1, 2], 'float64')).dtype).toBe('float64');
    expect(ops.add(input('i', 'int64', []), 1).dtype).toBe('int64');
  });
});
