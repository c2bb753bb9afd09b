// Both engines side by side, for the tests of the one on PyTorch.
import { afterAll } from 'vitest';
import type { Engine, OnnxEngine, Sequence, TokenExample } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { EngineOptions } from '../../src/engine/index.ts';
import type { TorchEngine } from '../../src/engine/torch/torch-engine.ts';
import { openTorchEngine } from '../../src/engine/torch/torch-engine.ts';
import type { GoldenTriplet } from '../golden/golden.ts';
import { readJson, toExample } from '../golden/golden.ts';

/** Undefined where `npm run test:torch` has found none: then nothing here is tested. */
export const python: string | undefined = process.env['WHETSTONE_TEST_PYTHON'];

const engines: Engine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

const kept = <E extends Engine>(engine: E): E => {
  engines.push(engine);
  return engine;
};

export const openTorch = async (
  options: EngineOptions,
  {
    nproc = 1,
    rowTokens,
    checkpointing = false,
  }: { nproc?: number; rowTokens?: number; checkpointing?: boolean } = {},
): Promise<TorchEngine> =>
  kept(
    await openTorchEngine(options, {
      ...{ engine: 'torch', nproc, python: python!, gradientCheckpointing: checkpointing },
      ...(rowTokens !== undefined && { rowTokens }),
    }),
  );

export const openOnnx = async (options: EngineOptions): Promise<OnnxEngine> =>
  kept(await openEngine({ threads: 1, ...options }));

/** Golden triplets with a sequence of every role; what is read before the response is made up of their tokens. */
export function everyRole(family: string): TokenExample[] {
  const examples = readJson<{ triplets: GoldenTriplet[] }>(family, 'losses.json').triplets.map(toExample);
  return examples.map((example, i) => {
    const plain = example.sequences.plain!;
    const response = plain.ids.subarray(plain.responseStart);
    const after = (...before: number[]): Sequence => ({
      ids: Int32Array.of(...before, ...response),
      responseStart: before.length,
    });
    const other = examples[(i + 1) % examples.length]!.sequences.plain!;
    return {
      ...example,
      sequences: {
        judged: after(1, 9, 8, 7),
        ...example.sequences,
        praised: after(1, 20, 21),
        revising: after(1, ...response, 5, 6, 7),
        critique: { ids: Int32Array.of(...plain.ids, 11, 12, 13), responseStart: plain.ids.length },
        preferred: other,
      },
    };
  });
}
