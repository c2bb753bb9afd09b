// Layers that run as one kernel, against plain references and central differences.
import { describe, expect, it } from 'vitest';
import type { Nd } from '../arrays.test-helper.ts';
import { at, build, map, mapRows } from '../arrays.test-helper.ts';
import type { GradientCase } from '../gradient-check.test-helper.ts';
import {
  checkGradient,
  expectClose,
  numbersOf,
  openSession,
  toOrt,
  uniform,
} from '../gradient-check.test-helper.ts';
import { cast, constant, cos, dim, emit, input, sin } from '../index.ts';
import * as ops from './nn.ts';

const softmaxRow = (row: readonly number[]): number[] => {
  const top = Math.max(...row);
  const weights = row.map((x) => Math.exp(x - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
};

const overRows = (
  op: typeof ops.softmax,
  row: (values: readonly number[]) => readonly number[],
  dtype: 'float64' | 'float32',
): GradientCase[] =>
  ['b', 'a b', 'a b c'].map((axes) => ({
    inputs: [axes],
    trace: ([x]) => op(x!),
    reference:
      () =>
      ([x]) =>
        mapRows(x!, row),
    dtype,
    min: { [axes.at(-1)!]: 1 },
  }));

const epsilon = 0.01;
const rmsNorm: GradientCase[] = ['b', 'a b', 'a 2 b'].map((axes) => ({
  inputs: [axes, 'b'],
  trace: ([x, w]) => ops.rmsNorm(x!, w!, epsilon),
  reference:
    () =>
    ([x, w]) =>
      mapRows(x!, (row) => {
        const meanSquare = row.reduce((sum, v) => sum + v * v, 0) / row.length;
        return row.map((v, i) => (v / Math.sqrt(meanSquare + epsilon)) * w!.data[i]!);
      }),
  dtype: 'float32',
  min: { b: 1 },
  max: 5,
}));

const inverseRms: GradientCase[] = ['b', 'a b'].map((axes) => ({
  inputs: [axes],
  trace: ([x]) => ops.inverseRms(x!, epsilon),
  reference:
    () =>
    ([x]) =>
      build([...x!.shape.slice(0, -1), 1], (index) => {
        const row = Array.from({ length: x!.shape.at(-1)! }, (_, i) => at(x!, [...index.slice(0, -1), i]));
        return 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / row.length + epsilon);
      }),
  min: { b: 1 },
}));

/** The two halves of what turns of each head turn by the angle of their row: (x, y) to (x cos - y sin, y cos + x sin). */
const rotated = (x: Nd, cos: Nd, sin: Nd, headDim: number): Nd => {
  const half = cos.shape[1]!;
  return build(x.shape, ([b, s, i]) => {
    const [head, within] = [Math.floor(i! / headDim) * headDim, i! % headDim];
    if (within >= 2 * half) return at(x, [b!, s!, i!]);
    const j = within % half;
    const first = at(x, [b!, s!, head + j]);
    const second = at(x, [b!, s!, head + half + j]);
    const [c, n] = [at(cos, [s!, j]), at(sin, [s!, j])];
    return within < half ? first * c - second * n : second * c + first * n;
  });
};

const rotary = (heads: number, half: number, still = 0): GradientCase => ({
  // Angles come in double precision, so that they are not differentiated: the op takes them for constants.
  inputs: [`a b ${heads * (2 * half + still)}`, { axes: `b ${half}`, dtype: 'float64' }],
  trace: ([x, angles]) =>
    ops.rotary(
      x!,
      cast(cos(angles!), 'float32'),
      cast(sin(angles!), 'float32'),
      constant([0], 'int64'),
      heads,
    ),
  reference:
    () =>
    ([x, angles]) =>
      rotated(x!, map(Math.cos, angles!), map(Math.sin, angles!), 2 * half + still),
  dtype: 'float32',
  min: { a: 1, b: 1 },
});

const activation = (
  op: typeof ops.silu,
  f: (x: number) => number,
  dtype: 'float64' | 'float32',
): GradientCase[] =>
  ['', 'a', 'a b'].map((axes) => ({
    inputs: [{ axes, values: uniform(-6, 6) }],
    trace: ([x]) => op(x!),
    reference: () => (xs) => map(f, ...xs),
    dtype,
  }));

const silu = (x: number): number => x / (1 + Math.exp(-x));
const geluTanh = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const precisions = ['float64', 'float32'] as const;

const cases: Record<string, GradientCase[]> = {
  softmax: precisions.flatMap((dtype) => overRows(ops.softmax, softmaxRow, dtype)),
  logSoftmax: precisions.flatMap((dtype) =>
    overRows(ops.logSoftmax, (row) => softmaxRow(row).map(Math.log), dtype),
  ),
  rmsNorm,
  inverseRms,
  rotary: [rotary(1, 1), rotary(2, 3), rotary(3, 4), rotary(1, 2, 4), rotary(2, 3, 1), rotary(3, 1, 2)],
  silu: activation(ops.silu, silu, 'float32'),
  geluTanh: precisions.flatMap((dtype) => activation(ops.geluTanh, geluTanh, dtype)),
};

it('has cases for every layer', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(ops).sort());
});

describe.each(Object.entries(cases))('%s', (_, variants) => {
  it('agrees with its reference and with finite differences', async () => {
    for (const variant of variants) await checkGradient(variant);
  });
});

/** Value of a float32 op on a row of numbers. */
async function valueOf(op: typeof ops.softmax, row: readonly number[]): Promise<number[]> {
  const session = await openSession(emit({ y: op(input('x', 'float32', [row.length])) }).bytes);
  const { y } = await session.run({
    x: toOrt('float32', { shape: [row.length], data: Float64Array.from(row) }),
  });
  await session.release();
  return numbersOf(y!);
}

describe('far out', () => {
  it('softmax and its logarithm stay finite, and take -infinity for no probability', async () => {
    expect(await valueOf(ops.softmax, [1000, 1000, -1000, -Infinity])).toEqual([0.5, 0.5, 0, 0]);
    const logs = await valueOf(ops.logSoftmax, [1000, 1000, -1000]);
    expectClose(logs, [-Math.LN2, -Math.LN2, -2000 - Math.LN2], 1e-6, 'logSoftmax');
  });

  it('activations go to x and to 0', async () => {
    for (const op of [ops.silu, ops.geluTanh]) {
      expectClose(await valueOf(op, [-300, -60, 60, 300]), [0, 0, 60, 300], 1e-9, 'activation');
    }
  });
});

it('rotates row i by the angles of row start + i', async () => {
  const x = input('x', 'float32', [1, dim('n'), 2]);
  const angles = [0, 0.5, 1, 1.5];
  const table = (f: (angle: number) => number): ReturnType<typeof constant> =>
    constant(angles.map(f), 'float32', [4, 1]);
  const turned = ops.rotary(x, table(Math.cos), table(Math.sin), constant([2], 'int64'), 1);
  const session = await openSession(emit({ turned }).bytes);
  const result = await session.run({
    x: toOrt('float32', { shape: [1, 2, 2], data: Float64Array.of(1, 0, 0, 1) }),
  });
  await session.release();
  expectClose(
    numbersOf(result.turned!),
    [Math.cos(1), Math.sin(1), -Math.sin(1.5), Math.cos(1.5)],
    1e-6,
    'rotated rows',
  );
});

describe('while tracing', () => {
  const x = input('x', 'float32', [2, dim('n'), 8]);
  const start = constant([0], 'int64');
  const table = (half: number): ReturnType<typeof input> => input('t', 'float32', [dim('n'), half]);

  it('refuses shapes that do not fit, and shows them', () => {
    expect(() => ops.rmsNorm(x, input('w', 'float32', [7]), 1e-6)).toThrow(
      /^rmsNorm: the weight must have the size of the last axis; got float32\[2, n, 8\] and float32\[7\]/,
    );
    expect(() => ops.rmsNorm(input('s', 'float32', []), input('w', 'float32', [1]), 1e-6)).toThrow(/rmsNorm/);
    expect(() => ops.rotary(x, table(5), table(5), start, 1)).toThrow(
      /rotary: x must be \[batch, seq, 1 \* headDim\] .*; got float32\[2, n, 8\] and float32\[n, 5\]/,
    );
    expect(() => ops.rotary(x, table(4), table(2), start, 1)).toThrow(/rotary: needs equal shapes/);
    expect(() => ops.rotary(x, table(4), table(4), start, 2)).toThrow(/2 \* headDim/);
  });

  it('refuses dtypes that the kernels lack', () => {
    const double = input('d', 'float64', [2, 8]);
    expect(() => ops.silu(double)).toThrow(/silu: needs float32; got float64\[2, 8\]/);
    expect(() => ops.rotary(double, table(4), table(4), start, 1)).toThrow(/rotary: needs float32/);
    expect(() => ops.rotary(x, table(4), table(4), constant([0], 'int32'), 1)).toThrow(/rotary: needs int64/);
    expect(() => ops.rmsNorm(double, double, 1e-6)).toThrow(/rmsNorm: needs float32; got float64\[2, 8\]/);
    expect(() => ops.rmsNorm(x, input('w', 'float64', [8]), 1e-6)).toThrow(
      /rmsNorm: operands must have one dtype/,
    );
    for (const op of [ops.softmax, ops.logSoftmax, ops.geluTanh]) {
      expect(() => op(input('i', 'int64', [3]))).toThrow(/needs a float tensor; got int64\[3\]/);
    }
  });
});
