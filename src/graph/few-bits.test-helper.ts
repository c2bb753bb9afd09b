// Matrices in few bits for tests of what reads them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../random.ts';
import type { FewBits } from '../models/quantize.ts';
import { blocksOf, blockSize, dequantizeRows, packHalves, quantizeRows } from '../models/quantize.ts';
import { dequantize, weight } from './index.ts';
import type { Tensor } from './index.ts';

/** A random matrix in a file below `root`, as a tensor and as numbers; with zeros, codes that stand for 0 a block. */
export async function codeMatrix(
  root: string,
  rows: number,
  columns: number,
  dtype: FewBits,
  hasZeros = false,
): Promise<{ w: Tensor; values: Float32Array }> {
  const random = createRandom(columns);
  const quantized = quantizeRows(
    Float32Array.from({ length: rows * columns }, () => random.float() - 0.5),
    columns,
    dtype,
  );
  const location = `${dtype}-${rows}-${columns}-${hasZeros}`;
  const { codes, scales } = quantized;
  const scaleBytes = new Uint8Array(scales.buffer);
  // Scales first, so that both begin at a multiple of their element's size.
  const zeros = Int8Array.from(scales, (_, i) => (i % 7) - 3);
  const zeroBytes = dtype === 'int8' ? new Uint8Array(zeros.buffer) : packHalves(zeros);
  await writeFile(join(root, location), Buffer.concat([scaleBytes, codes, zeroBytes]));
  const stored = (offset: number, length: number): { location: string; offset: number; length: number } => ({
    location,
    offset,
    length,
  });
  const blocks = blocksOf(columns);
  const w = dequantize(
    weight('codes', dtype, [rows, columns], stored(scaleBytes.length, codes.length)),
    weight('scales', 'float32', [rows, blocks], stored(0, scaleBytes.length)),
    blockSize,
    hasZeros
      ? weight('zeros', dtype, [rows, blocks], stored(scaleBytes.length + codes.length, zeroBytes.length))
      : undefined,
  );
  const values = dequantizeRows(quantized, columns, dtype);
  if (!hasZeros) return { w, values };
  const placeOf = (i: number): number =>
    Math.floor(i / columns) * blocks + Math.floor((i % columns) / blockSize);
  return { w, values: values.map((value, i) => value - zeros[placeOf(i)]! * scales[placeOf(i)]!) };
}
