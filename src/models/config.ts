// Reads a Hugging Face config.json into the one description that the decoder is traced from.
// Every family is this description; nothing after this file branches on a family's name.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { FieldReader } from './config-fields.ts';
import { fieldReader, shown, unsupported } from './config-fields.ts';
import type { FactorField, Family, ModelType } from './families.ts';
import { families, supportedModelTypes } from './families.ts';
import type { Json } from './json-file.ts';
import { readJsonObject } from './json-file.ts';
import { parseQuantization, readQuantization } from './quantization.ts';
import type { Rope } from './rope-config.ts';

export type ActivationName = 'silu' | 'gelu_tanh';

/** Over each head's query and key, over a token's queries and keys of all heads at once, or none. */
export type QueryKeyNorm = 'head' | 'whole' | 'none';

/** Names of a layer's RMS norms by what they norm, null where there is none: what goes into a block, or comes out. */
export interface LayerNorms {
  readonly beforeAttention: string | null;
  readonly afterAttention: string | null;
  readonly beforeMlp: string | null;
  readonly afterMlp: string | null;
}

/** Everything that distinguishes one supported decoder from another. Sizes in elements. */
export interface DecoderConfig {
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly maxPositions: number;
  /** The field of config.json, other than max_position_embeddings, that ends them; null for none. */
  readonly positionsEndedBy: string | null;
  readonly activation: ActivationName;
  readonly layerNorms: LayerNorms;
  readonly normEpsilon: number;
  /** Norm weights are stored as w and applied as `normOffset + w` (Gemma: 1). */
  readonly normOffset: 0 | 1;
  /** Factor on token embeddings (Gemma: sqrt(hiddenSize)). */
  readonly embeddingScale: number;
  /** Factor on what a block adds to the residual stream (Granite). */
  readonly residualScale: number;
  /** Factor on the products of queries and keys; 1 / sqrt(headDim) for most. */
  readonly attentionScale: number;
  /** Bound of attention scores, see `softcap`; null for none (Gemma 2). */
  readonly attentionCap: number | null;
  /** Factor on logits (Granite), and their bound (Gemma 2), which comes after it. */
  readonly logitScale: number;
  readonly logitCap: number | null;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  readonly qkNorm: QueryKeyNorm;
  /** Whether queries, keys and values are one projection, `qkv_proj`, and gate and up another, `gate_up_proj` (Phi-3). */
  readonly fusedProjections: boolean;
  /** For each layer how its queries and keys turn; null for not at all. Layers that turn alike share the object. */
  readonly ropes: readonly (Rope | null)[];
  /** For each layer how many positions back it may look, its own included; null looks at all. */
  readonly windows: readonly (number | null)[];
  /** The LM head is the embedding matrix. */
  readonly tiedEmbeddings: boolean;
}

export { supportedModelTypes } from './families.ts';

/** Far beyond every model there is; what asks for more would only exhaust the memory. */
const mostLayers = 10_000;
const mostHeadDim = 65_536;

/**
 * Reads `config.json` of a model folder.
 * Throws `MODEL_CONFIG` (missing, malformed, wrong type) and `MODEL_UNSUPPORTED` (family or variant).
 */
export async function readDecoderConfig(modelDir: string): Promise<DecoderConfig> {
  const file = join(modelDir, 'config.json');
  const json = await readJsonObject(
    file,
    'MODEL_CONFIG',
    'A model is a Hugging Face folder with config.json, tokenizer.json and *.safetensors.',
  );
  const config = parseDecoderConfig(json, file);
  await readQuantization(modelDir, json);
  return config;
}

/** The same from the parsed JSON; `file` is for messages. Defaults are those of transformers' config classes. */
export function parseDecoderConfig(json: Json, file = 'config.json'): DecoderConfig {
  parseQuantization(json, file);
  const read = fieldReader(json, file);
  const modelType = json.model_type;
  if (!isSupported(modelType)) throw unsupportedType(json, file);
  const family = families[modelType];
  for (const { field, hint } of family.refused) {
    if (json[field] ?? false) throw unsupported(file, field, shown(json[field]), hint);
  }
  const hiddenSize = read.count('hidden_size');
  const layers = read.count('num_hidden_layers', undefined, mostLayers);
  const { heads, kvHeads, headDim } = readHeads(json, { family, hiddenSize, read, file });
  const windows = family.windows({ json, read, layers });
  const { ropes, maxPositions, endedBy } = family.rope({
    json,
    read,
    file,
    layers,
    windows,
    headDim,
    maxPositions: read.count('max_position_embeddings', family.maxPositions),
  });
  const factor = (field: FactorField): number | null => readFactor(field, { json, family, read });
  const attentionBias = family.attentionBias === 'field' && read.flag('attention_bias', false);
  return {
    modelType,
    vocabSize: read.count('vocab_size'),
    hiddenSize,
    intermediateSize: read.count('intermediate_size'),
    layers,
    heads,
    kvHeads,
    headDim,
    maxPositions,
    positionsEndedBy: endedBy,
    activation: readActivation(json, family.activation, file),
    layerNorms: family.layerNorms,
    normEpsilon: read.number('rms_norm_eps', { from: 0, to: 1 }, family.normEpsilon),
    normOffset: family.normOffset,
    embeddingScale: family.scaledEmbeddings ? Math.sqrt(hiddenSize) : (factor('embedding_multiplier') ?? 1),
    residualScale: factor('residual_multiplier') ?? 1,
    attentionScale: factor('attention_multiplier') ?? (factor('query_pre_attn_scalar') ?? headDim) ** -0.5,
    attentionCap: factor('attn_logit_softcapping'),
    logitScale: 1 / (factor('logits_scaling') ?? 1),
    logitCap: factor('final_logit_softcapping'),
    qkvBias: family.attentionBias === 'qkv' || attentionBias,
    outputBias: attentionBias,
    mlpBias: family.mlpBias && read.flag('mlp_bias', false),
    qkNorm: family.qkNorm,
    fusedProjections: family.fusedProjections,
    ropes,
    windows,
    tiedEmbeddings: read.flag('tie_word_embeddings', family.tiedEmbeddings),
  };
}

const isSupported = (value: unknown): value is ModelType =>
  (supportedModelTypes as readonly unknown[]).includes(value);

function unsupportedType(json: Json, file: string): WhetstoneError {
  const { model_type: modelType, text_config: text } = json;
  const inner = typeof text === 'object' && text !== null ? (text as Json).model_type : undefined;
  return unsupported(
    file,
    'model_type',
    modelType === undefined ? 'a config without a model type' : shown(modelType),
    isSupported(inner)
      ? `Its text part, ${inner}, is: save it as a folder of its own (docs/models.md has the lines of Python).`
      : `Supported are ${supportedModelTypes.join(', ')}.`,
  );
}

interface HeadFields {
  readonly family: Family;
  readonly hiddenSize: number;
  readonly read: FieldReader;
  readonly file: string;
}

function readHeads(
  json: Json,
  { family, hiddenSize, read, file }: HeadFields,
): Pick<DecoderConfig, 'heads' | 'kvHeads' | 'headDim'> {
  const wrong = (field: string, problem: string): WhetstoneError =>
    new WhetstoneError('MODEL_CONFIG', problem, { file, field });
  const heads = read.count('num_attention_heads');
  // An explicit null says "as many as query heads".
  const kvHeads = read.count(
    'num_key_value_heads',
    json.num_key_value_heads === null ? heads : (family.kvHeads ?? heads),
  );
  if ((json.head_dim ?? family.headDim) === null && hiddenSize < heads)
    throw wrong('num_attention_heads', `${heads} heads share a hidden size of ${hiddenSize}`);
  // transformers checks this for some families alone; for the others it rounds the size of a head down.
  if (family.headsDivide && hiddenSize % heads !== 0)
    throw wrong('num_attention_heads', `must divide hidden_size, ${hiddenSize}; found ${heads}`);
  const headDim = read.count('head_dim', family.headDim ?? Math.floor(hiddenSize / heads), mostHeadDim);
  if (heads % kvHeads !== 0)
    throw wrong(
      'num_key_value_heads',
      `${heads} attention heads cannot share ${kvHeads} key/value heads evenly`,
    );
  if (headDim % 2 !== 0)
    throw unsupported(file, 'head_dim', String(headDim), 'Rotary embeddings need an even head dimension.');
  return { heads, kvHeads, headDim };
}

/** Beyond these a factor, or one over it, leaves single precision. */
const factorRange = { from: 1e-30, to: 1e30 };

/** Null for what the family does not have, and for a cap that is switched off. */
function readFactor(
  field: FactorField,
  { json, family, read }: { readonly json: Json; readonly family: Family; readonly read: FieldReader },
): number | null {
  const usual = family.factors[field];
  if (usual === undefined) return null;
  const isCap = field.endsWith('_softcapping');
  if (isCap && (json[field] === undefined ? usual : json[field]) === null) return null;
  return read.number(field, factorRange, usual ?? undefined);
}

function readActivation(
  json: Json,
  { fields, usual }: Family['activation'],
  file: string,
): ActivationName {
  const field = fields.findLast((name) => json[name]) ?? fields[0]!;
  const name = json[field];
  if (name === undefined || name === null) return usual;
  if (name === 'silu' || name === 'swish') return 'silu';
  if (name === 'gelu_pytorch_tanh' || name === 'gelu_new') return 'gelu_tanh';
  // Early Gemma configs say "gelu" and were trained with the tanh form, which transformers then uses.
  if (name === 'gelu' && usual === 'gelu_tanh' && field === 'hidden_act') return 'gelu_tanh';
  throw unsupported(
    file,
    field,
    shown(name),
    'Supported activations are silu and gelu_pytorch_tanh.',
  );
}
