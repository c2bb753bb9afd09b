// Which conversations a server says that it has memory for.
import { expect, it } from 'vitest';
import type { MemoryParts, Work } from '../engine/engine.ts';
import type { Estimating } from '../engine/require-memory.ts';
import { requireRoom } from './memory.ts';

/** 1000 bytes of weights, 100 of the program, and a byte a token of each slot. */
const engine: Estimating = {
  describe: () => ({
    ...{ modelType: 'fake', parameters: 1, trainableParameters: 0, vocabSize: 1, threads: 1 },
    ...{ maxPositions: 4096, slots: 4, fewerBits: ['int8'] as const },
  }),
  estimateMemory: (work: Work, dtype?: string): MemoryParts => ({
    ...{ state: 0, activations: 0, head: 0, runtime: 100 },
    weights: dtype === undefined ? 1000 : 250,
    cache: work.kind === 'generate' ? (work.slots ?? 4) * work.tokens : 0,
  }),
};
const limit = (bytes: number) => () => Promise.resolve({ bytes, limitedBy: 'this test' });

it('says nothing where every slot may hold the longest sequence', async () => {
  expect(await requireRoom([engine], limit(1100 + 4 * 4096))).toBeNull();
});

it('tells how long sequences may be side by side', async () => {
  const told = await requireRoom([engine], limit(1100 + 4 * 2000));
  expect(told?.code).toBe('MEMORY_CONTEXT');
  const tokens = Number(/4 sequences of up to (\d+) tokens/.exec(told!.text)?.[1]);
  expect(tokens).toBeLessThanOrEqual(2000);
  expect(tokens).toBeGreaterThan(2000 - 64);
});

it('counts every engine, and the program once', async () => {
  const bytes = 100 + 2 * (1000 + 4 * 4096);
  expect(await requireRoom([engine, engine], limit(bytes))).toBeNull();
  expect((await requireRoom([engine, engine], limit(bytes - 1)))?.code).toBe('MEMORY_CONTEXT');
});

it('refuses what has no room for short ones, with the settings that would have', async () => {
  const refused = requireRoom([engine], limit(2500));
  await expect(refused).rejects.toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
  await expect(refused).rejects.toThrow('serving needs about');
  await expect(refused).rejects.toMatchObject({
    hint: expect.stringContaining('option `baseDtype` int8, or with option `slots` 2') as string,
  });
});
