// Models that were quantized before they came here, against PyTorch with the numbers that their codes stand for: GPTQ and
// compressed-tensors as they publish their layouts (quantized.py).
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OnnxEngine } from '../../src/engine/index.ts';
import { merge } from '../../src/engine/merge.ts';
import { openCheckpoint, readSafetensorsHeader } from '../../src/models/index.ts';
import { cut } from '../../src/objectives/index.ts';
import { ownEngines, ownFolder } from '../own-engines.ts';
import { testDevice } from '../device.ts';
import type { GoldenSequence, GoldenTriplet } from './golden.ts';
import { defaultAdamW } from '../../src/engine/index.ts';
import {
  maxDifference,
  modelDir,
  readFloats,
  readJson,
  relativeError,
  toExample,
  toSequence,
} from './golden.ts';

const dir = ownFolder('quantized');
const open = ownEngines({ device: testDevice });

interface GoldenQuantized extends GoldenSequence {
  /** After one step of AdamW from the adapter. */
  readonly stepped_logprobs: number[];
}

interface GoldenLoss {
  readonly loss: number;
  readonly flags: (number[] | null)[];
}

const adamw = { ...defaultAdamW, learningRate: 1e-3, maxGradNorm: 0 };

/**
 * How many of the two layers' 14 projections, and of embeddings and LM head, stay codes; what they are kept in; what is
 * said of it.
 */
const models = [
  ['gptq-4', { codes: 14, dtypes: ['int4'], notes: ['QUANTIZED'] }],
  ['gptq-4-v2-ordered', { codes: 10, dtypes: ['int4'], notes: ['QUANTIZED', 'DEQUANTIZED'] }],
  ['gptq-8', { codes: 14, dtypes: ['int8'], notes: ['QUANTIZED'] }],
  ['ct-pack-4', { codes: 12, dtypes: ['int4'], notes: ['QUANTIZED'] }],
  ['ct-pack-4-asym', { codes: 14, dtypes: ['int4', 'int8'], notes: ['QUANTIZED', 'DEQUANTIZED'] }],
  ['ct-int-8', { codes: 14, dtypes: ['int8'], notes: ['QUANTIZED_ACTIVATIONS', 'QUANTIZED'] }],
] as const;

describe.each(models)('%s', (name) => {
  const sequences = readJson<GoldenQuantized[]>(name, 'sequences.json');
  const { triplets, losses } = readJson<{ triplets: GoldenTriplet[]; losses: GoldenLoss[] }>(
    name,
    'losses.json',
  );
  const adapterDir = join(modelDir(name), 'adapter');
  const expectLogProbs = async (engine: OnnxEngine, which: keyof GoldenQuantized): Promise<void> => {
    const found = await engine.score(sequences.map(toSequence));
    found.forEach((logProbs, i) =>
      expect(maxDifference(logProbs, sequences[i]![which] as number[])).toBeLessThan(2e-4),
    );
  };

  it('has the log-probs of its numbers', async () => {
    await expectLogProbs(await open({ modelDir: modelDir(name) }), 'logprobs');
  });

  it.each([true, false])('trains an adapter on them, whole batches %s', async (wholeBatches) => {
    const engine = await open({ modelDir: modelDir(name), adapterDir, wholeBatches });
    await expectLogProbs(engine, 'adapter_logprobs');
    const [golden] = losses;
    const step = await engine.step(triplets.map(toExample), cut({ preset: 'paper', lambda: 1.2 }), adamw);
    expect(Math.abs(step.loss - golden!.loss)).toBeLessThan(1e-4 * Math.abs(golden!.loss));
    expect(step.flaggedTokens).toBe(golden!.flags.flat().reduce((sum: number, flag) => sum + (flag ?? 0), 0));
    const expected = await readFloats(join(modelDir(name), 'gradients.safetensors'));
    const gradient = engine.gradient();
    for (const { name: parameter, offset, shape } of engine.layout.parameters) {
      const own = gradient.subarray(offset, offset + shape.reduce((a, b) => a * b, 1));
      const theirs = expected.get(`paper/base_model.model.${parameter}`)!;
      expect(relativeError(own, theirs), parameter).toBeLessThan(1e-4);
    }
    await expectLogProbs(engine, 'stepped_logprobs');
  });

  it('generates as one scores', async () => {
    const engine = await open({ modelDir: modelDir(name), adapterDir });
    const prompt = Int32Array.from(sequences[0]!.ids);
    const [made] = await engine.generate([
      { prompt, sampling: { maxNewTokens: 8, temperature: 0 }, endTokens: new Set() },
    ]);
    const ids = Int32Array.of(...prompt, ...made!.ids);
    const [own] = await engine.score([{ ids, responseStart: prompt.length }]);
    // Each token is the likeliest one: no other single token in its place scores higher.
    const others = [3, 17, 55, 98].map((id) => ({
      ids: Int32Array.of(...prompt, id),
      responseStart: prompt.length,
    }));
    for (const [score] of await engine.score(others)) expect(score!).toBeLessThanOrEqual(own![0]! + 1e-5);
  });

  it('becomes an ordinary model when the adapter is merged', async () => {
    const out = join(dir(), `${name}-merged`);
    const { written, check } = await merge({
      model: modelDir(name),
      adapter: adapterDir,
      out,
      device: testDevice,
    });
    expect(written?.mergedProjections).toBe(8);
    expect(check.meanDifference).toBeLessThan(check.tolerance);
    const { weights } = await openCheckpoint(out);
    expect([...weights.values()].map(({ dtype }) => dtype).filter((dtype) => !/^B?F16$/.test(dtype))).toEqual(
      [],
    );
    expect(weights.size).toBe(21);
    expect(await readdir(out)).toContain('config.json');
    const merged = await open({ modelDir: out });
    expect(merged.describe().notes).toEqual([]);
  });
});

it.each(models)('%s keeps its codes where there is room for them', async (name, { codes, dtypes, notes }) => {
  const own = join(dir(), 'own', name);
  process.env['WHETSTONE_CACHE'] = own;
  const engine = await open({ modelDir: modelDir(name) });
  expect((engine.describe().notes ?? []).map(({ code }) => code)).toEqual(notes);
  const file = (await readdir(own, { recursive: true })).find((each) => each.endsWith('.safetensors'))!;
  const { tensors } = await readSafetensorsHeader(join(own, file));
  const kept = [...tensors].filter(([each]) => tensors.has(`${each}.scales`)).map(([, { dtype }]) => dtype);
  expect(kept).toHaveLength(codes);
  expect([...new Set(kept)].map((dtype) => (dtype === 'U8' ? 'int4' : 'int8')).sort()).toEqual(dtypes);
});
