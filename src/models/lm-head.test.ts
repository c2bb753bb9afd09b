// Log-probs of given tokens against the definition, and against finite differences of it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../engine/session.ts';
import { codeMatrix } from '../graph/few-bits.test-helper.ts';
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
import type { Tensor } from '../graph/index.ts';
import { cast, emit, grad, halfBits, input, mul, sum, weight } from '../graph/index.ts';
import { tokenLogProbs } from './lm-head.ts';

const logProbs = (
  rows: InputSpec | string,
  dtype: 'float32' | 'float64',
  targets: 'int32' | 'int64',
  cap: number | null = null,
): GradientCase => ({
  inputs: [rows, 'vocab 3', { axes: 'rows', dtype: targets, values: indexInto('vocab') }],
  trace: ([hidden, weight, target]) => tokenLogProbs(hidden!, weight!, target!, { cap }),
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

describe('tokenLogProbs in blocks of a weight that lies in a file', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'whetstone-lm-head-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const [vocab, columns, rows] = [22, 64, 5];
  /** Tokens of all blocks, first and last ones among them. */
  const targets = Int32Array.of(0, 21, 8, 15, 7);
  const values = Float32Array.from({ length: vocab * columns }, (_, i) => Math.sin(i * i));

  const stored = async (dtype: 'float32' | 'float16'): Promise<Tensor> => {
    const location = dtype;
    const data = dtype === 'float32' ? values : Uint16Array.from(values, halfBits);
    await writeFile(join(root, location), new Uint8Array(data.buffer));
    return weight(dtype, dtype, [vocab, columns], { location, offset: 0, length: data.byteLength });
  };
  const weights = {
    float32: () => stored('float32'),
    'halves, widened for each use': async () =>
      cast(await stored('float16'), 'float32', { eachUse: true }),
    int8: async () => (await codeMatrix(root, vocab, columns, 'int8')).w,
    int4: async () => (await codeMatrix(root, vocab, columns, 'int4')).w,
    'int4 with zeros': async () => (await codeMatrix(root, vocab, 2 * columns, 'int4', true)).w,
  };

  const run = async (
    w: Tensor,
    cap: number | null,
    blockRows: number | undefined,
  ): Promise<Record<'result' | 'gradient', Float32Array> & { nodes: number }> => {
    const width = w.shape[1] as number;
    const hidden = input('hidden', 'float32', [rows, width]);
    const weighed = input('weights', 'float32', [rows]);
    const result = tokenLogProbs(hidden, w, input('targets', 'int32', [rows]), { cap, blockRows });
    const [gradient] = grad(sum(mul(result, weighed)), [hidden]);
    const session = await compile({ result, gradient: gradient! }, { root, threads: 1 });
    const found = await session.run({
      hidden: { data: Float32Array.from({ length: rows * width }, (_, i) => Math.cos(3 * i)), dims: [rows, width] },
      weights: { data: Float32Array.from({ length: rows }, (_, i) => i - 1.5), dims: [rows] },
      targets: { data: targets, dims: [rows] },
    });
    await session.release();
    return { result: found['result']!, gradient: found['gradient']!, nodes: session.nodeCount };
  };

  it.each(Object.keys(weights) as (keyof typeof weights)[])('is that of the whole, %s', async (name) => {
    const w = await weights[name]();
    for (const cap of [null, 3]) {
      const whole = await run(w, cap, undefined);
      // The last block has fewer rows than the others.
      const blocks = await run(w, cap, 8);
      expect(blocks.nodes).toBeGreaterThan(whole.nodes + 10);
      expectClose([...blocks.result], [...whole.result], 1e-5, 'log-probs');
      expectClose([...blocks.gradient], [...whole.gradient], 1e-5, 'gradient');
    }
  });

  it('takes a weight that is trained as a whole', () => {
    const w = input('w', 'float32', [vocab, columns]);
    const hidden = input('hidden', 'float32', [rows, columns]);
    const traced = (blockRows?: number): number => {
      const result = tokenLogProbs(hidden, w, input('targets', 'int32', [rows]), { blockRows });
      return emit({ result, gradient: grad(sum(result), [w])[0]! }).nodeCount;
    };
    expect(traced(8)).toBe(traced());
  });
});
