// Hostile config.json and safetensors headers: whatever they hold, an answer or a WhetstoneError, soon.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { openEngine } from '../engine/index.ts';
import { WhetstoneError } from '../errors.ts';
import { parseDecoderConfig, readDecoderConfig } from './config.ts';
import { copyModel, rawSafetensors, temporaryFolders } from './model-files.test-helper.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const newFolder = temporaryFolders();
const seed = 20_261_127;
const families = ['llama2', 'llama3', 'mistral', 'qwen2', 'qwen3', 'gemma'];
const configs = families.map(
  (name) => JSON.parse(readFileSync(join(modelDir(name), 'config.json'), 'utf8')) as Record<string, unknown>,
);

/** Whether `action` ends well or in a WhetstoneError with a message of a sane length, within two seconds. */
async function isDecent(action: () => unknown): Promise<boolean> {
  const begun = performance.now();
  try {
    await action();
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    expect(error.message.length).toBeLessThan(2000);
  }
  return performance.now() - begun < 2000;
}

const strange = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, '', 'linear', 'yarn', '1e9', [], {}, [[]], { a: {} }, 0, -0, -1, 0.5),
  fc.constantFrom<unknown>(1, 2, 3, 7, 1e9, 2 ** 31, 2 ** 53, 1e300, -1e300, 1e-300, 5e-324, 'x'.repeat(5000)),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -4, max: 4096 }),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
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
];

const rope = fc
  .tuple(
    fc.constantFrom('default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope', 'mrope', null),
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

describe('config.json', () => {
  it('with any fields', async () => {
    await fc.assert(
      fc.asyncProperty(hostileConfig, (json) => isDecent(() => parseDecoderConfig(json))),
      { seed, numRuns: 5000 },
    );
  });

  it('as any bytes', async () => {
    const dir = newFolder();
    const text = JSON.stringify(configs[0]);
    const cut = fc.nat(text.length).map((end) => Buffer.from(text.slice(0, end)));
    const flipped = fc.tuple(fc.nat(text.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(text);
      bytes[at] = byte;
      return bytes;
    });
    const nested = fc.constantFrom(10, 100_000).map((depth) => Buffer.from('['.repeat(depth)));
    const deep = fc
      .constantFrom(10, 100_000)
      .map((depth) => Buffer.from(`{"model_type":${'['.repeat(depth)}${']'.repeat(depth)}}`));
    const bytes = fc.oneof({ weight: 9, arbitrary: fc.uint8Array({ maxLength: 200 }) }, { weight: 9, arbitrary: cut }, { weight: 9, arbitrary: flipped }, nested, deep);
    await fc.assert(
      fc.asyncProperty(bytes, (content) => {
        writeFileSync(join(dir, 'config.json'), content);
        return isDecent(() => readDecoderConfig(dir));
      }),
      { seed, numRuns: 1000 },
    );
  });

  it('of a model that is opened and asked for log-probs', async () => {
    const dirs = families.map((name) => copyModel(name, newFolder()));
    const sequence = { ids: Int32Array.of(1, 7, 8, 9, 10), responseStart: 2 };
    await fc.assert(
      fc.asyncProperty(fc.nat(families.length - 1), hostileConfig, (model, json) => {
        writeFileSync(join(dirs[model]!, 'config.json'), JSON.stringify({ ...json, ...shapeOf(configs[model]!) }));
        return isDecent(async () => {
          const engine = await openEngine({ modelDir: dirs[model]!, threads: 1 });
          try {
            const [logProbs] = await engine.score([sequence]);
            expect(logProbs).toHaveLength(3);
          } finally {
            await engine.dispose();
          }
        });
      }),
      { seed, numRuns: 150 },
    );
  });
});

/** Half of the time the weights fit, so that what is left of the config is run. */
function shapeOf(config: Record<string, unknown>): Record<string, unknown> {
  const names = ['model_type', 'vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers'];
  const heads = ['num_attention_heads', 'num_key_value_heads', 'head_dim', 'attention_bias', 'mlp_bias'];
  return Object.fromEntries([...names, ...heads].map((name) => [name, config[name]]));
}

describe('a safetensors header', () => {
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
  const deep = fc.constantFrom(10, 100_000).map((depth) => `{"a":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`);
  const file = fc.oneof(
    fc
      .tuple(fc.oneof({ weight: 18, arbitrary: header }, { weight: 11, arbitrary: spoiled }, deep), fc.uint8Array({ maxLength: 64 }))
      .map(([text, data]) => rawSafetensors(text, data)),
    fc.uint8Array({ maxLength: 40 }),
  );

  it('of any content', async () => {
    const path = join(newFolder(), 'model.safetensors');
    let read = 0;
    await fc.assert(
      fc.asyncProperty(file, (bytes) => {
        writeFileSync(path, bytes);
        return isDecent(async () => {
          const { tensors } = await readSafetensorsHeader(path);
          read++;
          for (const { offset, length } of tensors.values()) expect(offset + length).toBeLessThanOrEqual(bytes.length);
        });
      }),
      { seed, numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
