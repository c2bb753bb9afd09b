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
      positionsEndedBy: null,
      activation: 'silu',
      normEpsilon: 1e-6,
      normOffset: 0,
      embeddingScale: 1,
      qkvBias: false,
      outputBias: false,
      mlpBias: false,
      layerNorms: {
        beforeAttention: 'input_layernorm',
        afterAttention: null,
        beforeMlp: 'post_attention_layernorm',
        afterMlp: null,
      },
      residualScale: 1,
      attentionScale: 0.25,
      attentionCap: null,
      logitScale: 1,
      logitCap: null,
      qkNorm: 'none',
      fusedProjections: false,
      ropes: new Array(3).fill({ theta: 10000, dims: 16, scaling: { type: 'none' } }),
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
    expect(parse({ model_type: 'qwen3' })).toMatchObject({ qkNorm: 'head', headDim: 128, qkvBias: false });
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

  it('granite multiplies, by 1 where nothing is said, queries and keys too', () => {
    expect(parse({ model_type: 'granite' })).toMatchObject({
      embeddingScale: 1,
      residualScale: 1,
      attentionScale: 1,
      logitScale: 1,
    });
    const factors = {
      embedding_multiplier: 12,
      residual_multiplier: 0.22,
      attention_multiplier: 0.0078125,
      logits_scaling: 16,
    };
    expect(parse({ model_type: 'granite', ...factors, mlp_bias: true, attention_bias: true })).toMatchObject({
      embeddingScale: 12,
      residualScale: 0.22,
      attentionScale: 0.0078125,
      logitScale: 1 / 16,
      mlpBias: true,
      qkvBias: true,
      outputBias: true,
    });
    // Other families have no such factors, whatever their configuration says.
    expect(parse(factors)).toMatchObject({ embeddingScale: 1, residualScale: 1, attentionScale: 0.25, logitScale: 1 });
  });

  it('smollm3 has layers without rope, which alone may slide', () => {
    const smol = { model_type: 'smollm3', num_hidden_layers: 5 };
    const has = (json: Record<string, unknown>): boolean[] =>
      parse({ ...smol, ...json }).ropes.map((rope) => rope !== null);
    expect(has({})).toEqual([true, true, true, false, true]);
    expect(has({ no_rope_layer_interval: 2 })).toEqual([true, false, true, false, true]);
    expect(has({ no_rope_layers: [0, 1, 1, 0, 1, 0, 0] })).toEqual([false, true, true, false, true]);
    expect(parse(smol)).toMatchObject({ tiedEmbeddings: true, maxPositions: 32768 });
    expect(parse({ ...smol, num_attention_heads: 16, num_key_value_heads: undefined }).kvHeads).toBe(4);
    expect(parse(smol).ropes[0]!.theta).toBe(2_000_000);
    const sliding = { ...smol, use_sliding_window: true, sliding_window: 8 };
    expect(parse({ ...sliding, use_sliding_window: false }).windows).toEqual([null, null, null, null, null]);
    expect(parse({ ...sliding, sliding_window: null }).windows).toEqual([null, null, null, null, null]);
    expect(parse(sliding).windows).toEqual([null, null, null, 8, null]);
    const types = ['sliding_attention', ...new Array<string>(4).fill('full_attention')];
    expect(parse({ ...sliding, layer_types: types }).windows).toEqual([8, null, null, null, null]);
  });

  it('phi3 fuses projections, turns a part of each head, and slides in every layer or none', () => {
    const phi3 = { model_type: 'phi3' };
    expect(parse(phi3)).toMatchObject({
      fusedProjections: true,
      qkvBias: false,
      outputBias: false,
      normEpsilon: 1e-5,
      maxPositions: 4096,
      windows: [null, null, null],
    });
    expect(parse({ ...phi3, sliding_window: 2047 }).windows).toEqual([2047, 2047, 2047]);
    expect(parse({ ...phi3, partial_rotary_factor: 0.75 }).ropes[0]!.dims).toBe(12);
    expect(parse({ ...phi3, rope_parameters: { partial_rotary_factor: 0.5 }, partial_rotary_factor: 1 }).ropes[0]!.dims).toBe(8);
    const factors = { short_factor: [1, 1, 1, 1, 2, 3], long_factor: [1, 2, 3, 4, 5, 6] };
    for (const type of ['longrope', 'su', 'yarn']) {
      const long = { ...phi3, partial_rotary_factor: 0.75, rope_scaling: { type, ...factors } };
      // Without a length of its own before scaling there is transformers' default, 4096.
      const { ropes, maxPositions } = parse({ ...long, max_position_embeddings: 131072 });
      expect([ropes[0]!.scaling.type, maxPositions]).toEqual(['longrope', 4096]);
      expect(parse({ ...long, max_position_embeddings: 131072, original_max_position_embeddings: 512 }).maxPositions).toBe(512);
    }
  });

  it('olmo2 norms what its blocks put out, and whole queries and keys', () => {
    expect(parse({ model_type: 'olmo2', attention_bias: true })).toMatchObject({
      layerNorms: {
        beforeAttention: null,
        afterAttention: 'post_attention_layernorm',
        beforeMlp: null,
        afterMlp: 'post_feedforward_layernorm',
      },
      qkNorm: 'whole',
      normEpsilon: 1e-5,
      qkvBias: true,
      outputBias: true,
      tiedEmbeddings: false,
    });
  });

  it('gemma2 caps scores and logits, norms before and after, and slides in every other layer', () => {
    const gemma2 = { model_type: 'gemma2', num_attention_heads: 8 };
    expect(parse(gemma2)).toMatchObject({
      headDim: 256,
      maxPositions: 8192,
      activation: 'gelu_tanh',
      normOffset: 1,
      embeddingScale: 8,
      attentionScale: 1 / 16,
      attentionCap: 50,
      logitCap: 30,
      windows: [4096, null, 4096],
      tiedEmbeddings: true,
      layerNorms: {
        beforeAttention: 'input_layernorm',
        afterAttention: 'post_attention_layernorm',
        beforeMlp: 'pre_feedforward_layernorm',
        afterMlp: 'post_feedforward_layernorm',
      },
    });
    expect(parse({ ...gemma2, num_key_value_heads: undefined }).kvHeads).toBe(4);
    const set = { attn_logit_softcapping: null, final_logit_softcapping: 7, query_pre_attn_scalar: 144 };
    expect(parse({ ...gemma2, ...set })).toMatchObject({ attentionCap: null, logitCap: 7, attentionScale: 1 / 12 });
    const types = ['full_attention', 'full_attention', 'sliding_attention'];
    expect(parse({ ...gemma2, layer_types: types, sliding_window: 8 }).windows).toEqual([null, null, 8]);
    // What early Gemmas called it is no field of this one.
    expect(parse({ ...gemma2, hidden_act: 'relu' }).activation).toBe('gelu_tanh');
  });

  it('gemma3_text has a rope for layers with a window and another for those without', () => {
    const gemma3 = { model_type: 'gemma3_text', num_hidden_layers: 7 };
    const plain = { type: 'none' };
    const [full, sliding] = [1e6, 1e4].map((theta) => ({ theta, dims: 256, scaling: plain }));
    const { windows, ropes, ...rest } = parse(gemma3);
    expect(windows).toEqual([4096, 4096, 4096, 4096, 4096, null, 4096]);
    expect(ropes).toEqual([sliding, sliding, sliding, sliding, sliding, full, sliding]);
    expect(rest).toMatchObject({ qkNorm: 'head', attentionCap: null, logitCap: null, maxPositions: 131072 });
    expect(parse({ ...gemma3, final_logit_softcapping: 20 }).logitCap).toBe(20);
    const old = {
      sliding_window_pattern: 2,
      rope_theta: 500,
      rope_local_base_freq: 100,
      rope_scaling: { rope_type: 'linear', factor: 8 },
    };
    const present = {
      layer_types: [0, 1, 0, 1, 0, 1, 0].map((kind) => (kind === 1 ? 'full_attention' : 'sliding_attention')),
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 500 },
        sliding_attention: { rope_type: 'default', rope_theta: 100 },
      },
    };
    for (const fields of [old, present]) {
      const found = parse({ ...gemma3, ...fields }).ropes;
      expect(found[1]).toEqual({ theta: 500, dims: 256, scaling: { type: 'linear', factor: 8 } });
      expect(found[0]).toEqual({ theta: 100, dims: 256, scaling: plain });
      expect(found[2]).toBe(found[0]);
    }
  });

  it('reads rope as transformers 4 and 5 write it', () => {
    const llama3 = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const ropeOf = (json: Record<string, unknown>): unknown => parse(json).ropes[0];
    const scaling = {
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 64,
    };
    const expected = { theta: 500, dims: 16, scaling };
    expect(ropeOf({ rope_theta: 500, rope_scaling: { rope_type: 'llama3', ...llama3 } })).toEqual(expected);
    expect(ropeOf({ rope_parameters: { rope_type: 'llama3', rope_theta: 500, ...llama3 } })).toEqual(expected);
    const linear = { type: 'linear', factor: 2 };
    expect(ropeOf({ rope_scaling: linear })).toMatchObject({ scaling: linear });
    expect(ropeOf({ rope_scaling: null })).toMatchObject({ scaling: { type: 'none' } });
    expect(ropeOf({ rope_parameters: { rope_type: 'default', rope_theta: 7 } })).toMatchObject({ theta: 7 });
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
    [{ model_type: 'gemma2', use_bidirectional_attention: true }, 'use_bidirectional_attention', /true is not/],
    [{ model_type: 'gemma3_text', use_bidirectional_attention: true }, 'use_bidirectional_attention', /true is not/],
    [{ model_type: 'gemma3_text', attn_logit_softcapping: 50 }, 'attn_logit_softcapping', /50[^]*caps no attention/],
    [{ model_type: 'gemma3_text', rope_parameters: { rope_type: 'linear', factor: 8 } }, 'rope_parameters.rope_type', /one rope for all/],
    [{ model_type: 'gemma3_text', rope_scaling: { type: 'linear', factor: 8 } }, 'rope_scaling.type', /Write "rope_type"/],
    [
      { model_type: 'gemma3_text', rope_parameters: { sliding_attention: { rope_type: 'ntk' } } },
      'rope_parameters.sliding_attention.rope_type',
      /"ntk"/,
    ],
    [{ model_type: 'gemma2', hidden_activation: 'gelu' }, 'hidden_activation', /"gelu"/],
    [{ model_type: 'phi3', rope_scaling: { type: 'linear', factor: 2 } }, 'rope_scaling.type', /default, longrope, su, yarn/],
    [{ model_type: 'phi3', partial_rotary_factor: 0.7 }, 'partial_rotary_factor', /turns 11 of 16 dimensions/],
    [{ model_type: 'smollm3', partial_rotary_factor: 0.5 }, 'partial_rotary_factor', /Only full/],
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
    [{ model_type: 'granite', logits_scaling: 0 }, 'logits_scaling', /a number from 1e-30 up to 1e\+30; found 0/],
    [{ model_type: 'granite', embedding_multiplier: '12' }, 'embedding_multiplier', /must be a number/],
    [{ model_type: 'granite', residual_multiplier: -0.2 }, 'residual_multiplier', /found -0\.2/],
    [{ model_type: 'granite', attention_multiplier: [1] }, 'attention_multiplier', /found \[1\]/],
    [{ model_type: 'gemma2', attn_logit_softcapping: 0 }, 'attn_logit_softcapping', /found 0/],
    [{ model_type: 'gemma2', final_logit_softcapping: false }, 'final_logit_softcapping', /found false/],
    [{ model_type: 'gemma2', query_pre_attn_scalar: 'x' }, 'query_pre_attn_scalar', /found "x"/],
    [{ model_type: 'gemma2', sliding_window: null }, 'sliding_window', /a positive integer; found null/],
    [{ model_type: 'gemma2', num_attention_heads: 12 }, 'num_attention_heads', /must divide hidden_size, 64/],
    [{ model_type: 'gemma3_text', sliding_window_pattern: 0 }, 'sliding_window_pattern', /positive integer/],
    [{ model_type: 'gemma3_text', rope_local_base_freq: 0 }, 'rope_local_base_freq', /above 1/],
    [{ model_type: 'gemma3_text', rope_parameters: { full_attention: 7 } }, 'rope_parameters.full_attention', /an object/],
    [{ model_type: 'smollm3', no_rope_layers: [1, 0] }, 'no_rope_layers', /0s and 1s, one for each of the 3 layers/],
    [{ model_type: 'smollm3', no_rope_layers: [1, 2, 1] }, 'no_rope_layers', /found \[1,2,1\]/],
    [{ model_type: 'phi3', partial_rotary_factor: 1.5 }, 'partial_rotary_factor', /above 0 and up to 1/],
    [{ model_type: 'phi3', sliding_window: 0 }, 'sliding_window', /positive integer/],
    [
      { model_type: 'phi3', partial_rotary_factor: 0.75, rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } },
      'rope_scaling.long_factor',
      /a list of 6 numbers/,
    ],
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

it('a config of text and images is refused with what to do about it', async () => {
  const text_config = { model_type: 'gemma3_text', ...sizes };
  const error = await failureOf(() => parseDecoderConfig({ model_type: 'gemma3', text_config, vision_config: {} }));
  expect([error.code, error.place.field]).toEqual(['MODEL_UNSUPPORTED', 'model_type']);
  expect(error.hint).toMatch(/text part, gemma3_text, is/);
});

const compressed = (weights: object, more: object = {}): object => ({
  quant_method: 'compressed-tensors',
  format: 'pack-quantized',
  config_groups: { group_0: { targets: ['Linear'], weights } },
  ...more,
});

describe('quantized models that are not read are refused by the name of the method, before anything else', () => {
  it.each([
    [{ quant_method: 'gptq', bits: 3, group_size: 128 }, /a model quantized with GPTQ \(3 bits\)/],
    [{ quant_method: 'gptq', bits: 4, checkpoint_format: 'marlin' }, /GPTQ \(4 bits\) in the format "marlin"/],
    [{ quant_method: 'gptq', bits: 4, is_marlin_format: true }, /in the format marlin/],
    [{ quant_method: 'gptq', bits: 4, format: 'gptq_p' }, /in the format "gptq_p"/],
    [{ quant_method: 'gptq', bits: 4, pack_dtype: 'int16' }, /packed in "int16"/],
    [compressed({ num_bits: 8, type: 'float' }, { format: 'float-quantized' }), /the format "float-quantized"/],
    [compressed({ num_bits: 8, type: 'float' }), /compressed-tensors to "float"8 is/],
    [compressed({ num_bits: 3 }), /compressed-tensors to 3 bits/],
    [compressed({ num_bits: 4, strategy: 'tensor_group' }), /with the strategy "tensor_group"/],
    [compressed({ num_bits: 8, strategy: 'block' }), /with the strategy "block"/],
    [compressed({ num_bits: 4 }, { quantization_status: 'frozen' }), /with the status "frozen"/],
    [compressed({ num_bits: 4 }, { sparsity_config: { format: 'sparse-24-bitmask' } }), /sparse/],
    [compressed({ num_bits: 4 }, { transform_config: { config_groups: { R1: {} } } }), /transformed/],
    [compressed({ num_bits: 4 }, { format: 'mixed-precision' }), /in the format nothing/],
    [{ quant_method: 'auto-round', bits: 4 }, /AutoRound \(4 bits\)/],
    [{ quant_method: 'torchao' }, /TorchAO/],
    [{ quant_method: 'awq', bits: 4 }, /AWQ \(4 bits\)/],
    [{ quant_method: 'bitsandbytes', load_in_4bit: true, load_in_8bit: false }, /bitsandbytes \(4 bits\)/],
    [{ load_in_8bit: true }, /bitsandbytes \(8 bits\)/],
    [{ quant_method: 'fp8', weight_block_size: [128, 128] }, /quantized with FP8 is/],
    [{ quant_method: 'hqq' }, /quantized with HQQ is/],
    [{ quant_method: 'brand-new' }, /quantized with "brand-new" is/],
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
    [{ compression_config: { format: 'dense' } }, 'compression_config', /with compressed-tensors in the format "dense" is/],
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
    writeFileSync(join(dir, name), '{"bits": 2}');
    const error = await failureOf(() => readDecoderConfig(dir));
    expect([error.code, error.place.file]).toEqual(['MODEL_UNSUPPORTED', join(dir, name)]);
    expect(error.message).toMatch(message);
  });

  it.each([
    [{ quant_method: 'gptq', bits: 4, group_size: 0 }, 'group_size'],
    [{ quant_method: 'gptq', bits: 4, group_size: '128' }, 'group_size'],
    [{ quant_method: 'gptq', bits: 4, desc_act: 'yes' }, 'desc_act'],
    [{ quant_method: 'compressed-tensors', format: 'int-quantized' }, 'config_groups'],
    [compressed({ num_bits: 4, strategy: 'group', group_size: 0 }), 'config_groups.weights.group_size'],
  ])('and %j by its field', async (settings, field) => {
    const error = await failureOf(() => parseDecoderConfig({ quantization_config: settings }));
    expect([error.code, error.place.field]).toEqual(['MODEL_CONFIG', `quantization_config.${field}`]);
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
