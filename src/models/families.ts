// What distinguishes the families of decoders that can be traced: a row each, by `model_type`, with the defaults of
// transformers 5.18. Reads no file; config.ts makes one description of a row and a config.json.
import type { ActivationName, LayerNorms, QueryKeyNorm } from './config.ts';
import type { RopeReader } from './rope-layers.ts';
import { ropeByWindow, ropeEverywhere, ropeInSomeLayers } from './rope-layers.ts';
import type { WindowReader } from './windows.ts';
import { noWindow, windowButEvery, windowEverywhere, windowFrom, windowWithoutRope } from './windows.ts';

export interface Family {
  /** For fields that config.json leaves out; null follows from other fields. */
  readonly kvHeads: number | null;
  readonly headDim: number | null;
  readonly maxPositions: number;
  readonly normEpsilon: number;
  readonly tiedEmbeddings: boolean;
  /** Whether the heads have to divide the hidden size, as transformers checks for some. */
  readonly headsDivide: boolean;
  /** Where the activation is named, the last of these that is set, and what it is if none is. */
  readonly activation: { readonly fields: readonly string[]; readonly usual: ActivationName };
  readonly layerNorms: LayerNorms;
  readonly normOffset: 0 | 1;
  readonly scaledEmbeddings: boolean;
  /** Biases on queries, keys and values alone, whatever config.json says; or as its `attention_bias` says; or none. */
  readonly attentionBias: 'qkv' | 'field' | 'none';
  /** Whether `mlp_bias` counts. */
  readonly mlpBias: boolean;
  readonly qkNorm: QueryKeyNorm;
  readonly fusedProjections: boolean;
  /** Fields that scale or cap what other families leave alone, with their defaults. */
  readonly factors: Readonly<Partial<Record<FactorField, number | null>>>;
  /** Fields that may only be absent, null or false, with what to say of others. */
  readonly refused: readonly { readonly field: string; readonly hint: string }[];
  readonly windows: WindowReader;
  readonly rope: RopeReader;
}

/** Numbers above 0; those of the caps may be null. */
export type FactorField =
  | 'embedding_multiplier'
  | 'attention_multiplier'
  | 'residual_multiplier'
  | 'logits_scaling'
  | 'query_pre_attn_scalar'
  | 'attn_logit_softcapping'
  | 'final_logit_softcapping';

const before: LayerNorms = {
  beforeAttention: 'input_layernorm',
  afterAttention: null,
  beforeMlp: 'post_attention_layernorm',
  afterMlp: null,
};
const after: LayerNorms = {
  beforeAttention: null,
  afterAttention: 'post_attention_layernorm',
  beforeMlp: null,
  afterMlp: 'post_feedforward_layernorm',
};
const around: LayerNorms = {
  beforeAttention: 'input_layernorm',
  afterAttention: 'post_attention_layernorm',
  beforeMlp: 'pre_feedforward_layernorm',
  afterMlp: 'post_feedforward_layernorm',
};

const llama: Family = {
  kvHeads: null,
  headDim: null,
  maxPositions: 2048,
  normEpsilon: 1e-6,
  tiedEmbeddings: false,
  headsDivide: true,
  activation: { fields: ['hidden_act'], usual: 'silu' },
  layerNorms: before,
  normOffset: 0,
  scaledEmbeddings: false,
  attentionBias: 'field',
  mlpBias: true,
  qkNorm: 'none',
  fusedProjections: false,
  factors: {},
  refused: [],
  windows: noWindow,
  rope: ropeEverywhere({}),
};
const gemma: Family = {
  ...llama,
  kvHeads: 16,
  headDim: 256,
  maxPositions: 8192,
  tiedEmbeddings: true,
  headsDivide: false,
  activation: { fields: ['hidden_act', 'hidden_activation'], usual: 'gelu_tanh' },
  normOffset: 1,
  scaledEmbeddings: true,
  mlpBias: false,
  refused: [{ field: 'use_bidirectional_attention', hint: 'Only causal attention is.' }],
};
const gemma2: Family = {
  ...gemma,
  kvHeads: 4,
  headsDivide: true,
  activation: { fields: ['hidden_activation'], usual: 'gelu_tanh' },
  layerNorms: around,
  factors: { query_pre_attn_scalar: 256, attn_logit_softcapping: 50, final_logit_softcapping: 30 },
  windows: windowButEvery({ period: 2 }),
};

/** The families that can be traced, by `model_type`. */
export type ModelType =
  | 'llama'
  | 'mistral'
  | 'qwen2'
  | 'qwen3'
  | 'gemma'
  | 'granite'
  | 'smollm3'
  | 'phi3'
  | 'olmo2'
  | 'gemma2'
  | 'gemma3_text';

export const families: Readonly<Record<ModelType, Family>> = {
  llama,
  mistral: {
    ...llama,
    kvHeads: 8,
    maxPositions: 131072,
    headsDivide: false,
    attentionBias: 'none',
    mlpBias: false,
    windows: windowEverywhere(4096),
  },
  qwen2: {
    ...llama,
    kvHeads: 32,
    maxPositions: 32768,
    headsDivide: false,
    attentionBias: 'qkv',
    mlpBias: false,
    windows: windowFrom('max_window_layers', 28),
  },
  qwen3: {
    ...llama,
    kvHeads: 32,
    headDim: 128,
    maxPositions: 32768,
    headsDivide: false,
    mlpBias: false,
    qkNorm: 'head',
    windows: windowFrom('max_window_layers', 28),
  },
  gemma,
  granite: {
    ...llama,
    headsDivide: false,
    factors: { embedding_multiplier: 1, attention_multiplier: 1, residual_multiplier: 1, logits_scaling: 1 },
  },
  smollm3: {
    ...llama,
    kvHeads: 4,
    maxPositions: 32768,
    tiedEmbeddings: true,
    headsDivide: false,
    windows: windowWithoutRope,
    rope: ropeInSomeLayers({ theta: 2_000_000 }),
  },
  phi3: {
    ...llama,
    maxPositions: 4096,
    normEpsilon: 1e-5,
    headsDivide: false,
    attentionBias: 'none',
    mlpBias: false,
    fusedProjections: true,
    windows: windowEverywhere(null),
    rope: ropeEverywhere({
      partial: true,
      kinds: { default: 'default', longrope: 'longrope', su: 'longrope', yarn: 'longrope' },
      originalLength: 4096,
    }),
  },
  olmo2: {
    ...llama,
    normEpsilon: 1e-5,
    headsDivide: false,
    layerNorms: after,
    mlpBias: false,
    qkNorm: 'whole',
  },
  gemma2,
  gemma3_text: {
    ...gemma2,
    maxPositions: 131072,
    qkNorm: 'head',
    factors: { query_pre_attn_scalar: 256, final_logit_softcapping: null },
    refused: [
      ...gemma.refused,
      // transformers 5.18 has the field and does not compute with it.
      { field: 'attn_logit_softcapping', hint: 'Gemma 3 caps no attention scores; write null.' },
    ],
    windows: windowButEvery({ period: 6, field: 'sliding_window_pattern' }),
    rope: ropeByWindow({ full: 1_000_000, sliding: 10_000 }),
  },
};

export const supportedModelTypes = Object.keys(families) as readonly ModelType[];
