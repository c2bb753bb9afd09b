// config.json: transformers' defaults, and refusals that name file and field.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDecoderConfig, readDecoderConfig, supportedModelTypes } from './config.ts';
import { failureOf, temporaryFolders } from './model-files.test-helper.ts';

const newFolder = temporaryFolders();
const sizes = {
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 4,
};
const parse = (json: Record<string, unknown>): ReturnType<typeof parseDecoderConfig> =>
  parseDecoderConfig({ model_type: 'llama', ...sizes, ...json });

describe('defaults are those of transformers', () => {
  it('llama', () => {
    expect(parse({ num_key_value_heads: undefined })).toEqual({
      modelType: 'llama',
      vocabSize: 100,
      hiddenSize: 64,
      intermediateSize: 172,
      layers: 3,
      heads: 4,
      kvHeads: 4,
      headDim: 16,
      maxPositions: 2048,
      activation: 'silu',
      normEpsilon: 1e-6,
      normOffset: 0,
      embeddingScale: 1,
      qkvBias: false,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      ropeTheta: 10000,
      ropeScaling: { type: 'none' },
      windows: [null, null, null],
      tiedEmbeddings: false,
    });
    expect(parse({ attention_bias: true, mlp_bias: true, sliding_window: 8 })).toMatchObject({
      qkvBias: true,
      outputBias: true,
      mlpBias: true,
      windows: [null, null, null],
    });
  });

  it('mistral slides over 4096 positions unless told otherwise', () => {
    expect(parse({ model_type: 'mistral' }).windows).toEqual([4096, 4096, 4096]);
    expect(parse({ model_type: 'mistral', sliding_window: 8 }).windows).toEqual([8, 8, 8]);
    expect(parse({ model_type: 'mistral', sliding_window: null }).windows).toEqual([null, null, null]);
  });

  it('mistral has no biases, whatever its configuration says, and the most positions', () => {
    expect(parse({ model_type: 'mistral', attention_bias: true })).toMatchObject({
      qkvBias: false,
      outputBias: false,
      maxPositions: 131072,
    });
  });

  it.each([
    ['llama', 32],
    ['mistral', 8],
    ['qwen2', 32],
    ['qwen3', 32],
    ['gemma', 16],
  ])(
    '%s has %i key heads where nothing is said, and as many as query heads for null',
    (model_type, count) => {
      const heads = { model_type, num_attention_heads: 32 };
      expect(parse({ ...heads, num_key_value_heads: undefined }).kvHeads).toBe(count);
      expect(parse({ ...heads, num_key_value_heads: null }).kvHeads).toBe(32);
    },
  );

  it('qwen2 has biases on queries, keys and values, and slides only if asked to', () => {
    expect(parse({ model_type: 'qwen2' })).toMatchObject({
      qkvBias: true,
      outputBias: false,
      maxPositions: 32768,
    });
    const sliding = { model_type: 'qwen2', use_sliding_window: true, sliding_window: 8 };
    expect(parse({ ...sliding, use_sliding_window: false }).windows).toEqual([null, null, null]);
    expect(parse({ ...sliding, max_window_layers: 1 }).windows).toEqual([null, 8, 8]);
    expect(parse({ ...sliding }).windows).toEqual([null, null, null]);
    const types = ['sliding_attention', 'full_attention', 'sliding_attention'];
    expect(parse({ ...sliding, layer_types: types }).windows).toEqual([8, null, 8]);
    expect(parse({ ...sliding, sliding_window: undefined, layer_types: types }).windows).toEqual([
      4096,
      null,
      4096,
    ]);
  });

  it('qwen3 norms queries and keys and has its own head size', () => {
    expect(parse({ model_type: 'qwen3' })).toMatchObject({ qkNorm: true, headDim: 128, qkvBias: false });
    expect(parse({ model_type: 'qwen3', head_dim: 32 }).headDim).toBe(32);
  });

  it('gemma scales embeddings, offsets norms, ties embeddings and gates with GELU', () => {
    const gemma = { model_type: 'gemma', hidden_activation: null };
    expect(parse(gemma)).toMatchObject({
      embeddingScale: 8,
      normOffset: 1,
      tiedEmbeddings: true,
      headDim: 256,
      maxPositions: 8192,
      activation: 'gelu_tanh',
    });
    expect(parse({ ...gemma, hidden_act: 'gelu' }).activation).toBe('gelu_tanh');
    expect(parse({ ...gemma, hidden_activation: 'gelu_pytorch_tanh', hidden_act: 'silu' }).activation).toBe(
      'gelu_tanh',
    );
  });

  it('reads rope as transformers 4 and 5 write it', () => {
    const llama3 = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const ropeScaling = {
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 64,
    };
    expect(parse({ rope_theta: 500, rope_scaling: { rope_type: 'llama3', ...llama3 } })).toMatchObject({
      ropeTheta: 500,
      ropeScaling,
    });
    expect(parse({ rope_parameters: { rope_type: 'llama3', rope_theta: 500, ...llama3 } })).toMatchObject({
      ropeTheta: 500,
      ropeScaling,
    });
    expect(parse({ rope_scaling: { type: 'linear', factor: 2 } }).ropeScaling).toEqual({
      type: 'linear',
      factor: 2,
    });
    expect(parse({ rope_scaling: null }).ropeScaling).toEqual({ type: 'none' });
    expect(parse({ rope_parameters: { rope_type: 'default', rope_theta: 7 } })).toMatchObject({
      ropeTheta: 7,
    });
  });

  it('takes null for a field that is not set', () => {
    expect(parse({ num_key_value_heads: null, head_dim: null, hidden_act: null })).toMatchObject({
      kvHeads: 4,
      headDim: 16,
      activation: 'silu',
    });
  });
});

describe('what cannot be run is refused by name', () => {
  it.each(['gpt2', undefined, 'LLAMA', 7])('model_type %j, with the families that can', async (modelType) => {
    const error = await failureOf(() =>
      parseDecoderConfig({ ...sizes, model_type: modelType }, 'm/config.json'),
    );
    expect(error.code).toBe('MODEL_UNSUPPORTED');
    expect(error.place).toEqual({ file: 'm/config.json', field: 'model_type' });
    for (const name of supportedModelTypes) expect(error.hint).toContain(name);
  });

  it.each([
    [{ rope_scaling: { rope_type: 'ntk', factor: 4 } }, 'rope_scaling.rope_type', /"ntk" is not supported/],
    [{ rope_parameters: { type: 'mrope' } }, 'rope_parameters.type', /"mrope"/],
    [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor', /0\.5/],
    [{ rope_parameters: { partial_rotary_factor: 0.25 } }, 'rope_parameters.partial_rotary_factor', /0\.25/],
    [{ hidden_act: 'relu' }, 'hidden_act', /"relu" is not supported[^]*silu and gelu_pytorch_tanh/],
    [{ hidden_act: 'gelu' }, 'hidden_act', /"gelu"/],
    [{ model_type: 'gemma', hidden_activation: 'gelu' }, 'hidden_activation', /"gelu"/],
    [{ model_type: 'gemma', use_bidirectional_attention: true }, 'use_bidirectional_attention', /causal/],
    [{ head_dim: 15 }, 'head_dim', /15 is not supported[^]*even head dimension/],
    [
      { model_type: 'qwen3', layer_types: ['full_attention', 'linear_attention', 'full_attention'] },
      'layer_types',
      /"linear_attention" is not supported/,
    ],
  ])('%j', async (json, field, message) => {
    const error = await failureOf(() => parse(json));
    expect([error.code, error.place.field]).toEqual(['MODEL_UNSUPPORTED', field]);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });

  it.each([
    [{ hidden_size: undefined }, 'hidden_size', /must be a positive integer; found nothing/],
    [{ hidden_size: '64' }, 'hidden_size', /must be a positive integer; found "64"/],
    [{ vocab_size: 0 }, 'vocab_size', /must be a positive integer; found 0/],
    [{ num_hidden_layers: 2.5 }, 'num_hidden_layers', /must be an integer from 1 to 10000; found 2\.5/],
    [{ num_key_value_heads: 3 }, 'num_key_value_heads', /4 attention heads cannot share 3/],
    [{ rms_norm_eps: 'small' }, 'rms_norm_eps', /must be a number from 0 up to 1; found "small"/],
    [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings', /must be true or false; found "yes"/],
    [{ attention_bias: 1 }, 'attention_bias', /must be true or false; found 1/],
    [{ rope_theta: [] }, 'rope_theta', /must be a number/],
    [{ rope_scaling: 'linear' }, 'rope_scaling', /must be an object; found "linear"/],
    [{ rope_scaling: { type: 'linear' } }, 'rope_scaling.factor', /must be a number above 0; found nothing/],
    [{ rope_scaling: { type: 'llama3', factor: 8 } }, 'rope_scaling.low_freq_factor', /must be a number/],
    [{ model_type: 'mistral', sliding_window: '4096' }, 'sliding_window', /must be a positive integer; found "4096"/],
    [{ model_type: 'mistral', sliding_window: 0 }, 'sliding_window', /must be a positive integer; found 0/],
    [
      { model_type: 'qwen2', layer_types: ['full_attention'] },
      'layer_types',
      /must be a list of 3 kinds of attention/,
    ],
    [{ model_type: 'qwen2', use_sliding_window: 'no' }, 'use_sliding_window', /must be true or false/],
    [{ rope_theta: 0 }, 'rope_theta', /must be a number above 1 and up to 1e\+30; found 0/],
    [{ rope_theta: -10000 }, 'rope_theta', /above 1/],
    [{ rope_scaling: { rope_theta: 1e39, type: 'default' } }, 'rope_scaling.rope_theta', /up to 1e\+30/],
    [{ rms_norm_eps: -1 }, 'rms_norm_eps', /must be a number from 0 up to 1; found -1/],
    [{ rms_norm_eps: 1e5 }, 'rms_norm_eps', /from 0 up to 1/],
    [{ rope_scaling: { type: 'linear', factor: -2 } }, 'rope_scaling.factor', /a number above 0; found -2/],
    [
      { rope_scaling: { type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 } },
      'rope_scaling.high_freq_factor',
      /a number above 4; found 4/,
    ],
    [{ num_hidden_layers: 1e9 }, 'num_hidden_layers', /an integer from 1 to 10000; found 1000000000/],
    [{ head_dim: 1e12 }, 'head_dim', /an integer from 1 to 65536/],
    [{ vocab_size: 2 ** 40 }, 'vocab_size', /must be a positive integer/],
    [{ num_attention_heads: 100 }, 'num_attention_heads', /100 heads share a hidden size of 64/],
    [{ max_window_layers: -1, model_type: 'qwen2' }, 'max_window_layers', /a number from 0; found -1/],
    [{ hidden_size: 'x'.repeat(1000) }, 'hidden_size', /found "x{79}…$/],
  ])('%j', async (json, field, message) => {
    const error = await failureOf(() => parse(json));
    expect([error.code, error.place.field]).toEqual(['MODEL_CONFIG', field]);
    expect(error.message).toMatch(message);
  });

  it.each([
    ['no file', null, /is missing/],
    ['broken JSON', '{"model_type": ', /is not valid JSON/],
    ['a list', '[]', /must hold a JSON object/],
    ['null', 'null', /must hold a JSON object/],
    ['nothing', '', /is not valid JSON: /],
    ['a key without a value', '{\n  "hidden_size": ,\n}', /config\.json:2:18: is not valid JSON: expected a value/],
  ])('%s', async (_, text, message) => {
    const dir = newFolder();
    const file = join(dir, 'config.json');
    if (text !== null) writeFileSync(file, text);
    const error = await failureOf(() => readDecoderConfig(dir));
    expect([error.code, error.place.file]).toEqual(['MODEL_CONFIG', file]);
    expect(error.message).toMatch(message);
  });
});

describe('quantized models are refused by the name of the method, before anything else', () => {
  it.each([
    [{ quant_method: 'gptq', bits: 4, group_size: 128 }, /a model quantized with GPTQ \(4 bits\)/],
    [{ quant_method: 'awq', bits: 4 }, /AWQ \(4 bits\)/],
    [{ quant_method: 'bitsandbytes', load_in_4bit: true, load_in_8bit: false }, /bitsandbytes \(4 bits\)/],
    [{ load_in_8bit: true }, /bitsandbytes \(8 bits\)/],
    [{ quant_method: 'fp8', weight_block_size: [128, 128] }, /quantized with FP8 is/],
    [{ quant_method: 'hqq' }, /quantized with "hqq" is/],
    [{}, /a method that it does not name/],
    ['int4', /a method that it does not name/],
  ])('%j', async (settings, message) => {
    const error = await failureOf(() => parseDecoderConfig({ quantization_config: settings }));
    expect([error.code, error.place.field]).toEqual(['MODEL_UNSUPPORTED', 'quantization_config']);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(/Name the model that it was made from/);
  });

  it.each([
    [{ quantization: { group_size: 64, bits: 4 } }, 'quantization', /MLX \(4 bits\)/],
    [{ compression_config: { format: 'int-quantized' } }, 'compression_config', /with compressed-tensors is/],
  ])('%j', async (fields, field, message) => {
    const error = await failureOf(() => parseDecoderConfig({ ...fields, model_type: 'llama', ...sizes }));
    expect([error.code, error.place.field]).toEqual(['MODEL_UNSUPPORTED', field]);
    expect(error.message).toMatch(message);
  });

  it.each([
    ['quantize_config.json', /GPTQ/],
    ['quant_config.json', /AWQ/],
  ])('a folder with %s beside a config.json that says nothing', async (name, message) => {
    const dir = newFolder();
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ model_type: 'llama', ...sizes }));
    expect((await readDecoderConfig(dir)).layers).toBe(3);
    writeFileSync(join(dir, name), '{"bits": 4}');
    const error = await failureOf(() => readDecoderConfig(dir));
    expect([error.code, error.place.file]).toEqual(['MODEL_UNSUPPORTED', join(dir, name)]);
    expect(error.message).toMatch(message);
  });

  it('null says that it is not', () => {
    expect(parse({ quantization_config: null, quantization: null }).layers).toBe(3);
  });
});

describe('senseless numbers are refused by field, whatever they do to the arithmetic', () => {
  it.each([
    ['"hidden_size": 0', 'hidden_size'],
    ['"hidden_size": -64', 'hidden_size'],
    ['"hidden_size": "64"', 'hidden_size'],
    ['"hidden_size": 1e999', 'hidden_size'],
    ['"hidden_size": null', 'hidden_size'],
    ['"num_hidden_layers": 1000000000', 'num_hidden_layers'],
    ['"num_hidden_layers": 2.5', 'num_hidden_layers'],
    ['"num_hidden_layers": [3]', 'num_hidden_layers'],
    ['"num_attention_heads": 5, "num_key_value_heads": 5', 'num_attention_heads'],
    ['"num_attention_heads": 4, "num_key_value_heads": 3', 'num_key_value_heads'],
    ['"num_key_value_heads": 0', 'num_key_value_heads'],
    ['"vocab_size": -1', 'vocab_size'],
    ['"vocab_size": {"size": null}', 'vocab_size'],
    ['"vocab_size": 9007199254740993', 'vocab_size'],
    ['"intermediate_size": true', 'intermediate_size'],
    ['"max_position_embeddings": 0', 'max_position_embeddings'],
    ['"rms_norm_eps": -1', 'rms_norm_eps'],
    ['"rms_norm_eps": 1e999', 'rms_norm_eps'],
    ['"rms_norm_eps": "1e-5"', 'rms_norm_eps'],
    ['"rope_theta": 0', 'rope_theta'],
    ['"rope_theta": -1e999', 'rope_theta'],
    ['"rope_parameters": {"rope_type": "linear", "factor": 0}', 'rope_parameters.factor'],
    ['"rope_parameters": {"rope_type": "linear", "factor": null}', 'rope_parameters.factor'],
  ])('%s', async (text, field) => {
    const dir = newFolder();
    // The last one of two equal keys counts, and 1e999 is JSON.
    const fields = JSON.stringify({ model_type: 'llama', ...sizes }).slice(0, -1);
    writeFileSync(join(dir, 'config.json'), `${fields}, ${text}}`);
    const error = await failureOf(() => readDecoderConfig(dir));
    expect([error.code, error.place]).toEqual(['MODEL_CONFIG', { file: join(dir, 'config.json'), field }]);
  });
});

it('skips a byte order mark', async () => {
  const dir = newFolder();
  writeFileSync(join(dir, 'config.json'), `\ufeff${JSON.stringify({ model_type: 'llama', ...sizes })}`);
  expect((await readDecoderConfig(dir)).layers).toBe(3);
});
