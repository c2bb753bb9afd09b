// Whether a model can learn beside its answers, as memory goes.
import { expect, it } from 'vitest';
import type { MemoryParts, Work } from '../engine/engine.ts';
import type { Estimating } from '../engine/require-memory.ts';
import { requireTrainingFits } from './memory.ts';
import { resolveLearning } from './settings.ts';

const slots = 4;
/** 1000 bytes of weights, 100 of the program, a byte a token of each slot, and ten a token of a row that is learned. */
const engine: Estimating = {
  describe: () => ({
    ...{ modelType: 'fake', parameters: 1, trainableParameters: 0, vocabSize: 1, threads: 1 },
    ...{ maxPositions: 4096, slots, fewerBits: ['int8'] as const },
  }),
  estimateMemory: (work: Work, dtype?: string): MemoryParts => ({
    ...{ state: 0, head: 0, runtime: 100 },
    weights: dtype === undefined ? 1000 : 250,
    cache: work.kind === 'generate' ? slots * work.tokens : 0,
    activations: work.kind === 'train' ? 10 * work.tokens : 0,
  }),
};
const settings = resolveLearning({ model: 'model/', cutoffLen: 2048 });
const limit = (bytes: number) => () => Promise.resolve({ bytes, limitedBy: 'this test' });
const answering = 1000 + slots * 512;
const training = (tokens: number): number => 1100 + 10 * tokens;

it('says nothing where rows may be as long as they are cut to', async () => {
  const bytes = answering + training(2048);
  expect(await requireTrainingFits(settings, engine, 0, limit(bytes))).toBeNull();
  expect(await requireTrainingFits(settings, engine, 1, limit(bytes))).not.toBeNull();
});

it('tells how long they may be', async () => {
  const told = await requireTrainingFits(settings, engine, 300, limit(300 + answering + training(1500)));
  expect(told?.code).toBe('MEMORY_CONTEXT');
  const tokens = Number(/rows of up to (\d+) tokens/.exec(told!.text)?.[1]);
  expect(tokens).toBeLessThanOrEqual(1500);
  expect(tokens).toBeGreaterThan(1500 - 64);
});

it('refuses what has no room for short ones, with the settings that would have', async () => {
  const refused = requireTrainingFits(settings, engine, 0, limit(answering + training(512) - 100));
  await expect(refused).rejects.toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
  await expect(refused).rejects.toThrow(/learning while it answers needs about .*the other model/);
  await expect(refused).rejects.toMatchObject({
    hint: expect.stringContaining('option `baseDtype` int8') as string,
  });
});
