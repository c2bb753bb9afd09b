// Base weights in few bits: forward and backward see the dequantized matrix, and the cache of codes never lies.
import { chmod, cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { GoldenTriplet } from '../../test/golden/golden.ts';
import {
  maxDifference,
  modelDir,
  readJson,
  relativeError,
  toExample,
  toSequence,
} from '../../test/golden/golden.ts';
import { ownEngines, ownFolder } from '../../test/own-engines.ts';
import { testDevice } from '../../test/device.ts';
import { copyModel, failureOf, rewriteTensors } from '../models/model-files.test-helper.ts';
import { openCheckpoint } from '../models/index.ts';
import { dequantizeRows, quantizeRows } from '../models/quantize.ts';
import { cut } from '../objectives/index.ts';
import { openEngine } from './onnx-engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';

const dir = ownFolder('few-bits');
const open = ownEngines();

/** The model with every matrix quantized and put back, as an ordinary checkpoint in float32. */
async function dequantizedModel(family: string, dtype: 'int8' | 'int4'): Promise<string> {
  const folder = copyModel(family, join(dir(), `${family}-${dtype}`));
  await rewriteTensors(folder, (_, values, [, columns]) => ({
    dtype: 'F32',
    values:
      columns === undefined ? values : dequantizeRows(quantizeRows(values, columns, dtype), columns, dtype),
  }));
  return folder;
}

const still = { ...defaultAdamW, learningRate: 1e-3 };

describe.each(['int8', 'int4'] as const)('%s', (baseDtype) => {
  it.each([
    ['llama3', true],
    ['llama3', false],
    ['gemma', false],
    ['qwen3', true],
    ['mistral-fp16', false],
  ])('%s computes with the dequantized matrices, whole batches %s', async (family, wholeBatches) => {
    const { triplets } = readJson<{ triplets: GoldenTriplet[] }>(family, 'losses.json');
    const lora = {
      ...defaultLora,
      rank: 4,
      dropout: 0,
      targetModules: ['q_proj', 'o_proj', 'gate_proj', 'down_proj'],
    };
    const shared = { lora, wholeBatches, device: testDevice };
    const few = await open({ ...shared, modelDir: modelDir(family), baseDtype });
    const float = await open({ ...shared, modelDir: await dequantizedModel(family, baseDtype) });
    const sequences = triplets.map(({ plain }) => toSequence(plain));
    const [own, expected] = [await few.score(sequences), await float.score(sequences)];
    own.forEach((logProbs, i) => expect(maxDifference(logProbs, expected[i]!)).toBeLessThan(2e-5));
    const batch = triplets.map(toExample);
    for (let step = 0; step < 3; step++) {
      const objective = cut();
      const [ours, theirs] = [
        await few.step(batch, objective, still),
        await float.step(batch, objective, still),
      ];
      expect(ours.flaggedTokens).toBe(theirs.flaggedTokens);
      expect(Math.abs(ours.loss - theirs.loss)).toBeLessThan(1e-4 * Math.abs(theirs.loss));
      expect(relativeError(few.gradient(), float.gradient())).toBeLessThan(1e-3);
    }
    const requests = sequences
      .slice(0, 2)
      .map(({ ids }) => ({ prompt: ids, sampling: { maxNewTokens: 12, temperature: 0 } }));
    const texts = [await few.generate(requests), await float.generate(requests)];
    expect(texts[0]!.map(({ ids }) => [...ids])).toEqual(texts[1]!.map(({ ids }) => [...ids]));
  });
});

const codes = (engine: OnnxEngine): readonly string[] =>
  (engine.describe().notes ?? []).map(({ code }) => code);

describe('the cache', () => {
  const kept = async (): Promise<string[]> =>
    (await readdir(join(dir(), 'own'), { recursive: true })).filter((name) => name.endsWith('.safetensors'));
  beforeEach(async () => {
    process.env['WHETSTONE_CACHE'] = join(dir(), 'own');
    await rm(join(dir(), 'own'), { recursive: true, force: true });
  });
  const model = async (): Promise<string> => {
    const folder = await mkdtemp(join(dir(), 'model-'));
    await cp(modelDir('llama3'), folder, { recursive: true });
    return folder;
  };
  const ids = { ids: Int32Array.of(1, 5, 9, 20, 7), responseStart: 2 };

  it('is written once, and says so; nothing is written beside the weights', async () => {
    const modelDir = await model();
    const before = await readdir(modelDir);
    expect(codes(await open({ modelDir, baseDtype: 'int8' }))).toEqual(['QUANTIZED']);
    expect(codes(await open({ modelDir, baseDtype: 'int8' }))).toEqual([]);
    expect(codes(await open({ modelDir, baseDtype: 'int4' }))).toEqual(['QUANTIZED']);
    expect(await kept()).toHaveLength(2);
    expect(await readdir(modelDir)).toEqual(before);
  });

  it('is made anew for weights that have changed, be it in one value in their midst', async () => {
    const modelDir = await model();
    const [first] = await (await open({ modelDir, baseDtype: 'int8' })).score([ids]);
    const file = join(modelDir, 'model.safetensors');
    const { weights } = await openCheckpoint(modelDir);
    const info = weights.get('model.layers.0.mlp.up_proj.weight')!;
    const bytes = await readFile(file);
    bytes.writeFloatLE(3, info.offset + 4 * Math.floor(info.length / 8));
    await writeFile(file, bytes);
    const engine = await open({ modelDir, baseDtype: 'int8' });
    expect(codes(engine)).toEqual(['QUANTIZED']);
    expect(maxDifference((await engine.score([ids]))[0]!, first!)).toBeGreaterThan(0);
  });

  it.each([
    ['torn', (file: string) => truncate(file, 2000)],
    ['empty', (file: string) => truncate(file, 0)],
    [
      "another model's",
      async (file: string) => writeFile(file, await readFile(join(modelDir('gemma'), 'model.safetensors'))),
    ],
  ])('is made anew where the file is %s', async (_, damage) => {
    const modelDir = await model();
    const first = await openEngine({ modelDir, baseDtype: 'int4', threads: 1 });
    const [expected] = await first.score([ids]);
    await first.dispose();
    const [name] = await kept();
    await damage(join(dir(), 'own', name!));
    const engine = await open({ modelDir, baseDtype: 'int4' });
    expect(codes(engine)).toEqual(['QUANTIZED']);
    expect([...(await engine.score([ids]))[0]!]).toEqual([...expected!]);
  });

  it('keeps nothing of weights that are not finite, and names the tensor', async () => {
    const modelDir = await model();
    const { weights } = await openCheckpoint(modelDir);
    const info = weights.get('model.layers.1.self_attn.k_proj.weight')!;
    const bytes = await readFile(info.file);
    bytes.writeFloatLE(NaN, info.offset);
    await writeFile(info.file, bytes);
    const error = await failureOf(() => openEngine({ modelDir, baseDtype: 'int8' }));
    expect(error.code).toBe('MODEL_WEIGHTS');
    expect(error.message).toContain('model.layers.1.self_attn.k_proj.weight');
    expect(await kept().catch(() => [])).toEqual([]);
  });

  it('says where it cannot be written', async () => {
    process.env['WHETSTONE_CACHE'] = join(dir(), 'a-file');
    await writeFile(join(dir(), 'a-file'), '');
    await chmod(join(dir(), 'a-file'), 0o400);
    const error = await failureOf(() => openEngine({ modelDir: modelDir('llama3'), baseDtype: 'int8' }));
    expect(error.message).toContain('a-file');
  });
});

it('refuses to train every weight in few bits', async () => {
  const error = await failureOf(() =>
    openEngine({ modelDir: modelDir('llama3'), lora: null, baseDtype: 'int4' }),
  );
  expect(error.message).toMatch(/weights in int4 are frozen; every weight can be trained in float32 alone/);
});
