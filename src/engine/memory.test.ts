// What is estimated, part by part; the measured peaks are in dev/LOG.md.
import { afterEach, describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { openCheckpoint } from '../models/index.ts';
import type { MemoryParts, Work } from './engine.ts';
import { bytesOf } from './memory.ts';
import { openEngine } from './onnx-engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { defaultLora } from './options.ts';
import { longestWork, requireMemory } from './require-memory.ts';

const opened: OnnxEngine[] = [];
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.dispose();
});

const lora = { ...defaultLora, dropout: 0 };
const training: Work = { kind: 'train', tokens: 64, responseTokens: 16 };

async function engineOf(
  model: string,
  options: { prepack?: boolean; slots?: number } = {},
): Promise<OnnxEngine> {
  const engine = await openEngine({ modelDir: modelDir(model), lora, ...options });
  opened.push(engine);
  return engine;
}

const bytesIn = async (model: string): Promise<number> =>
  [...(await openCheckpoint(modelDir(model))).weights.values()].reduce((sum, { length }) => sum + length, 0);

describe('the estimate', () => {
  it('has mapped weights once, and of halves the copies that they are widened into', async () => {
    const { weights } = (await engineOf('llama2', { prepack: false })).estimateMemory(training);
    expect(weights).toBe(await bytesIn('llama2'));
    const halves = (await engineOf('mistral-fp16', { prepack: false })).estimateMemory(training);
    expect(halves.weights / (await bytesIn('mistral-fp16'))).toBeCloseTo(2 * 2 * 1.03, 5);
  });

  it('has repacked weights twice in training, once in generation, never in scoring', async () => {
    const engine = await engineOf('llama2', { prepack: true });
    const weightsOf = (work: Work): number => engine.estimateMemory(work).weights;
    const scored = weightsOf({ ...training, kind: 'score' });
    const generated = weightsOf({ kind: 'generate', promptTokens: 8, tokens: 16 });
    expect(scored).toBe(await bytesIn('llama2'));
    expect(generated).toBeLessThanOrEqual(scored);
    expect(weightsOf(training)).toBeGreaterThan(1.5 * generated);
  });

  it('grows with slots in the cache alone, and with rows in activations', async () => {
    const engine = await engineOf('llama2');
    const generate = (slots: number, tokens = 64): MemoryParts =>
      engine.estimateMemory({ kind: 'generate', promptTokens: 8, tokens, slots });
    expect(generate(8).cache).toBe(2 * generate(4).cache);
    // Room grows by a quarter more than is needed.
    expect(generate(4, 128).cache).toBe(3 * generate(4, 64).cache);
    const longer = engine.estimateMemory({ ...training, tokens: 8192 });
    expect(longer.activations).toBeGreaterThan(2 * engine.estimateMemory(training).activations);
    expect(longer.weights).toBe(engine.estimateMemory(training).weights);
  });

  it('knows fewer bits before anything is quantized', async () => {
    const engine = await engineOf('llama3', { prepack: false });
    expect(engine.describe().fewerBits).toEqual(['int8', 'int4']);
    const [float32, int8, int4] = [undefined, 'int8', 'int4'].map((dtype) =>
      bytesOf(engine.estimateMemory(training, dtype as 'int8' | undefined)),
    );
    expect(int4).toBeLessThan(int8!);
    expect(int8).not.toBe(float32);
  });
});

describe('what does not fit', () => {
  /** Bytes by tokens, halved and quartered by fewer bits. */
  const engine = {
    describe: () => ({
      ...{
        modelType: 'fake',
        parameters: 1,
        trainableParameters: 1,
        vocabSize: 1,
        maxPositions: 4096,
        threads: 1,
      },
      slots: 8,
      fewerBits: ['int8', 'int4'] as const,
    }),
    estimateMemory: (work: Work, dtype?: 'int8' | 'int4'): MemoryParts => ({
      ...{ state: 0, head: 0, runtime: 0 },
      weights: dtype === 'int4' ? 250 : dtype === 'int8' ? 500 : 1000,
      activations: work.kind === 'generate' ? 0 : work.tokens,
      cache: work.kind === 'generate' ? 100 * (work.slots ?? 8) : 0,
    }),
  };
  const limit = (bytes: number) => () => Promise.resolve({ bytes, limitedBy: 'this test' });
  const hintOf = (works: readonly Work[], bytes: number, beside = 0): Promise<string> =>
    requireMemory(engine, works, {
      beside,
      advises: ['baseDtype', 'cutoffLen', 'slots'],
      memory: limit(bytes),
    }).then(
      () => 'fits',
      (error: unknown) => {
        expect(error).toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
        return (error as { hint: string }).hint;
      },
    );
  const rows = longestWork('train', [{ ids: new Int32Array(1024), responseStart: 824 }]);

  it.each([
    [2024, 'fits'],
    [2000, 'option `baseDtype` int8, or with option `baseDtype` int4, or with option `cutoffLen` 960.'],
    [1300, 'option `baseDtype` int4, or with option `cutoffLen` 256.'],
    [600, 'option `baseDtype` int4 and option `cutoffLen` 320.'],
    [400, 'Close other programs'],
  ])('is refused with the settings that do: rows, %i bytes', async (bytes, words) => {
    expect(await hintOf(rows, bytes)).toContain(words);
  });

  it('counts what another model holds', async () => {
    expect(await hintOf(rows, 2024, 1)).toContain('int8');
  });

  it('advises fewer slots where it generates', async () => {
    const work: Work = { kind: 'generate', promptTokens: 8, tokens: 16 };
    expect(await hintOf([work], 1250)).toContain('option `slots` 2');
    expect(await hintOf([work], 1801)).toBe('fits');
  });
});
