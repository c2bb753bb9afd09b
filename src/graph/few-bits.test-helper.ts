// Matrices in few bits for tests of what reads them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../random.ts';
import type { FewBits } from '../models/quantize.ts';
import { blocksOf, blockSize, dequantizeRows, quantizeRows } from '../models/quantize.ts';
import { dequantize, weight } from './index.ts';
import type { Tensor } from './index.ts';

/** A random matrix in a file below `root`, as a tensor and as numbers. */
export async function codeMatrix(
  root: string,
  rows: number,
  columns: number,
  dtype: FewBits,
): Promise<{ w: Tensor; values: Float32Array }> {
  const random = createRandom(columns);
  const quantized = quantizeRows(
    Float32Array.from({ length: rows * columns }, () => random.float() - 0.5),
    columns,
    dtype,
  );
  const location = `${dtype}-${rows}-${columns}`;
  const { codes, scales } = quantized;
  const scaleBytes = new Uint8Array(scales.buffer);
  // Scales first, so that both begin at a multiple of their element's size.
  await writeFile(join(root, location), Buffer.concat([scaleBytes, codes]));
  const stored = (offset: number, length: number): { location: string; offset: number; length: number } => ({
    location,
    offset,
    length,
  });
  const w = dequantize(
    weight('codes', dtype, [rows, columns], stored(scaleBytes.length, codes.length)),
    weight('scales', 'float32', [rows, blocksOf(columns)], stored(0, scaleBytes.length)),
    blockSize,
  );
  return { w, values: dequantizeRows(quantized, columns, dtype) };
}
