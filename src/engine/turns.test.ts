// Overlapping calls are as good as calls one after the other, and nothing runs after the end.
import { expect, it } from 'vitest';
import type { GoldenTriplet } from '../../test/golden/golden.ts';
import { modelDir, readJson, toExample } from '../../test/golden/golden.ts';
import { failureOf } from '../models/model-files.test-helper.ts';
import { cut } from '../objectives/index.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW } from './options.ts';
import { takeTurns } from './turns.ts';

it('begins each call when those before it have ended, failed ones too', async () => {
  const { inTurn, end } = takeTurns();
  const events: string[] = [];
  const call = inTurn(async (name: string) => {
    events.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    events.push(`${name} ends`);
    if (name === 'b') throw new Error('b fails');
    return name;
  });
  const last = (): Promise<void> => Promise.resolve(void events.push('last'));
  const results = Promise.allSettled([call('a'), call('b'), call('c'), end(last), end(last)]);
  expect((await failureOf(() => call('d'))).code).toBe('ENGINE_DISPOSED');
  expect((await results).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends', 'last']);
});

const { triplets } = readJson<{ triplets: GoldenTriplet[] }>('llama3', 'losses.json');
const batch = triplets.map(toExample);
const adam = { ...defaultAdamW, learningRate: 0.01 };
const open = (): Promise<OnnxEngine> =>
  openEngine({ modelDir: modelDir('llama3'), adapterDir: `${modelDir('llama3')}/adapter`, threads: 1 });

it('an engine gives overlapping steps and scores the results of calls in order', async () => {
  const [one, other] = [await open(), await open()];
  const [objective, second] = [cut(), cut({ preset: 'released-code' })];
  const sequences = batch.map(({ sequences }) => sequences.plain!);
  const inOrder = [
    await one.step(batch, objective, adam),
    await one.score(sequences),
    await one.step(batch, second, adam),
    await one.score(sequences),
  ];
  const overlapping = await Promise.all([
    other.step(batch, objective, adam),
    other.score(sequences),
    other.step(batch, second, adam),
    other.score(sequences),
  ]);
  expect(overlapping).toEqual(inOrder);
  await Promise.all([one.dispose(), other.dispose()]);
});

it('a disposed engine says so, and disposing again does nothing', async () => {
  const engine = await open();
  const pending = engine.step(batch, cut(), adam);
  await engine.dispose();
  expect((await pending).loss).toBeGreaterThan(0);
  expect((await failureOf(() => engine.step(batch, cut(), adam))).code).toBe('ENGINE_DISPOSED');
  expect((await failureOf(() => engine.score([]))).code).toBe('ENGINE_DISPOSED');
  await engine.dispose();
});
