// Codes for products in whole numbers: near what the stored codes stand for, kept beside them, made anew where they are torn.
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../random.ts';
import { readModelFolder } from './index.ts';
import { inFewBits } from './few-bits.ts';
import { columnCodes, columnScales, withProductCodes } from './product-codes.ts';
import { fileURLToPath } from 'node:url';

let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'whetstone-product-codes-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));

describe.each(['forward', 'backward'] as const)('%s', (direction) => {
  it('has the nearest codes under a scale a column of the product', () => {
    const [out, inner] = [5, 7];
    const random = createRandom(1);
    const values = Float32Array.from({ length: out * inner }, () => random.float() - 0.5);
    values.fill(0, 0, inner);
    const scales = columnScales(values, [out, inner], direction);
    const codes = columnCodes(values, [out, inner], direction, scales);
    const columns = direction === 'forward' ? out : inner;
    expect(scales).toHaveLength(columns);
    for (let row = 0; row < out; row++) {
      for (let column = 0; column < inner; column++) {
        const value = values[row * inner + column]!;
        const at = direction === 'forward' ? row : column;
        const code = codes[direction === 'forward' ? column * out + row : row * inner + column]!;
        expect(Math.abs(code)).toBeLessThanOrEqual(127);
        expect(Math.abs(code * scales[at]! - value)).toBeLessThanOrEqual(scales[at]! * 0.5001);
      }
    }
  });
});

it('keeps the codes of every matrix beside those that they are made of', async () => {
  const { checkpoint } = await readModelFolder(model);
  const few = await inFewBits(checkpoint, { dtype: 'int4', cache, check: async () => {} });
  const made = await withProductCodes(few);
  const matrices = [...made.weights.values()].filter(({ quantized }) => quantized);
  expect(matrices.length).toBeGreaterThan(10);
  for (const { shape, products } of matrices) {
    const [out, inner] = shape as [number, number];
    expect(products!.forward.codes.shape).toEqual([inner, out]);
    expect(products!.backward.codes.shape).toEqual([out, inner]);
  }
  const folder = dirname(few.files[0]!);
  expect(await readdir(folder)).toEqual(['int4-products.safetensors', 'int4.safetensors']);

  const file = join(folder, 'int4-products.safetensors');
  const places = [...made.weights].map(([name, { products }]) => [name, products]);
  await truncate(file, 1000);
  const again = await withProductCodes(few);
  expect([...again.weights].map(([name, { products }]) => [name, products])).toEqual(places);
});
