// Products that read codes, against the same sums in double precision, with what they are multiplied with rounded in
// int8; and how many rows there are changes no bit of any of them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../engine/session.ts';
import { createRandom } from '../random.ts';
import { codeMatrix } from './few-bits.test-helper.ts';
import { expectClose } from './gradient-check.test-helper.ts';
import type { Arithmetic, Tensor } from './index.ts';
import { dim, emit, gatherRows, gemm, input, linear, multiplyCodes } from './index.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'whetstone-code-products-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const block = 64;

/** Each block of a row as the nearest 127ths of its largest magnitude. */
const rounded = (row: Float32Array): Float32Array =>
  row.map((x, i) => {
    const start = i - (i % block);
    const scale = Math.max(...row.subarray(start, start + block).map(Math.abs)) / 127;
    return scale * Math.round(x / scale);
  });

async function run(
  graph: Readonly<Record<string, Tensor>>,
  feeds: Parameters<Awaited<ReturnType<typeof compile>>['run']>[0],
): Promise<Record<string, Float32Array>> {
  const session = await compile(graph, { root, threads: 2, prepack: true });
  const results = await session.run(feeds);
  await session.release();
  return results;
}

describe.each(['int8', 'int4'] as const)('%s', (dtype) => {
  describe.each(['float32', 'int8'] as const)('in %s', (arithmetic: Arithmetic) => {
    it.each([
      [64, 48],
      [192, 80],
      [576, 40],
    ])('%i columns, %i rows: the products of the numbers that the codes stand for', async (columns, rows) => {
      const { w, values } = await codeMatrix(root, rows, columns, dtype);
      const random = createRandom(rows);
      const xs = Float32Array.from({ length: 3 * columns }, () => random.float() - 0.5);
      const bias = Float32Array.from({ length: rows }, () => random.float());
      const [x, b] = [input('x', 'float32', [3, columns]), input('b', 'float32', [rows])];
      const ids = Int32Array.of(5, 0);
      const graph = {
        plain: linear(x, w),
        biased: linear(x, w, b),
        // The same codes as an embedding.
        looked: gatherRows(w, input('ids', 'int32', [2])),
      };
      const own = multiplyCodes(graph, arithmetic);
      expect(Buffer.from(emit(own).bytes).toString('latin1')).not.toContain('Gemm');
      const found = await run(own, {
        x: { data: xs, dims: [3, columns] },
        b: { data: bias, dims: [rows] },
        ids: { data: ids, dims: [2] },
      });
      const plain = [0, 1, 2].flatMap((m) => {
        const row = xs.subarray(m * columns, (m + 1) * columns);
        const seen = arithmetic === 'int8' ? rounded(row) : row;
        return Array.from({ length: rows }, (_, r) =>
          seen.reduce((sum, value, c) => sum + value * values[r * columns + c]!, 0),
        );
      });
      expectClose(found['plain']!, plain, 1e-5, 'product');
      expectClose(
        found['biased']!,
        plain.map((y, i) => y + bias[i % rows]!),
        1e-5,
        'with a bias',
      );
      const looked = [...ids].flatMap((id) => [...values.subarray(id * columns, (id + 1) * columns)]);
      expectClose(found['looked']!, looked, 1e-7, 'rows');
    });
  });

  it('leaves rows that end within a block, and products with the transpose, to float32', async () => {
    for (const [columns, rows] of [
      [96, 40],
      [64, 40],
    ] as const) {
      const { w } = await codeMatrix(root, rows, columns, dtype);
      const graph = multiplyCodes({ y: gemm(input('g', 'float32', [2, rows]), w) }, 'int8');
      expect(Buffer.from(emit(graph).bytes).toString('latin1')).not.toContain('MatMulNBits');
    }
    const { w } = await codeMatrix(root, 40, 96, dtype);
    const graph = multiplyCodes({ y: linear(input('x', 'float32', [2, 96]), w) }, 'int8');
    expect(Buffer.from(emit(graph).bytes).toString('latin1')).not.toContain('MatMulNBits');
  });

  it('gives a row the same bits beside an even number of others', async () => {
    const [columns, rows] = [576, 96];
    const { w } = await codeMatrix(root, rows, columns, dtype);
    const random = createRandom(3);
    const xs = Float32Array.from({ length: 16 * columns }, () => random.float() - 0.5);
    const graph = multiplyCodes({ y: linear(input('x', 'float32', [dim('m'), columns]), w) }, 'int8');
    const session = await compile(graph, { root, threads: 2, prepack: true });
    const results = [];
    for (const m of [2, 4, 8, 16]) {
      const { y } = await session.run({ x: { data: xs.subarray(0, m * columns), dims: [m, columns] } });
      results.push([...y!.subarray(0, 2 * rows)]);
    }
    await session.release();
    for (const result of results) expect(result).toEqual(results[0]);
  });
});
