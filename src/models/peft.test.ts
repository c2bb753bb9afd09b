// PEFT adapters: round trip, variants that are refused by field, adapters that belong elsewhere.
import { cpSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import type { EngineOptions } from '../engine/index.ts';
import { openEngine } from '../engine/index.ts';
import { copyModel, editJson, failureOf, temporaryFolders } from './model-files.test-helper.ts';
import { projectionNames } from './adapted-projections.ts';
import type { Adapter } from './peft.ts';
import { describeAdapter, readAdapter, writeAdapter } from './peft.ts';
import { folderDigests } from '../runs/digests.ts';
import type { StoredTensor } from './safetensors.ts';
import { encodeSafetensors, readSafetensorsHeader, readTensorBytes } from './safetensors.ts';

const newFolder = temporaryFolders();
const copyAdapter = (model: string): string => join(copyModel(model, newFolder()), 'adapter');
const configOf = (dir: string): string => join(dir, 'adapter_config.json');
const weightsOf = (dir: string): string => join(dir, 'adapter_model.safetensors');
const model = { layers: 2 };
const projections = projectionNames(model);

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
        const read = await readAdapter(dir, model);
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
    const original = await readAdapter(`${modelDir('qwen2')}/adapter`, model);
    const dir = newFolder();
    await writeAdapter(dir, original);
    expect(await readAdapter(dir, model)).toEqual({ ...original, file: weightsOf(dir) });
    const config = JSON.parse(readFileSync(configOf(dir), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      bias: 'none',
      inference_mode: true,
    });
  });

  it('names its modules by their last part where it means every layer, and in full otherwise', async () => {
    const { lora, tensors } = await readAdapter(`${modelDir('llama2')}/adapter`, model);
    expect([...lora.targetModules].sort()).toEqual(['down_proj', 'gate_proj', 'up_proj']);
    const only = [...tensors].filter(([name]) => name.includes('layers.1.'));
    for (const change of [
      { layers_to_transform: [1] },
      { exclude_modules: '.*layers\\.0\\..*' },
      { target_modules: '.*\\.1\\.mlp\\..*_proj' },
    ]) {
      const dir = copyAdapter('llama2');
      await writeAdapter(dir, { lora, tensors: new Map(only), baseModel: null });
      editJson(configOf(dir), (json) => Object.assign(json, change));
      const { targetModules } = (await readAdapter(dir, model)).lora;
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
    ['task_type', 'SEQ_CLS'],
    ['task_type', 'FEATURE_EXTRACTION'],
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
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place]).toEqual(['ADAPTER_UNSUPPORTED', { file: configOf(dir), field }]);
    expect(error.hint).toMatch(/plain LoRA/);
  });

  it.each([
    ['modules_to_save', []],
    ['rank_pattern', {}],
    ['use_dora', false],
    ['init_lora_weights', 'gaussian'],
    ['lora_dropout', undefined],
    ['task_type', null],
  ])('but not %s = %j, which changes nothing', async (field, value) => {
    const dir = copyAdapter('llama2');
    editJson(configOf(dir), (json) => (json[field] = value));
    expect((await readAdapter(dir, model)).tensors.size).toBeGreaterThan(0);
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
    const error = await failureOf(() => readAdapter(dir, model));
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
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place]).toEqual(['ADAPTER', { file: configOf(dir), field }]);
  });

  it.each(['{', 'null', '[]'])('a configuration that reads %j', async (text) => {
    const dir = copyAdapter('llama2');
    writeFileSync(configOf(dir), text);
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place.file]).toEqual(['ADAPTER', configOf(dir)]);
  });

  it('a file that is missing', async () => {
    const dir = copyAdapter('llama2');
    rmSync(weightsOf(dir));
    expect((await failureOf(() => readAdapter(dir, model))).place.file).toBe(weightsOf(dir));
    rmSync(configOf(dir));
    expect((await failureOf(() => readAdapter(dir, model))).place.file).toBe(configOf(dir));
  });

  it('a value that is not finite', async () => {
    const dir = newFolder();
    const key = 'model.layers.0.mlp.up_proj.lora_A.weight';
    const { lora, tensors, baseModel } = await readAdapter(`${modelDir('llama2')}/adapter`, model);
    const { shape, data } = tensors.get(key)!;
    const broken = new Map(tensors).set(key, { shape, data: data.with(1, NaN) });
    await writeAdapter(dir, { lora, tensors: broken, baseModel });
    const error = await failureOf(() => readAdapter(dir, model));
    expect(error.message).toContain(`tensor "base_model.model.${key}" holds a value that is not finite`);
  });
});

describe('configuration and weights are held to each other', () => {
  const named = (dir: string, change: object): string => {
    editJson(configOf(dir), (json) => Object.assign(json, change));
    return dir;
  };

  it.each([
    [{ target_modules: ['gate_proj', 'up_proj', 'down_proj', 'q_proj'] }, 'model.layers.0.self_attn.q_proj'],
    [{ target_modules: 'all-linear' }, 'model.layers.0.self_attn.q_proj'],
    [{ target_modules: '.*layers\\.[02]\\..*(q_proj|up_proj)$' }, 'model.layers.0.self_attn.q_proj'],
  ])('%j is refused where its weights are missing', async (change, projection) => {
    const dir = named(copyAdapter('llama2'), change);
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place.file]).toEqual(['ADAPTER', weightsOf(dir)]);
    expect(error.message).toContain(`tensor "${projection}.lora_A.weight" is missing, and so are`);
  });

  it.each([
    [{ target_modules: ['up_proj'] }, ['up_proj']],
    [{ target_modules: ['up_proj', 'c_attn'] }, ['up_proj']], // a name that the model lacks means nothing
    [{ target_modules: ['mlp.up_proj'] }, ['up_proj']],
    [{ target_modules: '.*\\.(up|down)_proj' }, ['up_proj', 'down_proj']],
    [{ layers_to_transform: 1 }, ['gate_proj', 'up_proj', 'down_proj'].map((p) => `model.layers.1.mlp.${p}`)],
    [
      { target_modules: ['up_proj'], layers_to_transform: [0], layers_pattern: 'layers' },
      ['model.layers.0.mlp.up_proj'],
    ],
    [{ target_modules: ['model.layers.0.mlp.up_proj'] }, ['model.layers.0.mlp.up_proj']],
    // A whole name is meant whatever the layers say, and exclusion goes first.
    [
      { target_modules: ['model.layers.0.mlp.up_proj'], layers_to_transform: [1] },
      ['model.layers.0.mlp.up_proj'],
    ],
    [{ exclude_modules: ['up_proj', 'down_proj'] }, ['gate_proj']],
    [{ exclude_modules: ['layers.0'] }, ['gate_proj', 'up_proj', 'down_proj']], // the end of no name
  ])('of %j only the weights that it names are used, as in PEFT', async (change, expected) => {
    const { lora, tensors } = await readAdapter(named(copyAdapter('llama2'), change), model);
    expect(lora.targetModules).toEqual(expected);
    expect([...tensors.keys()]).toEqual(
      adapted(expected).flatMap((name) => [`${name}.lora_A.weight`, `${name}.lora_B.weight`]),
    );
  });

  it('an rsLoRA adapter is known as one, without its weights being read', async () => {
    const dir = named(copyAdapter('llama2'), { use_rslora: true });
    expect((await describeAdapter(dir, model)).lora.rankStabilized).toBe(true);
  });

  it.each([
    [{ target_modules: null }, 'ADAPTER', 'target_modules'],
    [{ target_modules: 7 }, 'ADAPTER', 'target_modules'],
    [{ target_modules: ['c_attn'] }, 'ADAPTER', 'target_modules'],
    [{ target_modules: [] }, 'ADAPTER', 'target_modules'],
    [{ layers_to_transform: ['1'] }, 'ADAPTER', 'layers_to_transform'],
    [{ target_modules: '(?P<layer>.*)up_proj' }, 'ADAPTER_UNSUPPORTED', 'target_modules'],
    [{ exclude_modules: '(' }, 'ADAPTER_UNSUPPORTED', 'exclude_modules'],
    [{ target_modules: '(([a-z]|[.]|_|[0-9])+)+Y' }, 'ADAPTER_UNSUPPORTED', undefined], // tries 2^30 ways
  ])('%j is refused by field', async (change, code, field) => {
    const dir = named(copyAdapter('llama2'), change);
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place]).toEqual([code, { file: configOf(dir), ...(field && { field }) }]);
  });
});

describe('an adapter as it was saved through wrappers of PyTorch', () => {
  const renamed = async (change: (key: string) => string): Promise<string> => {
    const dir = copyAdapter('llama2');
    const { tensors } = await readSafetensorsHeader(weightsOf(dir));
    const stored = new Map<string, StoredTensor>();
    for (const [key, info] of tensors)
      stored.set(change(key), { ...info, dtype: 'F32', bytes: await readTensorBytes(weightsOf(dir), info) });
    writeFileSync(weightsOf(dir), encodeSafetensors(stored));
    return dir;
  };

  it.each<[string, (key: string) => string]>([
    ['torch.compile', (key) => key.replace('base_model.model.', 'base_model.model._orig_mod.')],
    ['torch.compile of the whole', (key) => `_orig_mod.${key}`],
    ['FSDP', (key) => key.replace('.mlp.', '._fsdp_wrapped_module.mlp.')],
    ['FSDP of the whole', (key) => `_fsdp_wrapped_module.${key}`],
    ['checkpointed activations', (key) => key.replace('.mlp.', '.mlp._checkpoint_wrapped_module.')],
    ['DistributedDataParallel', (key) => `module.${key}`],
    ['its own state, with the name of the adapter', (key) => key.replace('.weight', '.default.weight')],
    ['several at once', (key) => `module._orig_mod.${key.replace('.mlp.', '._fsdp_wrapped_module.mlp.')}`],
  ])('%s', async (_, change) => {
    const { tensors } = await readAdapter(`${modelDir('llama2')}/adapter`, model);
    expect((await readAdapter(await renamed(change), model)).tensors).toEqual(tensors);
  });

  it('is refused where two keys mean one matrix', async () => {
    const dir = await renamed((key) => key);
    const { tensors } = await readSafetensorsHeader(weightsOf(dir));
    const [key, info] = [...tensors][0]!;
    const bytes = await readTensorBytes(weightsOf(dir), info);
    const both = new Map<string, StoredTensor>(
      [key, `_orig_mod.${key}`].map((name) => [name, { ...info, dtype: 'F32', bytes }]),
    );
    writeFileSync(weightsOf(dir), encodeSafetensors(both));
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place.file]).toEqual(['ADAPTER', weightsOf(dir)]);
    expect(error.message).toMatch(/holds "[^"]+" and "[^"]+", which mean the same matrix/);
    expect(error.message).toContain(`"_orig_mod.${key}"`);
  });
});

describe('a folder that is not quite an adapter', () => {
  it.each<[string, Map<string, StoredTensor>, RegExp]>([
    ['no tensors', new Map(), /holds no tensors\n.*ZeRO-3.*zero_to_fp32/],
    [
      'empty tensors',
      new Map([
        [
          'base_model.model.model.layers.0.mlp.up_proj.lora_A.weight',
          { dtype: 'F32', shape: [0], bytes: new Uint8Array(0) },
        ],
      ]),
      /tensor ".*lora_A\.weight" is empty \(shape \[0\]\)\n.*ZeRO-3/,
    ],
  ])('%s, as DeepSpeed ZeRO-3 leaves them', async (_, tensors, message) => {
    const dir = copyAdapter('llama2');
    writeFileSync(weightsOf(dir), encodeSafetensors(tensors));
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place.file]).toEqual(['ADAPTER', weightsOf(dir)]);
    expect(error.message).toMatch(message);
  });

  it.each(['adapter_model.bin', 'adapter_model.pt', 'pytorch_model.bin'])('%s', async (name) => {
    const dir = copyAdapter('llama2');
    rmSync(weightsOf(dir));
    writeFileSync(join(dir, name), 'a pickle');
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place.file]).toEqual(['ADAPTER_UNSUPPORTED', join(dir, name)]);
    expect(error.message).toMatch(/is a pickle, which can run programs[^]*python -c '.*weights_only=True.*save_file|save_file.*weights_only=True/);
  });

  it('is refused where it has several adapters, such as the checkpoints of a trainer', async () => {
    const dir = newFolder();
    for (const name of ['checkpoint-10', 'checkpoint-20'])
      cpSync(`${modelDir('llama2')}/adapter`, join(dir, name), { recursive: true });
    const error = await failureOf(() => readAdapter(dir, model));
    expect([error.code, error.place.file]).toEqual(['ADAPTER', dir]);
    expect(error.message).toMatch(/holds no adapter_config\.json, but folders in it do: checkpoint-10, checkpoint-20\n.*Name the one/);
  });

  it('is taken where it is the run that trained the adapter, with a word', async () => {
    const run = newFolder();
    writeFileSync(join(run, 'run.yaml'), 'run: {}\n');
    const unfinished = await failureOf(() => readAdapter(run, model));
    expect(unfinished.message).toMatch(/is a run that has no adapter yet\n.*option `resume`/);
    cpSync(`${modelDir('llama2')}/adapter`, join(run, 'adapter'), { recursive: true });
    const { tensors } = await readAdapter(`${modelDir('llama2')}/adapter`, model);
    expect((await readAdapter(run, model)).tensors).toEqual(tensors);
    expect(await folderDigests(run)).toEqual(await folderDigests(join(run, 'adapter')));
    const engine = await openEngine({ modelDir: modelDir('llama2'), adapterDir: run });
    try {
      expect(engine.describe().notes).toEqual([
        { code: 'ADAPTER_OF_RUN', text: `${run} is a run; its adapter, ${join(run, 'adapter')}, is used.` },
      ]);
    } finally {
      await engine.dispose();
    }
  });

  it('is read with a byte order mark before its configuration', async () => {
    const dir = copyAdapter('llama2');
    const { tensors } = await readAdapter(dir, model);
    writeFileSync(configOf(dir), `\ufeff${readFileSync(configOf(dir), 'utf8')}`);
    expect((await readAdapter(dir, model)).tensors).toEqual(tensors);
  });

  it.each(['adapter_config.json', 'adapter_model.safetensors'])('%s that may not be read', async (name) => {
    const dir = copyAdapter('llama2');
    // What permission would be refused for, root may; a link to itself is refused to everyone.
    rmSync(join(dir, name));
    symlinkSync(name, join(dir, name));
    const error = await failureOf(() => readAdapter(dir, model));
    expect(error.place.file).toBe(join(dir, name));
    expect(error.message).toMatch(/cannot be read: the path runs in a circle of symbolic links/);
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
    expect(error.place.file).toBe(`${modelDir('gemma')}/adapter/adapter_model.safetensors`);
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
    const original = await readAdapter(`${modelDir('llama2')}/adapter`, model);
    const tensors = new Map(
      [...original.tensors].filter(([name]) => name !== 'model.layers.1.mlp.up_proj.lora_B.weight'),
    );
    await writeAdapter(dir, { ...original, tensors });
    const error = await openFailure({ modelDir: modelDir('llama2'), adapterDir: dir });
    expect(error.message).toMatch(/"model\.layers\.1\.mlp\.up_proj\.lora_B\.weight" is missing/);
  });
});
