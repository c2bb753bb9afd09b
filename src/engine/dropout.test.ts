// Dropout masks keep the right share, independently, and repeat themselves.
import { describe, expect, it } from 'vitest';
import { fillKeepMask } from './dropout.ts';
import { createRandom } from '../random.ts';

describe('fillKeepMask', () => {
  const filled = (size: number, p: number, ...key: number[]): Uint8Array => {
    const mask = new Uint8Array(size).fill(7);
    fillKeepMask(mask, p, createRandom(0, ...key));
    return mask;
  };

  it.each([0.01, 0.05, 0.1, 0.5, 0.9, 0.99])('keeps 1 - p of the elements: p = %s', (p) => {
    const size = 200_000;
    const mask = filled(size, p, 1);
    expect(mask.every((bit) => bit === 0 || bit === 1)).toBe(true);
    const dropped = size - mask.reduce((a, b) => a + b, 0);
    // Five standard deviations of a binomial.
    expect(Math.abs(dropped - p * size)).toBeLessThan(5 * Math.sqrt(size * p * (1 - p)));
  });

  it('drops neighbours independently, and every position alike', () => {
    const [rows, width, p] = [20_000, 16, 0.3];
    const byPosition = new Array<number>(width).fill(0);
    let both = 0;
    for (let row = 0; row < rows; row++) {
      const mask = filled(width, p, 2, row);
      mask.forEach((bit, i) => (byPosition[i]! += 1 - bit));
      if (mask[4] === 0 && mask[5] === 0) both++;
    }
    const deviation = Math.sqrt(rows * p * (1 - p));
    for (const dropped of byPosition) expect(Math.abs(dropped - p * rows)).toBeLessThan(5 * deviation);
    expect(Math.abs(both - p * p * rows)).toBeLessThan(5 * Math.sqrt(rows * p * p * (1 - p * p)));
  });

  it.each([0.001, 0.05, 0.5, 0.99])('has the gaps that logarithms of the draws give: p = %s', (p) => {
    const size = 300_000;
    const expected = new Uint8Array(size).fill(1);
    const random = createRandom(0, 6);
    const gap = (): number => Math.floor(Math.log(1 - random.float()) / Math.log1p(-p));
    for (let i = gap(); i < size; i += 1 + gap()) expected[i] = 0;
    expect(Buffer.compare(filled(size, p, 6), expected)).toBe(0);
  });

  it('keeps all at 0, drops all at 1, and repeats itself', () => {
    expect(filled(1000, 0, 1)).toEqual(new Uint8Array(1000).fill(1));
    expect(filled(1000, 1, 1)).toEqual(new Uint8Array(1000).fill(0));
    expect(filled(1000, 0.2, 4)).toEqual(filled(1000, 0.2, 4));
    expect(filled(1000, 0.2, 4)).not.toEqual(filled(1000, 0.2, 5));
    expect(filled(0, 0.5, 1)).toEqual(new Uint8Array(0));
  });
});
