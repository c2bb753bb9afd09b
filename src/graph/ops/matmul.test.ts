// Matrix products against plain references and central differences, in both precisions.
import { describe, expect, it } from 'vitest';
import { map, product } from '../arrays.test-helper.ts';
import type { GradientCase } from '../gradient-check.test-helper.ts';
import { checkGradient } from '../gradient-check.test-helper.ts';
import type { Dim } from '../index.ts';
import { dim, emit, input } from '../index.ts';
import * as ops from './matmul.ts';

interface Options {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

const everyOption: Options[] = [false, true].flatMap((transA) =>
  [false, true].flatMap((transB) => [1, -0.5].map((alpha) => ({ transA, transB, alpha }))),
);

const left = (lead: string, { transA }: Options): string => `${lead} ${transA ? 'k m' : 'm k'}`;
const right = (lead: string, { transB }: Options): string => `${lead} ${transB ? 'n k' : 'k n'}`;

/** float64 runs as plain products with transpositions, float32 as one fused kernel. */
const matmul: GradientCase[] = (['float64', 'float32'] as const).flatMap((dtype) =>
  everyOption.flatMap((options) =>
    [
      ['', ''],
      ['a', 'a'],
      ['a', ''],
      ['', 'a'],
      ['a 1', 'b'],
    ].map(([a, b]): GradientCase => ({
      inputs: [left(a!, options), right(b!, options)],
      trace: ([x, y]) => ops.matmul(x!, y!, options),
      reference:
        () =>
        ([x, y]) =>
          product(x!, y!, options),
      dtype,
      // ONNX Runtime neither broadcasts against an empty batch nor fills a batch of products of empty matrices.
      min: a === '' && b === '' ? {} : { a: 1, b: 1, m: 1, k: 1, n: 1 },
      runs: 2,
    })),
  ),
);

const gemm: GradientCase[] = (['float64', 'float32'] as const).flatMap((dtype) =>
  everyOption.flatMap((options) =>
    [null, '', 'n', '1 n', 'm 1', 'm n'].map((c): GradientCase => ({
      inputs: [left('', options), right('', options), ...(c === null ? [] : [c])],
      trace: ([x, y, added]) => ops.gemm(x!, y!, { ...options, c: added }),
      reference:
        () =>
        ([x, y, added]) => {
          const xy = product(x!, y!, options);
          return added ? map((p, q) => p + q, xy, added) : xy;
        },
      dtype,
      runs: 2,
    })),
  ),
);

const linear: GradientCase[] = (['float64', 'float32'] as const).flatMap((dtype) =>
  [false, true].map((bias): GradientCase => ({
    inputs: ['m k', 'n k', ...(bias ? ['n'] : [])],
    trace: ([x, w, b]) => ops.linear(x!, w!, b ?? null),
    reference:
      () =>
      ([x, w, b]) => {
        const y = product(x!, w!, { transB: true });
        return b ? map((p, q) => p + q, y, b) : y;
      },
    dtype,
  })),
);

const cases: Record<string, GradientCase[]> = { matmul, gemm, linear };

it('has cases for every product', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(ops).sort());
});

describe.each(Object.entries(cases))('%s', (_, variants) => {
  it('agrees with its reference and with finite differences', async () => {
    for (const variant of variants) await checkGradient(variant);
  });
});

describe('while tracing', () => {
  const x = (...shape: Dim[]): ReturnType<typeof input> => input('x', 'float32', shape);
  const n = dim('n');

  it('refuses shapes that do not fit, and shows both', () => {
    expect(() => ops.matmul(x(2, 3), x(4, 5))).toThrow(
      /^matmul: inner dimensions differ \(transA false, transB false\); got float32\[2, 3\] and float32\[4, 5\]/,
    );
    expect(() => ops.matmul(x(2, n), x(5, 3), { transB: true })).toThrow(/inner dimensions differ/);
    expect(() => ops.matmul(x(2, 3, 4), x(3, 4, 5))).toThrow(/matmul: cannot broadcast 2 with 3/);
    expect(() => ops.matmul(x(3), x(3, 4))).toThrow(
      /matmul: needs rank 2 or more; got float32\[3\] and float32/,
    );
    expect(() => ops.gemm(x(1, 2, 3), x(3, 4))).toThrow(/gemm: needs rank 2; got float32\[1, 2, 3\]/);
    expect(() => ops.gemm(x(2, 3), x(3, 4), { c: x(3) })).toThrow(/gemm: cannot broadcast 4 with 3/);
    expect(() => ops.gemm(x(2, 3), x(3, 4), { c: x(5, 2, 4) })).toThrow(/gemm: c must not stretch/);
    expect(() => ops.gemm(x(1, 3), x(3, 4), { c: x(2, 4) })).toThrow(/gemm: c .*got float32\[1, 3\]/);
    expect(() => ops.linear(x(2, 3), x(4, 5))).toThrow(
      /inner dimensions differ \(transA false, transB true\)/,
    );
  });

  it('refuses different dtypes and integers', () => {
    const y = input('y', 'float64', [3, 4]);
    expect(() => ops.matmul(x(2, 3), y)).toThrow(
      /matmul: operands must have one dtype; got float32\[2, 3\] and float64\[3, 4\]/,
    );
    expect(() => ops.gemm(x(2, 3), x(3, 4), { c: input('c', 'float64', []) })).toThrow(
      /gemm: operands must have one dtype/,
    );
    expect(() => ops.matmul(input('i', 'int64', [2, 3]), y)).toThrow(
      /matmul: needs a float tensor; got int64\[2, 3\]/,
    );
  });

  it('transposes within the product: no operand is copied in single precision', () => {
    const product = ops.matmul(x(2, 3, 4), input('y', 'float32', [5, 4]), { transB: true, alpha: 2 });
    expect(emit({ product }).nodeCount).toBe(2);
  });
});
