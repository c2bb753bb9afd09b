// Log-probs of given tokens against the definition, and against finite differences of it.
import { describe, expect, it } from 'vitest';
import { at, build, product } from '../graph/arrays.test-helper.ts';
import type { GradientCase, InputSpec } from '../graph/gradient-check.test-helper.ts';
import {
  checkGradient,
  expectClose,
  indexInto,
  numbersOf,
  openSession,
  toOrt,
  uniform,
} from '../graph/gradient-check.test-helper.ts';
import { emit, grad, input, sum } from '../graph/index.ts';
import { tokenLogProbs } from './lm-head.ts';

const logProbs = (
  rows: InputSpec | string,
  dtype: 'float32' | 'float64',
  targets: 'int32' | 'int64',
  cap: number | null = null,
): GradientCase => ({
  inputs: [rows, 'vocab 3', { axes: 'rows', dtype: targets, values: indexInto('vocab') }],
  trace: ([hidden, weight, target]) => tokenLogProbs(hidden!, weight!, target!, cap),
  reference:
    () =>
    ([hidden, weight, target]) => {
      const logits = product(hidden!, weight!, { transB: true });
      const [count, vocab] = logits.shape as [number, number];
      return build([count], ([row]) => {
        const values = Array.from({ length: vocab }, (_, v) => at(logits, [row!, v])).map((x) =>
          cap === null ? x : cap * Math.tanh(x / cap),
        );
        const top = Math.max(...values);
        const normalizer = top + Math.log(values.reduce((total, x) => total + Math.exp(x - top), 0));
        return values[target!.data[row!]!]! - normalizer;
      });
    },
  dtype,
  min: { vocab: 1 },
  max: 6,
  runs: 10,
});

describe('tokenLogProbs', () => {
  it.each(['float32', 'float64'] as const)(
    'agrees with the definition and finite differences in %s',
    async (dtype) => {
      await checkGradient(logProbs('rows 3', dtype, 'int32'));
      await checkGradient(logProbs({ axes: 'rows 3', values: uniform(-8, 8) }, dtype, 'int64'));
      await checkGradient(logProbs('rows 3', dtype, 'int32', 0.5));
      await checkGradient(logProbs({ axes: 'rows 3', values: uniform(-3, 3) }, dtype, 'int64', 4));
    },
  );

  it('stays exact where logits are large and one token has all the probability', async () => {
    const hidden = input('hidden', 'float32', [2, 1]);
    const weight = input('weight', 'float32', [3, 1]);
    const result = tokenLogProbs(hidden, weight, input('targets', 'int32', [2]));
    const [gradient] = grad(sum(result), [hidden]);
    const session = await openSession(emit({ result, gradient: gradient! }).bytes);
    const outputs = await session.run({
      hidden: toOrt('float32', { shape: [2, 1], data: Float64Array.of(500, 500) }),
      weight: toOrt('float32', { shape: [3, 1], data: Float64Array.of(1, 0, -1) }),
      targets: toOrt('int32', { shape: [2], data: Float64Array.of(0, 2) }),
    });
    await session.release();
    expect(numbersOf(outputs.result!)).toEqual([0, -1000]);
    expectClose(numbersOf(outputs.gradient!), [0, -2], 1e-6, 'gradient');
  });

  it('keeps the digits of log p where p is near 1 and logits are large, for log(1 - p) needs them', async () => {
    const [hidden, weight] = [input('hidden', 'float32', [1, 2]), input('weight', 'float32', [2, 2])];
    const result = tokenLogProbs(hidden, weight, input('targets', 'int32', [1]));
    const session = await openSession(emit({ result }).bytes);
    // Logits 1000 and 994: log p = -log(1 + e^-6), smaller than the steps between floats near 1000 are apart.
    const { result: found } = await session.run({
      hidden: toOrt('float32', { shape: [1, 2], data: Float64Array.of(1000, -6) }),
      weight: toOrt('float32', { shape: [2, 2], data: Float64Array.of(1, 0, 1, 1) }),
      targets: toOrt('int32', { shape: [1], data: Float64Array.of(0) }),
    });
    await session.release();
    const expected = -Math.log1p(Math.exp(-6));
    expect(Math.abs(numbersOf(found!)[0]! / expected - 1)).toBeLessThan(1e-4);
  });
});
