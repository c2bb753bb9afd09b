// Dequantized matrices in both directions of a product and as embeddings, against the same matrix in float32.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../engine/session.ts';
import { codeMatrix } from '../few-bits.test-helper.ts';
import { expectClose } from '../gradient-check.test-helper.ts';
import { dequantize, emit, gatherRows, gemm, input, linear, substitute } from '../index.ts';
import { testDevice } from '../../../test/device.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'whetstone-few-bits-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const rows = 10;

describe.each(['int8', 'int4'] as const)('%s', (dtype) => {
  it.each([
    [64, false],
    [192, false],
    [96, false],
    [32, false],
    [64, true],
    [96, true],
  ])('agrees with the same numbers in float32, %i columns, zeros %s', async (columns, hasZeros) => {
    const { w, values } = await codeMatrix(root, rows, columns, dtype, hasZeros);
    const x = input('x', 'float32', [3, columns]);
    const g = input('g', 'float32', [3, rows]);
    const ids = input('ids', 'int32', [4]);
    const outputs = { y: linear(x, w), dx: gemm(g, w), rows: gatherRows(w, ids) };
    const session = await compile(outputs, { root, threads: 1, device: testDevice });
    const xs = Float32Array.from({ length: 3 * columns }, (_, i) => Math.sin(i));
    const gs = Float32Array.from({ length: 3 * rows }, (_, i) => Math.cos(i));
    const picked = [9, 0, 3, 3];
    const found = await session.run({
      x: { data: xs, dims: [3, columns] },
      g: { data: gs, dims: [3, rows] },
      ids: { data: Int32Array.from(picked), dims: [4] },
    });
    await session.release();
    const at = (row: number, column: number): number => values[row * columns + column]!;
    const sum = (count: number, term: (i: number) => number): number =>
      Array.from({ length: count }, (_, i) => term(i)).reduce((a, b) => a + b, 0);
    const y = [0, 1, 2].flatMap((m) =>
      Array.from({ length: rows }, (_, r) => sum(columns, (c) => xs[m * columns + c]! * at(r, c))),
    );
    const dx = [0, 1, 2].flatMap((m) =>
      Array.from({ length: columns }, (_, c) => sum(rows, (r) => gs[m * rows + r]! * at(r, c))),
    );
    expectClose(found['y']!, y, 1e-5, 'product');
    expectClose(found['dx']!, dx, 1e-5, 'product with the transpose');
    expectClose(
      found['rows']!,
      picked.flatMap((r) => [...values.subarray(r * columns, (r + 1) * columns)]),
      1e-7,
      'rows',
    );
  });
});

it('is computed for each use, so that no copy in float32 lives between them', async () => {
  const { w } = await codeMatrix(root, rows, 64, 'int8');
  const x = input('x', 'float32', [3, 64]);
  const text = Buffer.from(emit({ y: linear(x, w), dx: gemm(linear(x, w), w) }).bytes).toString('latin1');
  // The product of the first is one value with that of the second; its transpose is another use.
  expect(text.match(/DequantizeLinear_t/g)).toHaveLength(2);
});

it.each([
  [192, 0],
  [96, 1],
])(
  'is dequantized by whole rows on the CPU where no block is short: %i columns',
  async (columns, blockwise) => {
    const { w } = await codeMatrix(root, rows, columns, 'int8');
    const graph = substitute({ y: linear(input('x', 'float32', [3, columns]), w) }, 'cpu');
    expect(Buffer.from(emit(graph).bytes).toString('latin1').split('block_size').length - 1).toBe(blockwise);
  },
);

it('refuses what is no matrix in few bits, and shows it', () => {
  const codes = input('codes', 'int8', [4, 128]);
  expect(() => dequantize(codes, input('scales', 'float32', [4, 1]), 64)).toThrow(
    /scales must be \[rows, columns \/ 64\]/,
  );
  expect(() => dequantize(input('x', 'float32', [4, 128]), input('scales', 'float32', [4, 2]), 64)).toThrow(
    /needs int8 or int4/,
  );
  const scales = input('scales', 'float32', [4, 2]);
  expect(() => dequantize(codes, scales, 64, input('zeros', 'int4', [4, 2]))).toThrow(/zeros must be int8/);
});
