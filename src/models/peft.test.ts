// PEFT adapters: round trip, variants that are refused by field, adapters that belong elsewhere.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import type { EngineOptions } from '../engine/index.ts';
import { openEngine } from '../engine/index.ts';
import { copyModel, editJson, failureOf, temporaryFolders } from './model-files.test-helper.ts';
import type { Adapter } from './peft.ts';
import { projectionNames, readAdapter, writeAdapter } from './peft.ts';
import { encodeSafetensors } from './safetensors.ts';
import type { DecoderConfig } from './config.ts';

const newFolder = temporaryFolders();
const copyAdapter = (model: string): string => join(copyModel(model, newFolder()), 'adapter');
const configOf = (dir: string): string => join(dir, 'adapter_config.json');
const weightsOf = (dir: string): string => join(dir, 'adapter_model.safetensors');
const projections = projectionNames({ layers: 2 } as DecoderConfig);

const adapter: fc.Arbitrary<Adapter> = fc
  .record({
    rank: fc.integer({ min: 1, max: 4 }),
    alpha: fc.double({ min: 0.5, max: 64, noNaN: true }),
    dropout: fc.double({ min: 0, max: 0.9, noNaN: true }),
    rankStabilized: fc.boolean(),
    names: fc.subarray(projections, { minLength: 1 }),
    width: fc.integer({ min: 1, max: 5 }),
    baseModel: fc.option(fc.string()),
    values: fc.infiniteStream(fc.float({ noNaN: true, noDefaultInfinity: true })),
  })
  .map(({ rank, alpha, dropout, rankStabilized, names, width, baseModel, values }) => {
    const data = (count: number): Float32Array => Float32Array.from([...values.take(count)]);
    return {
      lora: { rank, alpha, dropout, rankStabilized, targetModules: names },
      tensors: new Map(
        names.flatMap((name) => [
          [`${name}.lora_A.weight`, { shape: [rank, width], data: data(rank * width) }],
          [`${name}.lora_B.weight`, { shape: [width, rank], data: data(rank * width) }],
        ]),
      ),
      baseModel,
    };
  });

/** Every projection that target modules mean. */
const adapted = (targets: readonly string[]): string[] =>
  projections.filter((name) => targets.some((target) => name === target || name.endsWith(`.${target}`)));

describe('an adapter', () => {
  it('comes back as it was written', async () => {
    const dir = newFolder();
    await fc.assert(
      fc.asyncProperty(adapter, async (written) => {
        await writeAdapter(dir, written);
        const read = await readAdapter(dir);
        const { targetModules, ...lora } = read.lora;
        const { targetModules: meant, ...expected } = written.lora;
        expect(lora).toEqual(expected);
        expect(adapted(targetModules)).toEqual(adapted(meant));
        expect(read.tensors.size).toBe(written.tensors.size);
        for (const [name, tensor] of written.tensors) expect(read.tensors.get(name)).toEqual(tensor);
        expect(read.baseModel).toBe(written.baseModel);
      }),
      { seed: 3, numRuns: 30 },
    );
    expect(readdirSync(dir).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  });

  it('written by PEFT is written back with the same tensors and meaning', async () => {
    const original = await readAdapter(`${modelDir('qwen2')}/adapter`);
    const dir = newFolder();
    await writeAdapter(dir, original);
    expect(await readAdapter(dir)).toEqual(original);
    const config = JSON.parse(readFileSync(configOf(dir), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      bias: 'none',
      inference_mode: true,
    });
  });

  it('names its modules by their last part where it means every layer, and in full otherwise', async () => {
    const { lora, tensors } = await readAdapter(`${modelDir('llama2')}/adapter`);
    expect([...lora.targetModules].sort()).toEqual(['down_proj', 'gate_proj', 'up_proj']);
    const only = [...tensors].filter(([name]) => name.includes('layers.1.'));
    for (const change of [
      { layers_to_transform: [1] },
      { exclude_modules: ['layers.0'] },
      { target_modules: '.*1.mlp.*' },
    ]) {
      const dir = copyAdapter('llama2');
      await writeAdapter(dir, { lora, tensors: new Map(only), baseModel: null });
      editJson(configOf(dir), (json) => Object.assign(json, change));
      const { targetModules } = (await readAdapter(dir)).lora;
      expect(adapted(targetModules)).toEqual(projections.filter((name) => name.includes('layers.1.mlp')));
      const engine = await openEngine({ modelDir: modelDir('llama2'), adapterDir: dir });
      expect(engine.layout.parameters.length).toBe(only.length);
      await engine.dispose();
    }
  });
});

describe('variants whose arithmetic differs are refused by field', () => {
  it.each([
    ['peft_type', 'LOHA'],
    ['peft_type', undefined],
    ['bias', 'lora_only'],
    ['use_dora', true],
    ['modules_to_save', ['embed_tokens']],
    ['rank_pattern', { 'layers.0.mlp.up_proj': 8 }],
    ['alpha_pattern', { up_proj: 8 }],
    ['fan_in_fan_out', true],
    ['lora_bias', true],
    ['trainable_token_indices', [5]],
    ['layer_replication', [[0, 1]]],
    ['use_qalora', true],
    ['target_parameters', ['experts.gate']],
    ['alora_invocation_tokens', [1, 2]],
    ['init_lora_weights', 'pissa'],
    ['init_lora_weights', 'pissa_niter_16'],
    ['init_lora_weights', 'olora'],
  ])('%s = %j', async (field, value) => {
    const dir = copyAdapter('llama2');
    editJson(configOf(dir), (json) => (json[field] = value));
    const error = await failureOf(() => readAdapter(dir));
    expect([error.code, error.place]).toEqual(['ADAPTER_UNSUPPORTED', { file: configOf(dir), field }]);
    expect(error.hint).toMatch(/plain LoRA/);
  });

  it.each([
    ['modules_to_save', []],
    ['rank_pattern', {}],
    ['use_dora', false],
    ['init_lora_weights', 'gaussian'],
    ['lora_dropout', undefined],
  ])('but not %s = %j, which changes nothing', async (field, value) => {
    const dir = copyAdapter('llama2');
    editJson(configOf(dir), (json) => (json[field] = value));
    expect((await readAdapter(dir)).tensors.size).toBeGreaterThan(0);
  });

  it('a tensor that is no LoRA matrix', async () => {
    const dir = copyAdapter('llama2');
    const tensors = new Map([
      [
        'base_model.model.model.embed_tokens.lora_embedding_A',
        { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) },
      ],
    ]);
    writeFileSync(weightsOf(dir), encodeSafetensors(tensors));
    const error = await failureOf(() => readAdapter(dir));
    expect([error.code, error.place.file]).toEqual(['ADAPTER_UNSUPPORTED', weightsOf(dir)]);
    expect(error.message).toContain('lora_embedding_A');
  });
});

describe('damaged adapters are refused by file and field', () => {
  it.each([
    ['r', 'four'],
    ['r', 0],
    ['r', 2.5],
    ['r', undefined],
    ['lora_alpha', undefined],
    ['lora_alpha', '8'],
    ['lora_dropout', true],
  ])('%s = %j', async (field, value) => {
    const dir = copyAdapter('llama2');
    editJson(configOf(dir), (json) => (json[field] = value));
    const error = await failureOf(() => readAdapter(dir));
    expect([error.code, error.place]).toEqual(['ADAPTER', { file: configOf(dir), field }]);
  });

  it.each(['{', 'null', '[]'])('a configuration that reads %j', async (text) => {
    const dir = copyAdapter('llama2');
    writeFileSync(configOf(dir), text);
    const error = await failureOf(() => readAdapter(dir));
    expect([error.code, error.place.file]).toEqual(['ADAPTER', configOf(dir)]);
  });

  it('a file that is missing', async () => {
    const dir = copyAdapter('llama2');
    rmSync(weightsOf(dir));
    expect((await failureOf(() => readAdapter(dir))).place.file).toBe(weightsOf(dir));
    rmSync(configOf(dir));
    expect((await failureOf(() => readAdapter(dir))).place.file).toBe(configOf(dir));
  });

  it('a value that is not finite', async () => {
    const dir = newFolder();
    const key = 'model.layers.0.mlp.up_proj.lora_A.weight';
    const lora = { rank: 1, alpha: 1, dropout: 0, rankStabilized: false, targetModules: ['up_proj'] };
    const tensors = new Map([[key, { shape: [1, 2], data: Float32Array.of(1, NaN) }]]);
    await writeAdapter(dir, { lora, tensors, baseModel: null });
    const error = await failureOf(() => readAdapter(dir));
    expect(error.message).toContain(`tensor "base_model.model.${key}" holds a value that is not finite`);
  });
});

describe('an adapter of another model is refused', () => {
  const openFailure = (options: EngineOptions): ReturnType<typeof failureOf> =>
    failureOf(() => openEngine(options));

  it('that has other sizes', async () => {
    const error = await openFailure({
      modelDir: modelDir('llama2'),
      adapterDir: `${modelDir('gemma')}/adapter`,
    });
    expect(error.code).toBe('ADAPTER');
    expect(error.message).toMatch(/tensor "model\.layers\.\d\..*" is .*; the model needs \[\d+, \d+\]/);
    expect(error.hint).toMatch(/another model/);
  });

  it('that has more layers', async () => {
    const error = await openFailure({
      modelDir: modelDir('llama2'),
      adapterDir: `${modelDir('llama-linear')}/adapter`,
    });
    expect(error.code).toBe('ADAPTER');
    expect(error.hint).toMatch(/another model/);
  });

  it('whose matrix has no partner', async () => {
    const dir = newFolder();
    const original = await readAdapter(`${modelDir('llama2')}/adapter`);
    const tensors = new Map(
      [...original.tensors].filter(([name]) => name !== 'model.layers.1.mlp.up_proj.lora_B.weight'),
    );
    await writeAdapter(dir, { ...original, tensors });
    const error = await openFailure({ modelDir: modelDir('llama2'), adapterDir: dir });
    expect(error.message).toMatch(/"model\.layers\.1\.mlp\.up_proj\.lora_B\.weight" is missing/);
  });
});
