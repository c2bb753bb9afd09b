// Ops on halves, and their derivatives, against the same ops in float32 on the same numbers.
import type { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../../test/device.ts';
import { createRandom } from '../../random.ts';
import { numbersOf, openSession, toOrt } from '../gradient-check.test-helper.ts';
import type { DType, Tensor } from '../index.ts';
import {
  add,
  cast,
  concat,
  constant,
  emit,
  gatherRows,
  gemm,
  grad,
  halfBits,
  input,
  linear,
  matmul,
  mul,
  reshape,
  scatterAddRows,
  slice,
  split,
  sub,
  substitute,
  sum,
  transpose,
} from '../index.ts';

type Trace = (a: Tensor, b: Tensor, c: Tensor) => Tensor;

/** a is [6, 8], b [5, 8], c [5]. */
const cases: Record<string, Trace> = {
  linear: (a, b) => linear(a, b),
  'linear with a bias': (a, b, c) => linear(a, b, c),
  'gemm with a factor': (a, b) => gemm(b, a, { transB: true, alpha: 0.5 }),
  'gemm of a transpose': (a) => gemm(a, a, { transA: true }),
  matmul: (a, b) => matmul(a, transpose(b, [1, 0])),
  'matmul of a transpose, with a factor': (a, b) => matmul(a, b, { transB: true, alpha: 0.25 }),
  'products of stacks': (a) => matmul(reshape(a, [2, 3, 8]), reshape(a, [2, 8, 3])),
  add: (a) => add(a, 0.5),
  sub: (a, b) => sub(slice(a, 0, 0, 5), b),
  mul: (a, b) => mul(slice(a, 0, 1, 6), b),
  'rows that are looked up': (a) => gatherRows(a, constant([3, 0, 3], 'int32')),
  'rows that are added up': (a) => scatterAddRows(slice(a, 0, 0, 3), constant([1, 0, 1], 'int32'), 4),
  'pieces and the whole': (a, b) => {
    const [first, second] = split(a, 1, [3, 5]);
    return concat(
      [
        transpose(second!, [1, 0]),
        transpose(first!, [1, 0]),
        slice(transpose(a, [1, 0]), 0, 2, 4),
        mul(slice(b, 1, 0, 6), 2),
      ],
      0,
    );
  },
  'to float32 for one use': (a, b) =>
    cast(linear(cast(a, 'float32', { eachUse: true }), cast(b, 'float32', { eachUse: true })), a.dtype),
};

const shapes = { a: [6, 8], b: [5, 8], c: [5] } as const;

/** Values and gradients in a dtype, of float32 feeds. */
async function run(
  trace: Trace,
  dtype: DType,
  feeds: Record<string, number[]>,
): Promise<Record<string, number[]>> {
  const inputs = Object.entries(shapes).map(([name, shape]) => input(name, 'float32', shape));
  const [a, b, c] = inputs.map((x) => cast(x, dtype)) as [Tensor, Tensor, Tensor];
  const y = cast(trace(a, b, c), 'float32');
  const gradients = grad(sum(mul(y, y)), inputs);
  const outputs = {
    y,
    ...Object.fromEntries(Object.keys(shapes).map((name, i) => [`d_${name}`, gradients[i]!])),
  };
  const model = emit(substitute(outputs, testDevice));
  const session: InferenceSession = await openSession(model.bytes);
  const used = model.inputs.map(({ name }) => name);
  const given = Object.fromEntries(
    used.map((name) => [
      name,
      toOrt('float32', { shape: [...shapes[name as 'a']], data: Float64Array.from(feeds[name]!) }),
    ]),
  );
  const results = await session.run(given);
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, numbersOf(value)]));
}

describe.each(Object.entries(cases))('%s', (_, trace) => {
  it('is that of float32 within the rounding of halves', async () => {
    const random = createRandom(5);
    const feeds = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        // Numbers that halves have: what is rounded is what the op makes of them.
        Array.from(
          { length: shape.reduce<number>((x, y) => x * y, 1) },
          () => Math.round(random.float() * 2048 - 1024) / 1024,
        ),
      ]),
    );
    const [half, single] = [await run(trace, 'float16', feeds), await run(trace, 'float32', feeds)];
    for (const [name, expected] of Object.entries(single)) {
      const found = half[name]!;
      expect(found.length).toBe(expected.length);
      const largest = Math.max(1, ...expected.map(Math.abs));
      expected.forEach((x, i) =>
        expect(Math.abs(found[i]! - x), `${name}[${i}]`).toBeLessThan(largest * 2 ** -9),
      );
    }
  });
});

it('knows the bits of halves', () => {
  const pairs: [number, number][] = [
    [0, 0],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.9, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [-Infinity, 0xfc00],
    [NaN, 0x7e00],
  ];
  for (const [value, bits] of pairs) expect(halfBits(value), String(value)).toBe(bits);
});

it('refuses a product of a half and a float', () => {
  expect(() => linear(input('x', 'float16', [2, 3]), input('w', 'float32', [4, 3]))).toThrow(/one dtype/);
});
