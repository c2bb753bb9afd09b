import { describe, expect, it } from 'vitest';
import { numbersOf, openSession, toOrt } from '../gradient-check.test-helper.ts';
import { dim, emit, exp, grad, input, sub, sum } from '../index.ts';
import { kthLargest } from './top.ts';

const rows = [
  [3, -1, 3, 0.5, 2],
  [-4, -2, -8, -3, -2.5],
];

describe('kthLargest', () => {
  it.each([1, 2, 3, 5, 9])(
    'finds number %i of each row, or the smallest, and is a constant to grad',
    async (k) => {
      const x = input('x', 'float64', [dim('n'), 5]);
      const [slope] = grad(sum(exp(sub(x, kthLargest(x, k)))), [x]);
      const model = emit({ found: kthLargest(x, k), slope: slope! });
      const session = await openSession(model.bytes);
      const data = Float64Array.from(rows.flat());
      const { found, slope: slopes } = await session.run({ x: toOrt('float64', { shape: [2, 5], data }) });
      await session.release();
      const expected = rows.map((row) => [...row].sort((a, b) => b - a)[Math.min(k, 5) - 1]!);
      expect(numbersOf(found!)).toEqual(expected);
      const steep = rows.flatMap((row, i) => row.map((value) => Math.exp(value - expected[i]!)));
      numbersOf(slopes!).forEach((value, i) => expect(value).toBeCloseTo(steep[i]!, 12));
    },
  );

  it('refuses a row of unknown size and a k that is none', () => {
    expect(() => kthLargest(input('x', 'float32', [2, dim('n')]), 1)).toThrow(
      /^TopK: needs a last axis of known size/,
    );
    expect(() => kthLargest(input('x', 'float32', [2, 3]), 0)).toThrow(/whole number of 1 or more, not 0/);
  });
});
