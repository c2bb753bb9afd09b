// Quantization: what comes back is near, exact where it can be, and of the shape that the graph's kernels read.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { blocksOf, blockSize, codeBytes, dequantizeRows, quantizeRows } from './quantize.ts';

const someRows = (rows: number, columns: number, seed: number): Float32Array => {
  const random = createRandom(seed);
  // Sums of three uniform numbers are near enough to what weights look like.
  return Float32Array.from({ length: rows * columns }, () => random.float() + random.float() + random.float() - 1.5);
};

const errorOf = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / a.reduce((sum, x) => sum + x * x, 0));

it.each([
  ['int8', 0.006],
  ['int4', 0.1],
] as const)('%s comes back within its levels', (dtype, bound) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 100 }), fc.nat(1000), (rows, half, seed) => {
      const columns = 2 * half;
      const values = someRows(rows, columns, seed);
      const quantized = quantizeRows(values, columns, dtype);
      expect(quantized.codes.length).toBe(codeBytes(values.length, dtype));
      expect(quantized.scales.length).toBe(rows * blocksOf(columns));
      const back = dequantizeRows(quantized, columns, dtype);
      // Few elements may all lie between two levels.
      expect(errorOf(values, back)).toBeLessThan(columns < blockSize ? 2 * bound : bound);
    }),
    { seed: 4 },
  );
});

it('keeps multiples of a scale as they are', () => {
  const values = Float32Array.from({ length: 64 }, (_, i) => 0.25 * ((i % 16) - 8));
  for (const dtype of ['int8', 'int4'] as const) {
    const back = dequantizeRows(quantizeRows(values, 64, dtype), 64, dtype);
    expect(errorOf(values, back)).toBeLessThan(dtype === 'int8' ? 0.005 : 1e-7);
  }
});

it('takes zeros, and blocks whose scale would underflow, for zeros', () => {
  const values = new Float32Array(2 * blockSize);
  values.fill(1e-45, blockSize);
  for (const dtype of ['int8', 'int4'] as const) {
    const { codes, scales } = quantizeRows(values, 2 * blockSize, dtype);
    expect([...dequantizeRows({ codes, scales }, 2 * blockSize, dtype)].every((x) => Math.abs(x) <= 1e-45)).toBe(true);
    expect([...scales].every((scale) => scale !== 0 && Number.isFinite(scale))).toBe(true);
  }
});

it('is better at a block with an outlier than the scale of its extreme is', () => {
  const values = someRows(1, blockSize, 5).map((x) => 0.1 * x);
  values[7] = 0.4;
  const scale = 0.4 / -8;
  const plain = values.map((x) => scale * Math.max(-8, Math.min(7, Math.round(x / scale))));
  const back = dequantizeRows(quantizeRows(values, blockSize, 'int4'), blockSize, 'int4');
  expect(errorOf(values, back)).toBeLessThan(errorOf(values, plain));
});
