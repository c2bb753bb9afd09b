// Triplets and adapters that cannot be trained are refused in words, before a graph sees them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { failureOf } from '../models/model-files.test-helper.ts';
import { cut } from '../objectives/index.ts';
import type { Sequence, TokenExample } from './engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';

let engine: OnnxEngine;
beforeAll(async () => {
  engine = await openEngine({ modelDir: modelDir('llama3'), lora: defaultLora, threads: 1 });
});
afterAll(() => engine.dispose());

const sequence = (ids: number[], responseStart: number): Sequence => ({
  ids: Int32Array.from(ids),
  responseStart,
});
const example = (plain: Sequence, judged?: Sequence): TokenExample => ({
  index: 0,
  rejected: judged !== undefined,
  sequences: { plain, ...(judged && { judged }) },
});
const good = example(sequence([1, 2, 3], 2));
const adam = { ...defaultAdamW, learningRate: 0.01 };

it.each([
  ['no examples', [], /^a step needs at least one example/],
  ['an empty response', [good, example(sequence([1, 2], 2))], /^a response has no tokens/],
  [
    'judged and plain responses of other lengths',
    [example(sequence([1, 2, 3], 1), sequence([5, 1, 2, 3], 1))],
    /^the response after the judgment is not/,
  ],
  [
    'judged and plain responses of other tokens',
    [example(sequence([1, 2, 3], 1), sequence([5, 1, 2, 4], 2))],
    /^the response after the judgment is not/,
  ],
])('refuses %s and changes nothing', async (_, batch, message) => {
  const before = engine.trainingState();
  const error = await failureOf(() => engine.step(batch, cut(), adam));
  expect(error.message).toMatch(message);
  expect(engine.trainingState()).toEqual(before);
});

it.each([
  ['rank', { rank: 0 }],
  ['rank', { rank: 2.5 }],
  ['alpha', { alpha: NaN }],
  ['dropout', { dropout: 1 }],
  ['dropout', { dropout: -0.1 }],
])('refuses an adapter by its %s: %o', async (key, change) => {
  const error = await failureOf(() =>
    openEngine({ modelDir: modelDir('llama3'), lora: { ...defaultLora, ...change }, threads: 1 }),
  );
  expect([error.code, error.place.options]).toEqual(['INVALID_OPTIONS', [`lora.${key}`]]);
});

it('refuses a state whose moments belong to another model', async () => {
  const state = engine.trainingState();
  const error = await failureOf(() => engine.restore({ ...state, secondMoment: new Float32Array(3) }));
  expect(error.code).toBe('ENGINE_STATE');
});
