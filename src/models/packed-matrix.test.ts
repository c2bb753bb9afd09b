// Quantized checkpoints whose tensors are missing, torn, or not what config.json says: refused by tensor and file.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../engine/onnx-engine.ts';
import { copyModel, editJson, editTensors, failureOf, temporaryFolders } from './model-files.test-helper.ts';
import type { StoredTensor } from './safetensors.ts';

const newFolder = temporaryFolders();
const environment = process.env['WHETSTONE_CACHE'];
beforeAll(() => {
  process.env['WHETSTONE_CACHE'] = newFolder();
});
afterAll(() => {
  if (environment === undefined) delete process.env['WHETSTONE_CACHE'];
  else process.env['WHETSTONE_CACHE'] = environment;
});

const module = 'model.layers.1.mlp.up_proj';

/** A change of one tensor of that module. */
const edit =
  (name: string, change: (tensor: StoredTensor) => StoredTensor) => (tensors: Map<string, StoredTensor>) => {
    tensors.set(`${module}.${name}`, change(tensors.get(`${module}.${name}`)!));
  };

/** The first two bytes of its values; NaN is 7e00 in float16 and 7fc0 in bfloat16. */
const startingWith =
  (...bytes: number[]) =>
  (tensor: StoredTensor): StoredTensor => {
    tensor.bytes.set(bytes);
    return tensor;
  };

const shaped =
  (...shape: number[]) =>
  (tensor: StoredTensor): StoredTensor => ({ ...tensor, shape });

const without = (name: string) => (tensors: Map<string, StoredTensor>) => {
  tensors.delete(`${module}.${name}`);
};

describe.each([
  ['gptq-4', 'without its groups', without('g_idx'), /up_proj.qweight" is there, but ".*up_proj.g_idx" is in none/],
  ['gptq-4', 'without its zeros', without('qzeros'), /but ".*up_proj.qzeros" is in none/],
  ['gptq-4', 'without its scales', without('scales'), /but ".*up_proj.scales" is in none/],
  ['gptq-4', 'in another shape', edit('qweight', shaped(8, 24)), /up_proj.scales" is F16 \[2, 48\]; expected/],
  ['gptq-4', 'scales in another', edit('scales', shaped(4, 24)), /up_proj.qzeros" is I32 \[2, 6\]; expected I32 \[4, 6\]/],
  ['gptq-4', 'NaN for a scale', edit('scales', startingWith(0x00, 0x7e)), /up_proj.scales" holds NaN/],
  ['gptq-4', 'a group beyond the last', edit('g_idx', startingWith(7)), /g_idx" puts column 0 into group 7/],
  ['gptq-4', 'a zero less 1 of 15', edit('qzeros', startingWith(0xff)), /qzeros" holds a zero point of 15/],
  ['ct-pack-4', 'without its scales', without('weight_scale'), /weight_packed" is there, but ".*weight_scale"/],
  ['ct-pack-4', 'without its shape', without('weight_shape'), /but ".*weight_shape" is in none/],
  ['ct-pack-4', 'of no shape', edit('weight_shape', startingWith(0)), /weight_shape" holds \[0, 32\]/],
  ['ct-pack-4', 'of another shape', edit('weight_shape', startingWith(24)), /weight_packed" is I32 \[48, 4\]; expected I32/],
  ['ct-pack-4', 'NaN for a scale', edit('weight_scale', startingWith(0xc0, 0x7f)), /weight_scale" holds NaN/],
  ['ct-pack-4-asym', 'zeros in another shape', edit('weight_zero_point', shaped(4, 6)), /weight_zero_point" is I32/],
  ['ct-int-8', 'without its scales', without('weight_scale'), /up_proj.weight" is there, but ".*weight_scale"/],
] as const)('%s %s', (model, _, change, message) => {
  it('is refused', async () => {
    const dir = copyModel(model, newFolder());
    await editTensors(dir, change);
    const error = await failureOf(() => openEngine({ modelDir: dir }));
    expect([error.code, error.place.file]).toEqual(['MODEL_WEIGHTS', join(dir, 'model.safetensors')]);
    expect(error.message).toMatch(message);
  });
});

const groupsOf = (json: Record<string, unknown>): { weights: Record<string, unknown> } =>
  (json['quantization_config'] as { config_groups: { group_0: { weights: Record<string, unknown> } } }).config_groups
    .group_0;

describe('config.json says otherwise', () => {
  it.each([
    ['gptq-4', (json: Record<string, unknown>) => Object.assign(json['quantization_config']!, { group_size: 32 })],
    ['gptq-4', (json: Record<string, unknown>) => Object.assign(json['quantization_config']!, { bits: 8 })],
    ['ct-pack-4', (json: Record<string, unknown>) => Object.assign(groupsOf(json).weights, { group_size: 16 })],
    ['ct-pack-4', (json: Record<string, unknown>) => Object.assign(groupsOf(json).weights, { num_bits: 8 })],
  ])('%s', async (model, change) => {
    const dir = copyModel(model, newFolder());
    editJson(join(dir, 'config.json'), change);
    const error = await failureOf(() => openEngine({ modelDir: dir }));
    expect(error.code).toBe('MODEL_WEIGHTS');
    expect(error.message).toMatch(/expected 4|expected 8|names no such bits and groups/);
  });

  it('a code that has more bits than it says', async () => {
    const dir = copyModel('ct-int-8', newFolder());
    editJson(join(dir, 'config.json'), (json) => Object.assign(groupsOf(json).weights, { num_bits: 4 }));
    const error = await failureOf(() => openEngine({ modelDir: dir }));
    expect(error.message).toMatch(/holds the code -?\d+, which is none of 4 bits/);
  });

  it('another zero offset makes other numbers, not those that were kept', async () => {
    const dir = copyModel('gptq-8', newFolder());
    const score = async (): Promise<number> => {
      const engine = await openEngine({ modelDir: dir });
      const [[first]] = (await engine.score([{ ids: Int32Array.of(1, 9, 20), responseStart: 1 }])) as [Float32Array];
      await engine.dispose();
      return first!;
    };
    const before = await score();
    editJson(join(dir, 'config.json'), (json) =>
      Object.assign(json['quantization_config']!, { checkpoint_format: 'gptq_v2' }),
    );
    expect(await score()).not.toBe(before);
  });

  it('in a file of its own, as AutoGPTQ wrote it', async () => {
    const dir = copyModel('gptq-4', newFolder());
    const file = join(dir, 'config.json');
    const { quantization_config: settings, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify(rest));
    writeFileSync(join(dir, 'quantize_config.json'), JSON.stringify(settings));
    const engine = await openEngine({ modelDir: dir });
    await engine.dispose();
  });
});

it('a torn file is refused', async () => {
  const dir = copyModel('gptq-4', newFolder());
  truncateSync(join(dir, 'model.safetensors'), 20_000);
  expect((await failureOf(() => openEngine({ modelDir: dir }))).code).toBe('SAFETENSORS');
});

it.each([
  [{ baseDtype: 'int4' as const }, 'base_dtype', /quantized already, with GPTQ \(4 bits\); found int4/],
  [{ lora: null }, 'lora', /weights quantized with GPTQ \(4 bits\) are frozen/],
])('%j is refused', async (options, field, message) => {
  const dir = copyModel('gptq-4', newFolder());
  const error = await failureOf(() => openEngine({ modelDir: dir, ...options }));
  expect([error.code, error.place.field]).toEqual(['ENGINE_OPTIONS', field]);
  expect(error.message).toMatch(message);
});
