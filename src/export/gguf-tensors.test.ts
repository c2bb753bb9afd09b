import { expect, it } from 'vitest';
import { blocksOf, storedAs } from './gguf-tensors.ts';

it('Q8_0 has a scale and 32 codes a block, rounded half away from zero', () => {
  // The scale of the first block is 1: codes are the values, rounded.
  const values = Float32Array.from({ length: 64 }, (_, i) =>
    i < 32 ? [127, -0.5, 0.5, 1.5, -2.5, 3.4][i % 6]! : 0,
  );
  const bytes = blocksOf(values);
  expect(bytes.length).toBe(2 * 34);
  expect([...bytes.subarray(0, 2)]).toEqual([0x00, 0x3c]);
  expect([...new Int8Array(bytes.buffer, 2, 6)]).toEqual([127, -1, 1, 2, -3, 3]);
  expect(bytes.subarray(34).every((x) => x === 0)).toBe(true);
});

it('vectors stay float32, and rows that are no whole blocks become halves', () => {
  expect(storedAs('Q8_0', [64])).toBe('F32');
  expect(storedAs('Q8_0', [3, 64])).toBe('Q8_0');
  expect(storedAs('Q8_0', [3, 48])).toBe('F16');
  expect(storedAs('F32', [3, 48])).toBe('F32');
});
