// The decoder families as llama.cpp knows them: a row each. What it computes otherwise than the family's own model code
// does is made up for in the weights, or refused.
import type { DecoderConfig } from '../models/index.ts';
import type { ModelType } from '../models/families.ts';

export interface Architecture {
  readonly name: string;
  /** Whether neighbouring dimensions of a head turn together, and not those half a head apart: rows of Q and K move then. */
  readonly turnsNeighbours: boolean;
  /** llama.cpp's names of the norms in a layer, by the model's. */
  readonly norms: Readonly<Record<string, string>>;
  /** What it multiplies products of queries and keys by; else a field says it. */
  readonly attentionScale: (config: DecoderConfig) => number | 'field';
  /** Whether it has the factors on embeddings, residuals and logits as fields. */
  readonly scales: boolean;
  /** Whether it has the caps on scores and logits as fields. */
  readonly caps: boolean;
  /** Which layers look at a window, where it has windows at all. */
  readonly windowed: ((layer: number) => boolean) | null;
  /** Which biases it reads beside those of queries, keys and values. */
  readonly biases: { readonly output: boolean; readonly mlp: boolean };
  /** Whether it reads an LM head of its own. */
  readonly ownHead: boolean;
  /** Which layers turn queries and keys. */
  readonly turns: (layer: number) => boolean;
}

const before = { input_layernorm: 'attn_norm', post_attention_layernorm: 'ffn_norm' };
const after = {
  post_attention_layernorm: 'post_attention_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};
const around = { ...after, input_layernorm: 'attn_norm', pre_feedforward_layernorm: 'ffn_norm' };

const byHead = ({ headDim }: DecoderConfig): number => headDim ** -0.5;
/** The largest Gemma of its generation, by its layers, has another scale there. */
const byHeadUnless =
  (layers: number) =>
  (config: DecoderConfig): number =>
    config.layers === layers ? (config.hiddenSize / config.heads) ** -0.5 : byHead(config);

const llama: Architecture = {
  name: 'llama',
  turnsNeighbours: true,
  norms: before,
  attentionScale: byHead,
  scales: false,
  caps: false,
  windowed: null,
  biases: { output: true, mlp: true },
  ownHead: true,
  turns: () => true,
};
const halves: Architecture = {
  ...llama,
  turnsNeighbours: false,
  biases: { output: false, mlp: false },
};

const rows: Readonly<Record<ModelType, Architecture>> = {
  llama,
  mistral: llama,
  qwen2: { ...halves, name: 'qwen2' },
  qwen3: { ...halves, name: 'qwen3' },
  gemma: { ...halves, name: 'gemma', ownHead: false },
  granite: { ...llama, name: 'granite', attentionScale: () => 'field', scales: true },
  smollm3: { ...llama, name: 'smollm3', turns: (layer) => layer % 4 !== 3 },
  phi3: { ...halves, name: 'phi3' },
  olmo2: { ...halves, name: 'olmo2', norms: after },
  gemma2: {
    ...halves,
    name: 'gemma2',
    norms: around,
    ownHead: false,
    attentionScale: byHeadUnless(46),
    caps: true,
    windowed: (layer) => layer % 2 === 0,
  },
  gemma3_text: {
    ...halves,
    name: 'gemma3',
    norms: around,
    attentionScale: byHeadUnless(62),
    caps: true,
    windowed: (layer) => layer % 6 !== 5,
  },
};

export const architectureOf = ({ modelType }: DecoderConfig): Architecture => rows[modelType as ModelType];

const projections: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.qkv_proj': 'attn_qkv',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.gate_up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

const outside: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** llama.cpp's name of a parameter such as `model.layers.0.mlp.up_proj.weight`; null for one that it has not. */
export function tensorName(parameter: string, { norms }: Architecture): string | null {
  const [, module = '', kind = ''] = /^(.*)\.(weight|bias)$/.exec(parameter) ?? [];
  if (Object.hasOwn(outside, module)) return `${outside[module]}.${kind}`;
  const [, layer = '', part = ''] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? [];
  const name = projections[part] ?? norms[part];
  return name === undefined ? null : `blk.${layer}.${name}.${kind}`;
}
