// Generation with arithmetic in int8: near the float32 of the same codes, as asked for or said otherwise, and a request
// gets the same bits alone and beside others.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ownEngines, ownFolder } from '../../test/own-engines.ts';
import { failureOf } from '../models/model-files.test-helper.ts';
import { cut } from '../objectives/index.ts';
import { createRandom } from '../random.ts';
import { defaultAdamW, defaultLora } from './options.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';

const model = fileURLToPath(new URL('../../models/world-128', import.meta.url));
ownFolder('arithmetic');
const opened = ownEngines({ slots: 8 });
const open = (options: Partial<Parameters<typeof opened>[0]>): Promise<OnnxEngine> =>
  opened({ modelDir: model, ...options });

const prompts = Array.from({ length: 5 }, (_, i) => {
  const random = createRandom(0, i);
  return Int32Array.from({ length: 4 + 9 * i }, () => 3 + random.below(500));
});

/** Ids, and the log-prob of each, of a request for each prompt, together or one after the other. */
async function generated(engine: OnnxEngine, together: boolean): Promise<[number, number][][]> {
  const log: [number, number][][] = prompts.map(() => []);
  const requests = prompts.map((prompt, i) => ({
    prompt,
    sampling: { maxNewTokens: 6 + 5 * i, temperature: 0 },
    endTokens: new Set<number>(),
    topLogProbs: 0,
    onToken: ({ id, logProb }: { id: number; logProb: number }) => void log[i]!.push([id, logProb]),
  }));
  if (together) await engine.generate(requests);
  else for (const request of requests) await engine.generate([request]);
  return log;
}

describe.each(['int8', 'int4'] as const)('%s', (baseDtype) => {
  it('is near the float32 of the same codes, and the same alone', async () => {
    const [few, plain] = [
      await open({ baseDtype, baseCompute: 'int8' }),
      await open({ baseDtype, baseCompute: 'float32' }),
    ];
    const [note] = few.describe().notes!.filter(({ code }) => code === 'ARITHMETIC');
    expect(note!.text).toMatch(
      /^(?:Generates|Computes) with int8 arithmetic: a product takes .* in int8 and .* in float32/,
    );
    expect(plain.describe().notes!.some(({ code }) => code === 'ARITHMETIC')).toBe(false);
    const [own, expected] = [await generated(few, true), await generated(plain, true)];
    expect(await generated(few, false)).toEqual(own);
    expect(await generated(plain, false)).toEqual(expected);
    const pairs = own.flatMap((sequence, i) => {
      const parts = sequence.findIndex(([id], k) => id !== expected[i]![k]![0]);
      return sequence.slice(0, parts < 0 ? undefined : parts).map(([, p], k) => [p, expected[i]![k]![1]]);
    });
    const differences = pairs.map(([a, b]) => Math.abs(a! - b!));
    const mean = differences.reduce((a, b) => a + b) / pairs.length;
    expect(pairs.length).toBeGreaterThan(40);
    expect(mean).toBeLessThan(0.02);
    expect(Math.max(...differences)).toBeGreaterThan(0);
  });
});

it('trains and scores in int8, near the float32 of the same codes, the same bits each time', async () => {
  const lora = { ...defaultLora, dropout: 0 };
  const optimizer = { ...defaultAdamW, learningRate: 0, maxGradNorm: 0 };
  const ids = Int32Array.from({ length: 40 }, (_, i) => 3 + ((i * 7919) % 500));
  const sequences = [
    { ids, responseStart: 12 },
    { ids: ids.slice().reverse(), responseStart: 20 },
  ];
  const batch = sequences.map((plain, index) => ({ index, rejected: false, sequences: { plain } }));
  interface Result {
    readonly logProbs: readonly number[];
    readonly loss: number;
    readonly gradient: Float32Array;
  }
  const results: Result[] = [];
  const notes: string[] = [];
  for (const baseCompute of ['float32', 'int8', 'int8'] as const) {
    const engine = await open({ baseDtype: 'int8', baseCompute, lora });
    notes.push(...(engine.describe().notes ?? []).map(({ text }) => text));
    const logProbs = await engine.score(sequences);
    const { loss } = await engine.step(batch, cut(), optimizer);
    results.push({
      logProbs: logProbs.flatMap((own) => [...own]),
      loss,
      gradient: engine.trainingState().firstMoment,
    });
  }
  const [float32, int8, again] = results;
  const bitsOf = ({ logProbs, loss, gradient }: Result): Buffer =>
    Buffer.from(Float64Array.from([...logProbs, loss, ...gradient]).buffer);
  expect(bitsOf(again!).equals(bitsOf(int8!))).toBe(true);
  const differences = float32!.logProbs.map((p, i) => Math.abs(p - int8!.logProbs[i]!));
  const mean = differences.reduce((a, b) => a + b) / differences.length;
  // Not so on processors that cannot.
  if (notes.some((text) => text.includes('Trains and scores in float32'))) expect(mean).toBe(0);
  else expect(mean).toBeGreaterThan(1e-4);
  expect(mean).toBeLessThan(0.1);
  expect(Math.abs(int8!.loss / float32!.loss - 1)).toBeLessThan(0.01);
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const [f, i] = [float32!.gradient, int8!.gradient];
  expect(dot(f, i) / Math.sqrt(dot(f, f) * dot(i, i))).toBeGreaterThan(0.99);
});

it('is refused where there are no codes, with what to do', async () => {
  const error = await failureOf(() => openEngine({ modelDir: model, baseCompute: 'int8' }));
  expect([error.code, error.place.field]).toEqual(['ENGINE_OPTIONS', 'base_compute']);
  expect(error.hint).toContain('--base_dtype int8');
});
