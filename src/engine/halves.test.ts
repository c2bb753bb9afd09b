// Weights and values between ops in float16: how far the results are from float32's, what is refused, and what is kept.
// Small random models are sharper than trained ones: PyTorch's own float16 is off by 0.007 to 0.036 nats on these
// (dev/LOG.md), and the bounds here are those of the worst.
import { cp, mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownEngines, ownFolder } from '../../test/own-engines.ts';
import { testDevice } from '../../test/device.ts';
import type { GoldenSequence, GoldenTriplet } from '../../test/golden/golden.ts';
import {
  goldenFamilies,
  modelDir,
  readJson,
  relativeError,
  toExample,
  toSequence,
} from '../../test/golden/golden.ts';
import { copyModel, failureOf, rewriteTensors } from '../models/model-files.test-helper.ts';
import { cut } from '../objectives/index.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';

const dir = ownFolder('halves');
const open = ownEngines({ device: testDevice });

const still = { ...defaultAdamW, learningRate: 1e-3 };
const lora = { ...defaultLora, dropout: 0 };
const triplets = (family: string): GoldenTriplet[] =>
  readJson<{ triplets: GoldenTriplet[] }>(family, 'losses.json').triplets;

/** All of them where a device is under test, which has its own kernels; some of each kind on the CPU. */
const families = testDevice === 'cpu' ? ['llama3', 'mistral-fp16', 'phi3', 'gemma2'] : goldenFamilies;

describe.each(families.map((family, i) => ({ family, wholeBatches: i % 2 === 0 })))(
  '$family in float16, whole batches $wholeBatches',
  ({ family, wholeBatches }) => {
    const settings = {
      modelDir: modelDir(family),
      adapterDir: `${modelDir(family)}/adapter`,
      lora,
      wholeBatches,
    };

    it('scores and learns as float32 does, within what halves lose', async () => {
      const [half, single] = [await open({ ...settings, computeDtype: 'float16' }), await open(settings)];
      const sequences = readJson<GoldenSequence[]>(family, 'sequences.json').map(toSequence);
      const [ours, expected] = [await half.score(sequences), await single.score(sequences)];
      const off = ours.flatMap((each, i) => Array.from(each, (x, t) => Math.abs(x - expected[i]![t]!)));
      expect(Math.max(...off)).toBeLessThan(5e-2);
      expect(off.reduce((a, b) => a + b) / off.length).toBeLessThan(1e-2);
      // Halves are at work at all.
      expect(Math.max(...off)).toBeGreaterThan(1e-4);

      const objective = cut();
      for (let step = 0; step < 10; step++) {
        const batch = triplets(family).map(toExample);
        const [own, other] = [
          await half.step(batch, objective, still),
          await single.step(batch, objective, still),
        ];
        expect(Math.abs(own.loss - other.loss)).toBeLessThan(1e-2 * Math.abs(other.loss));
        expect(Number.isInteger(Math.log2(own.lossScale!))).toBe(true);
        expect(other.lossScale).toBeUndefined();
        if (step > 0) continue;
        expect(own.flaggedTokens).toBe(other.flaggedTokens);
        expect(relativeError(half.gradient(), single.gradient())).toBeLessThan(3e-2);
      }
    });

    it('continues prompts alone as beside others', async () => {
      const engine = await open({ ...settings, computeDtype: 'float16' });
      const requests = triplets(family)
        .slice(0, 3)
        .map(({ plain }) => ({
          prompt: Int32Array.from(plain.ids),
          sampling: { maxNewTokens: 8, temperature: 0 },
        }));
      const together = await engine.generate(requests);
      for (const [i, request] of requests.entries()) {
        const [alone] = await engine.generate([request]);
        expect([...alone!.ids]).toEqual([...together[i]!.ids]);
      }
    });
  },
);

it('is what float32 computes from weights that are rounded to halves, as far as the values between allow', async () => {
  const folder = await halvesOf('llama3');
  const sequences = readJson<GoldenSequence[]>('llama3', 'sequences.json').map(toSequence);
  const own = await open({ modelDir: modelDir('llama3'), computeDtype: 'float16' });
  const stored = await open({ modelDir: folder, computeDtype: 'float16' });
  // Halves in the file are used in place; others are converted to the same.
  expect(stored.describe().notes!.map(({ code }) => code)).not.toContain('CONVERTED');
  const [converted, inPlace] = [await own.score(sequences), await stored.score(sequences)];
  converted.forEach((logProbs, i) => expect([...logProbs]).toEqual([...inPlace[i]!]));
});

it.each(['int8', 'int4'] as const)('computes in float16 over weights in %s', async (baseDtype) => {
  const settings = { modelDir: modelDir('llama3'), lora, baseDtype };
  const [half, single] = [await open({ ...settings, computeDtype: 'float16' }), await open(settings)];
  const batch = triplets('llama3').map(toExample);
  const objective = cut();
  for (let step = 0; step < 2; step++) {
    const [own, other] = [
      await half.step(batch, objective, still),
      await single.step(batch, objective, still),
    ];
    expect(Math.abs(own.loss - other.loss)).toBeLessThan(1e-2 * Math.abs(other.loss));
  }
  expect(relativeError(half.gradient(), single.gradient())).toBeLessThan(3e-2);
  const prompt = Int32Array.of(1, 5, 9, 20);
  const [made] = await half.generate([
    { prompt, sampling: { maxNewTokens: 4, temperature: 0 }, endTokens: new Set() },
  ]);
  expect(made!.ids).toHaveLength(4);
});

it('takes a smaller scale of the loss where the gradient overflows, and says which', async () => {
  // The same function with small values and a large projection of them, whose cotangents are then large.
  const factor = 2 ** 13;
  const folder = await changed('llama3', (name) =>
    name.endsWith('layers.1.self_attn.v_proj.weight')
      ? 1 / factor
      : name.endsWith('layers.1.self_attn.o_proj.weight')
        ? factor
        : 1,
  );
  const batch = triplets('llama3').map(toExample);
  const settings = { modelDir: folder, lora };
  const [half, single] = [await open({ ...settings, computeDtype: 'float16' }), await open(settings)];
  const usual = await open({ modelDir: modelDir('llama3'), lora, computeDtype: 'float16' });
  const objective = cut();
  const [own, other] = [await half.step(batch, objective, still), await single.step(batch, objective, still)];
  expect(own.lossScale).toBeLessThan((await usual.step(batch, objective, still)).lossScale!);
  expect(Math.abs(own.gradNorm - other.gradNorm)).toBeLessThan(2e-2 * other.gradNorm);
});

it('converts weights once, says so, and writes nothing beside them', async () => {
  process.env['WHETSTONE_CACHE'] = join(dir(), 'own');
  const folder = join(dir(), 'bf16');
  await cp(modelDir('llama3-bf16-sharded'), folder, { recursive: true });
  const before = await readdir(folder);
  const notes = async (): Promise<string[]> =>
    (await open({ modelDir: folder, computeDtype: 'float16' })).describe().notes!.map(({ code }) => code);
  expect(await notes()).toContain('CONVERTED');
  const again = await notes();
  expect(again).not.toContain('CONVERTED');
  expect(again.includes('HALF_ON_CPU')).toBe(testDevice === 'cpu');
  expect(await readdir(folder)).toEqual(before);
});

it('refuses a value that float16 has no number for, by the name of its tensor', async () => {
  const name = 'model.layers.1.mlp.up_proj.weight';
  const folder = await changed('llama3', (own) => (own === name ? 1e6 : 1));
  const error = await failureOf(() => openEngine({ modelDir: folder, computeDtype: 'float16' }));
  expect(error).toMatchObject({ code: 'MODEL_WEIGHTS' });
  expect(error.message).toContain(`tensor "${name}" holds a value that float16 has no number for`);
  await open({ modelDir: folder });
});

it('refuses to train every weight in float16', async () => {
  const error = await failureOf(() =>
    openEngine({ modelDir: modelDir('llama3'), lora: null, computeDtype: 'float16' }),
  );
  expect(error.message).toMatch(
    /weights in float16 are frozen; every weight can be trained in float32 alone/,
  );
});

/** A model with each tensor multiplied by a factor, in float32, or rounded to halves where it is a matrix. */
async function changed(
  family: string,
  factorOf: (name: string) => number,
  dtype: 'F32' | 'F16' = 'F32',
): Promise<string> {
  const folder = copyModel(family, await mkdtemp(join(dir(), 'model-')));
  await rewriteTensors(folder, (name, values, shape) => ({
    dtype: shape.length > 1 ? dtype : 'F32',
    values: values.map((x) => x * factorOf(name)),
  }));
  return folder;
}

const halvesOf = (family: string): Promise<string> => changed(family, () => 1, 'F16');
