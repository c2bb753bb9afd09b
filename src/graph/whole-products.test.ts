// Products in whole numbers against the same sums in double precision, with what is multiplied rounded by hand.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compile } from '../engine/session.ts';
import { createRandom } from '../random.ts';
import { codeMatrix } from './few-bits.test-helper.ts';
import { expectClose } from './gradient-check.test-helper.ts';
import type { ColumnCodes } from './index.ts';
import { constant, emit, gemm, input, linear, multiplyWhole, substitute } from './index.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'whetstone-whole-products-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const [rows, columns] = [48, 128];
const random = createRandom(5);
const codesOf = (length: number): number[] => Array.from({ length }, () => random.below(255) - 127);
const directions = { forward: [columns, rows], backward: [rows, columns] } as const;
const made = Object.fromEntries(
  Object.entries(directions).map(([direction, [inner, width]]) => {
    const codes = codesOf(inner * width);
    const scales = Array.from({ length: width }, () => (1 + random.below(100)) / 2048);
    return [direction, { codes, scales, inner, width }];
  }),
);

/** Each row as the nearest 127ths of its largest magnitude. */
function rounded(xs: Float32Array, width: number): number[] {
  return [...xs].map((x, i) => {
    const start = i - (i % width);
    const scale = Math.fround(
      Math.max(...xs.subarray(start, start + width).map(Math.abs)) * Math.fround(1 / 127),
    );
    const code = Math.fround(x / scale);
    const [low, up] = [Math.floor(code), code - Math.floor(code)];
    // Halves go to the even side.
    return scale * (up === 0.5 ? low + (low & 1) : Math.round(code));
  });
}

it('multiplies by the codes of each direction, adds what is added, and leaves other products as they are', async () => {
  const { w } = await codeMatrix(root, rows, columns, 'int8');
  const find = (name: string, direction: keyof typeof directions): ColumnCodes | null => {
    expect(name).toBe('codes');
    const { codes, scales, inner, width } = made[direction]!;
    return { codes: constant(codes, 'int8', [inner, width]), scales: constant(scales, 'float32') };
  };
  const [x, g, c, v] = [
    input('x', 'float32', [3, columns]),
    input('g', 'float32', [3, rows]),
    input('c', 'float32', [3, columns]),
    input('v', 'float32', [rows, columns]),
  ];
  const own = multiplyWhole({ y: linear(x, w), dx: gemm(g, w, { c }), plain: linear(x, v) }, find);
  const text = Buffer.from(emit(substitute(own, 'cpu')).bytes).toString('latin1');
  expect(text).not.toContain('DequantizeLinear');
  expect(text.match(/Gemm/g)!.length).toBeGreaterThan(0);

  // A row of zeros, and one a million times as large as the next.
  const sized = (width: number): Float32Array =>
    Float32Array.from(
      { length: 3 * width },
      (_, i) => [0, 1000, 0.001][Math.floor(i / width)]! * (random.float() - 0.5),
    );
  const [xs, gs, cs] = [sized(columns), sized(rows), sized(columns)];
  const session = await compile(own, { root, threads: 2, prepack: true });
  const found = await session.run({
    x: { data: xs, dims: [3, columns] },
    g: { data: gs, dims: [3, rows] },
    c: { data: cs, dims: [3, columns] },
    v: { data: new Float32Array(rows * columns).fill(1), dims: [rows, columns] },
  });
  await session.release();
  const product = (values: readonly number[], direction: string, added?: Float32Array): number[] => {
    const { codes, scales, inner, width } = made[direction]!;
    return Array.from({ length: 3 * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += values[row * inner + k]! * codes[k * width + column]!;
      return Math.fround(scales[column]!) * sum + (added?.[i] ?? 0);
    });
  };
  const rowOf = (values: ArrayLike<number>, row: number, width: number): number[] =>
    Array.from(values).slice(row * width, (row + 1) * width);
  const y = product(
    rounded(xs, columns).map((value) => value || 0),
    'forward',
  );
  const dx = product(
    rounded(gs, rows).map((value) => value || 0),
    'backward',
    cs,
  );
  for (const row of [0, 1, 2]) {
    expectClose(rowOf(found['y']!, row, rows), rowOf(y, row, rows), 1e-5, `product, row ${row}`);
    expectClose(rowOf(found['dx']!, row, columns), rowOf(dx, row, columns), 1e-5, `transpose, row ${row}`);
  }
});
