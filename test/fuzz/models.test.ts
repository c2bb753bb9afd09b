// Hostile config.json and safetensors headers.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import { parseDecoderConfig, readDecoderConfig } from '../../src/models/config.ts';
import { readModelFolder } from '../../src/models/read-model.ts';
import { copyModel, rawSafetensors, temporaryFolders } from '../../src/models/model-files.test-helper.ts';
import { readSafetensorsHeader } from '../../src/models/safetensors.ts';
import { modelDir } from '../golden/golden.ts';
import { fuzz } from './fuzz.ts';
import { damaged, strange } from './inputs.ts';

const newFolder = temporaryFolders();
const families = [
  ...['llama2', 'llama3', 'mistral', 'qwen2', 'qwen3', 'gemma'],
  ...['granite', 'smollm3', 'phi3', 'olmo2', 'gemma2', 'gemma3'],
];
const configs = families.map(
  (name) => JSON.parse(readFileSync(join(modelDir(name), 'config.json'), 'utf8')) as Record<string, unknown>,
);

const ropeFields = [
  'rope_type',
  'type',
  'rope_theta',
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'mscale',
  'mscale_all_dim',
  'truncate',
  'short_factor',
  'long_factor',
  'partial_rotary_factor',
  'full_attention',
  'sliding_attention',
];

const rope = fc
  .tuple(
    fc.constantFrom('default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope', 'su', 'mrope', null),
    fc.dictionary(fc.constantFrom(...ropeFields), strange, { maxKeys: 4 }),
    fc.constantFrom({}, { factor: 2, low_freq_factor: 1, high_freq_factor: 4 }),
  )
  .map(([type, given, usual]) => ({ type, ...usual, ...given }));

const fields = [
  ...new Set(configs.flatMap((config) => Object.keys(config))),
  ...['rope_theta', 'original_max_position_embeddings', 'quantization_config', 'partial_rotary_factor'],
];

/** A model's config with some fields replaced by what nobody should write there. */
const hostileConfig = fc
  .tuple(
    fc.constantFrom(...configs),
    fc.dictionary(fc.constantFrom(...fields), strange, { maxKeys: 3 }),
    fc.dictionary(fc.constantFrom('rope_parameters', 'rope_scaling'), rope, { maxKeys: 2 }),
  )
  .map(([config, some, ropes]) => ({ ...config, ...some, ...ropes }));

fuzz('config.json: its fields', {
  inputs: hostileConfig,
  runs: 5000,
  readOneIn: 20,
  read: (json) => parseDecoderConfig(json),
});

const folder = newFolder();
fuzz('config.json: its bytes', {
  inputs: fc.constantFrom(...configs).chain((config) => damaged(JSON.stringify(config))),
  runs: 1000,
  readOneIn: 20,
  read: (content) => {
    writeFileSync(join(folder, 'config.json'), content);
    return readDecoderConfig(folder);
  },
});

const models = families.map((name) => copyModel(name, newFolder()));
fuzz('config.json: models opened and asked for log-probs', {
  inputs: fc.record({ model: fc.nat(families.length - 1), json: hostileConfig }),
  runs: 150,
  readOneIn: 20,
  read: async ({ model, json }) => {
    const modelDir = models[model]!;
    writeFileSync(join(modelDir, 'config.json'), JSON.stringify({ ...json, ...shapeOf(configs[model]!) }));
    const engine = await openEngine({ modelDir, threads: 1 });
    try {
      const [logProbs] = await engine.score([{ ids: Int32Array.of(1, 7, 8, 9, 10), responseStart: 2 }]);
      expect(logProbs).toHaveLength(3);
    } finally {
      await engine.dispose();
    }
  },
});

const quantized = ['gptq-4', 'ct-pack-4-asym', 'ct-int-8'].map((name) => copyModel(name, newFolder()));
const settingsOf = (name: string): Record<string, unknown> =>
  (
    JSON.parse(readFileSync(join(modelDir(name), 'config.json'), 'utf8')) as Record<
      string,
      Record<string, unknown>
    >
  )['quantization_config']!;
const settingNames = [
  ...['quant_method', 'bits', 'group_size', 'sym', 'desc_act', 'checkpoint_format', 'dynamic', 'pack_dtype'],
  ...['format', 'config_groups', 'quantization_status', 'ignore', 'kv_cache_scheme', 'sparsity_config'],
];
const scheme = fc.dictionary(
  fc.constantFrom('num_bits', 'type', 'group_size', 'strategy', 'symmetric', 'dynamic'),
  fc.oneof(strange, fc.constantFrom(4, 8, 16, 'int', 'group', 'channel')),
  { maxKeys: 4 },
);
fuzz('config.json: quantized models opened', {
  inputs: fc.record({
    model: fc.nat(quantized.length - 1),
    some: fc.dictionary(fc.constantFrom(...settingNames), strange, { maxKeys: 2 }),
    weights: fc.option(scheme, { nil: undefined }),
  }),
  runs: 150,
  readOneIn: 20,
  read: async ({ model, some, weights }) => {
    const dir = quantized[model]!;
    const name = ['gptq-4', 'ct-pack-4-asym', 'ct-int-8'][model]!;
    const groups = weights && { config_groups: { group_0: { targets: ['Linear'], weights } } };
    const settings = { ...settingsOf(name), ...groups, ...some };
    const config = JSON.parse(readFileSync(join(modelDir(name), 'config.json'), 'utf8')) as object;
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...config, quantization_config: settings }));
    await readModelFolder(dir);
  },
});

/** Half of the time the weights fit, so that what is left of the config is run. */
function shapeOf(config: Record<string, unknown>): Record<string, unknown> {
  const names = ['model_type', 'vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers'];
  const heads = ['num_attention_heads', 'num_key_value_heads', 'head_dim', 'attention_bias', 'mlp_bias'];
  return Object.fromEntries([...names, ...heads].map((name) => [name, config[name]]));
}

const entry = fc.oneof(
  strange,
  fc.record(
    {
      dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'BF16', 'I8', 'F4'), strange),
      shape: fc.oneof(fc.array(fc.oneof(fc.nat(8), strange), { maxLength: 4 }), strange),
      data_offsets: fc.oneof(fc.array(fc.oneof(fc.nat(64), strange), { maxLength: 3 }), strange),
    },
    { requiredKeys: [] },
  ),
);
const name = fc.oneof(fc.constantFrom('a', 'b', '__metadata__', '__proto__', 'constructor', ''), fc.string());
const header = fc.dictionary(name, entry, { maxKeys: 6 }).map((json) => JSON.stringify(json));
const spoiled = fc
  .tuple(header, fc.nat(), fc.constantFrom('"', '{', '}', '\\', ',', ':', '\0', '{"a":1,"a":2}'))
  .map(([text, at, char]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + char + text.slice(place);
  });
const deep = fc
  .constantFrom(10, 100_000)
  .map((depth) => `{"a":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`);
const weights = fc.oneof(
  fc
    .tuple(
      fc.oneof({ weight: 18, arbitrary: header }, { weight: 11, arbitrary: spoiled }, deep),
      fc.uint8Array({ maxLength: 64 }),
    )
    .map(([text, data]) => rawSafetensors(text, data)),
  fc.uint8Array({ maxLength: 40 }),
);

const weightsFile = join(newFolder(), 'model.safetensors');
fuzz('safetensors: its header', {
  inputs: weights,
  runs: 3000,
  readOneIn: 40,
  read: async (bytes) => {
    writeFileSync(weightsFile, bytes);
    const { tensors } = await readSafetensorsHeader(weightsFile);
    for (const { offset, length } of tensors.values())
      expect(offset + length).toBeLessThanOrEqual(bytes.length);
  },
});
