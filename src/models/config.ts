// Reads a Hugging Face config.json into the one description that the decoder is traced from.
// Every family is this description; nothing after this file branches on a family's name.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { FieldReader } from './config-fields.ts';
import { fieldReader, shown, unsupported } from './config-fields.ts';
import type { Json } from './json-file.ts';
import { readJsonObject } from './json-file.ts';
import { refuseQuantized, refuseQuantizedFolder } from './quantization.ts';
import type { RopeScaling } from './rope-config.ts';
import { readRope } from './rope-config.ts';

export type ActivationName = 'silu' | 'gelu_tanh';

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
  readonly activation: ActivationName;
  readonly normEpsilon: number;
  /** Norm weights are stored as w and applied as `normOffset + w` (Gemma: 1). */
  readonly normOffset: 0 | 1;
  /** Factor on token embeddings (Gemma: sqrt(hiddenSize)). */
  readonly embeddingScale: number;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** RMS norm over each head's query and key (Qwen3). */
  readonly qkNorm: boolean;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling;
  /** For each layer how many positions back it may look, its own included; null looks at all. */
  readonly windows: readonly (number | null)[];
  /** The LM head is the embedding matrix. */
  readonly tiedEmbeddings: boolean;
}

/** The families that can be traced, by `model_type`. */
export const supportedModelTypes = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma'] as const;
type ModelType = (typeof supportedModelTypes)[number];

/** What transformers takes for a field that config.json leaves out; null follows from other fields. */
const defaults: Readonly<
  Record<ModelType, { kvHeads: number | null; headDim: number | null; maxPositions: number }>
> = {
  llama: { kvHeads: null, headDim: null, maxPositions: 2048 },
  mistral: { kvHeads: 8, headDim: null, maxPositions: 131072 },
  qwen2: { kvHeads: 32, headDim: null, maxPositions: 32768 },
  qwen3: { kvHeads: 32, headDim: 128, maxPositions: 32768 },
  gemma: { kvHeads: 16, headDim: 256, maxPositions: 8192 },
};

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
  await refuseQuantizedFolder(modelDir);
  return config;
}

/** The same from the parsed JSON; `file` is for messages. Defaults are those of transformers' config classes. */
export function parseDecoderConfig(json: Json, file = 'config.json'): DecoderConfig {
  refuseQuantized(json, file);
  const read = fieldReader(json, file);
  const modelType = json.model_type;
  if (!isSupported(modelType)) {
    throw unsupported(
      file,
      'model_type',
      modelType === undefined ? 'a config without a model type' : shown(modelType),
      `Supported are ${supportedModelTypes.join(', ')}.`,
    );
  }
  const gemma = modelType === 'gemma';
  const hiddenSize = read.count('hidden_size');
  const heads = read.count('num_attention_heads');
  const absent = defaults[modelType];
  // An explicit null says "as many as query heads".
  const kvHeads = read.count(
    'num_key_value_heads',
    json.num_key_value_heads === null ? heads : (absent.kvHeads ?? heads),
  );
  const layers = read.count('num_hidden_layers', undefined, mostLayers);
  if ((json.head_dim ?? absent.headDim) === null && hiddenSize < heads)
    throw new WhetstoneError('MODEL_CONFIG', `${heads} heads share a hidden size of ${hiddenSize}`, {
      file,
      field: 'num_attention_heads',
    });
  // transformers checks this for Llama alone; for the others it rounds the size of a head down.
  if (modelType === 'llama' && hiddenSize % heads !== 0)
    throw new WhetstoneError('MODEL_CONFIG', `must divide hidden_size, ${hiddenSize}; found ${heads}`, {
      file,
      field: 'num_attention_heads',
    });
  const headDim = read.count('head_dim', absent.headDim ?? Math.floor(hiddenSize / heads), mostHeadDim);
  if (heads % kvHeads !== 0) {
    throw new WhetstoneError(
      'MODEL_CONFIG',
      `${heads} attention heads cannot share ${kvHeads} key/value heads evenly`,
      {
        file,
        field: 'num_key_value_heads',
      },
    );
  }
  if (headDim % 2 !== 0) {
    throw unsupported(file, 'head_dim', String(headDim), 'Rotary embeddings need an even head dimension.');
  }
  if (gemma && json.use_bidirectional_attention) {
    throw unsupported(file, 'use_bidirectional_attention', 'true', 'Only causal attention is.');
  }
  const rope = readRope(json, { headDim, maxPositions: read.count('max_position_embeddings', absent.maxPositions) }, file);
  // Qwen2 has its biases whatever this says, and Mistral has none.
  const attentionBias =
    modelType !== 'mistral' && modelType !== 'qwen2' && read.flag('attention_bias', false);
  return {
    modelType,
    vocabSize: read.count('vocab_size'),
    hiddenSize,
    intermediateSize: read.count('intermediate_size'),
    layers,
    heads,
    kvHeads,
    headDim,
    maxPositions: rope.maxPositions,
    activation: readActivation(json, gemma, file),
    normEpsilon: read.number('rms_norm_eps', { from: 0, to: 1 }, 1e-6),
    normOffset: gemma ? 1 : 0,
    embeddingScale: gemma ? Math.sqrt(hiddenSize) : 1,
    qkvBias: modelType === 'qwen2' || attentionBias,
    outputBias: attentionBias,
    mlpBias: modelType === 'llama' && read.flag('mlp_bias', false),
    qkNorm: modelType === 'qwen3',
    ropeTheta: rope.theta,
    ropeScaling: rope.scaling,
    windows: readWindows(json, modelType, layers, read),
    tiedEmbeddings: read.flag('tie_word_embeddings', gemma),
  };
}

function isSupported(value: unknown): value is ModelType {
  return (supportedModelTypes as readonly unknown[]).includes(value);
}

function readActivation(json: Json, gemma: boolean, file: string): ActivationName {
  const field = gemma && json.hidden_activation ? 'hidden_activation' : 'hidden_act';
  const name = json[field] ?? (gemma ? 'gelu_pytorch_tanh' : 'silu');
  if (name === 'silu' || name === 'swish') return 'silu';
  if (name === 'gelu_pytorch_tanh' || name === 'gelu_new') return 'gelu_tanh';
  // Early Gemma configs say "gelu" and were trained with the tanh form, which transformers then uses.
  if (gemma && field === 'hidden_act' && name === 'gelu') return 'gelu_tanh';
  throw unsupported(
    file,
    field,
    shown(name),
    'Supported activations are silu and gelu_pytorch_tanh.',
  );
}

function readWindows(json: Json, modelType: ModelType, layers: number, read: FieldReader): (number | null)[] {
  const uses =
    modelType === 'mistral' ||
    ((modelType === 'qwen2' || modelType === 'qwen3') && read.flag('use_sliding_window', false));
  const window = !uses || json.sliding_window === null ? null : read.count('sliding_window', 4096);
  const types = modelType === 'mistral' ? null : read.layerTypes('layer_types', layers);
  const firstWindowed = modelType === 'mistral' ? 0 : read.number('max_window_layers', { from: 0 }, 28);
  return Array.from({ length: layers }, (_, layer) =>
    (types ? types[layer] === 'sliding_attention' : layer >= firstWindowed) ? window : null,
  );
}
