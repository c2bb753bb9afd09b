// Reads a Hugging Face config.json into the one description that the decoder is traced from.
// Every family is this description; nothing after this file branches on a family's name.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';

export type ActivationName = 'silu' | 'gelu_tanh';

export type RopeScaling =
  | { readonly type: 'none' }
  /** Positions divided by `factor`. */
  | { readonly type: 'linear'; readonly factor: number }
  /** Llama 3's frequency-dependent stretch. */
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    };

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

type Json = Record<string, unknown>;

/**
 * Reads `config.json` of a model folder.
 * Throws `MODEL_CONFIG` (missing, malformed, wrong type) and `MODEL_UNSUPPORTED` (family or variant).
 */
export async function readDecoderConfig(modelDir: string): Promise<DecoderConfig> {
  const file = join(modelDir, 'config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new WhetstoneError('MODEL_CONFIG', 'cannot be read', {
      file,
      cause,
      hint: 'A model is a Hugging Face folder with config.json, tokenizer.json and *.safetensors.',
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new WhetstoneError('MODEL_CONFIG', `is not valid JSON: ${(cause as Error).message}`, {
      file,
      cause,
    });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new WhetstoneError('MODEL_CONFIG', 'must hold a JSON object', { file });
  }
  return parseDecoderConfig(json as Json, file);
}

/** The same from the parsed JSON; `file` is for messages. Defaults are those of transformers' config classes. */
export function parseDecoderConfig(json: Json, file = 'config.json'): DecoderConfig {
  const read = fieldReader(json, file);
  const modelType = json.model_type;
  if (!isSupported(modelType)) {
    throw unsupported(
      file,
      'model_type',
      modelType === undefined ? 'a config without a model type' : JSON.stringify(modelType),
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
  const layers = read.count('num_hidden_layers');
  const headDim = read.count('head_dim', absent.headDim ?? Math.floor(hiddenSize / heads));
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
  const maxPositions = read.count('max_position_embeddings', absent.maxPositions);
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
    maxPositions,
    activation: readActivation(json, gemma, file),
    normEpsilon: read.number('rms_norm_eps', 1e-6),
    normOffset: gemma ? 1 : 0,
    embeddingScale: gemma ? Math.sqrt(hiddenSize) : 1,
    qkvBias: modelType === 'qwen2' || attentionBias,
    outputBias: attentionBias,
    mlpBias: modelType === 'llama' && read.flag('mlp_bias', false),
    qkNorm: modelType === 'qwen3',
    ...readRope(json, maxPositions, file),
    windows: readWindows(json, modelType, layers, read),
    tiedEmbeddings: read.flag('tie_word_embeddings', gemma),
  };
}

function isSupported(value: unknown): value is ModelType {
  return (supportedModelTypes as readonly unknown[]).includes(value);
}

function unsupported(file: string, field: string, found: string, hint: string): WhetstoneError {
  return new WhetstoneError('MODEL_UNSUPPORTED', `${found} is not supported`, { file, field, hint });
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
    JSON.stringify(name),
    'Supported activations are silu and gelu_pytorch_tanh.',
  );
}

function readRope(
  json: Json,
  maxPositions: number,
  file: string,
): Pick<DecoderConfig, 'ropeTheta' | 'ropeScaling'> {
  // transformers 5 writes `rope_parameters` with theta inside; 4 wrote `rope_theta` and `rope_scaling`.
  const field = json.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const rope = fieldReader(json, file).object(field);
  const read = fieldReader(rope, file, `${field}.`);
  const ropeTheta = fieldReader({ rope_theta: rope.rope_theta ?? json.rope_theta }, file).number(
    'rope_theta',
    10000,
  );
  const type = rope.rope_type ?? rope.type ?? 'default';
  const partial = rope.partial_rotary_factor ?? json.partial_rotary_factor ?? 1;
  if (partial !== 1) {
    throw unsupported(
      file,
      'partial_rotary_factor',
      JSON.stringify(partial),
      'Only full rotary embeddings are.',
    );
  }
  switch (type) {
    case 'default':
      return { ropeTheta, ropeScaling: { type: 'none' } };
    case 'linear':
      return { ropeTheta, ropeScaling: { type: 'linear', factor: read.number('factor') } };
    case 'llama3':
      return {
        ropeTheta,
        ropeScaling: {
          type: 'llama3',
          factor: read.number('factor'),
          lowFreqFactor: read.number('low_freq_factor'),
          highFreqFactor: read.number('high_freq_factor'),
          originalMaxPositions: read.number('original_max_position_embeddings', maxPositions),
        },
      };
    default:
      throw unsupported(
        file,
        `${field}.rope_type`,
        JSON.stringify(type),
        'Supported are default, linear and llama3.',
      );
  }
}

function readWindows(json: Json, modelType: ModelType, layers: number, read: FieldReader): (number | null)[] {
  const uses =
    modelType === 'mistral' ||
    ((modelType === 'qwen2' || modelType === 'qwen3') && read.flag('use_sliding_window', false));
  const window = !uses || json.sliding_window === null ? null : read.count('sliding_window', 4096);
  const types = modelType === 'mistral' ? null : read.layerTypes('layer_types', layers);
  const firstWindowed = modelType === 'mistral' ? 0 : read.number('max_window_layers', 28);
  return Array.from({ length: layers }, (_, layer) =>
    (types ? types[layer] === 'sliding_attention' : layer >= firstWindowed) ? window : null,
  );
}

interface FieldReader {
  number(field: string, fallback?: number): number;
  /** A positive integer. */
  count(field: string, fallback?: number): number;
  flag(field: string, fallback: boolean): boolean;
  /** Empty where the field is not set. */
  object(field: string): Json;
  /** How each layer attends, or null where the field is not set. */
  layerTypes(field: string, layers: number): readonly string[] | null;
}

const attentionKinds = ['full_attention', 'sliding_attention'];

function fieldReader(json: Json, file: string, prefix = ''): FieldReader {
  const wrong = (field: string, expected: string, found: unknown): WhetstoneError =>
    new WhetstoneError('MODEL_CONFIG', `must be ${expected}; found ${JSON.stringify(found) ?? 'nothing'}`, {
      file,
      field: prefix + field,
    });
  const number = (field: string, fallback?: number): number => {
    const value = json[field] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(field, 'a number', json[field]);
    return value;
  };
  return {
    number,
    count: (field, fallback) => {
      const value = number(field, fallback);
      if (!Number.isInteger(value) || value < 1) throw wrong(field, 'a positive integer', value);
      return value;
    },
    flag: (field, fallback) => {
      const value = json[field] ?? fallback;
      if (typeof value !== 'boolean') throw wrong(field, 'true or false', value);
      return value;
    },
    object: (field) => {
      const value = json[field] ?? {};
      if (typeof value !== 'object' || Array.isArray(value)) throw wrong(field, 'an object', value);
      return value as Json;
    },
    layerTypes: (field, layers) => {
      const value = json[field] ?? null;
      if (value === null) return null;
      if (!Array.isArray(value) || value.length !== layers) {
        throw wrong(field, `a list of ${layers} kinds of attention, one a layer`, value);
      }
      const strange = (value as unknown[]).find((kind) => !attentionKinds.includes(kind as string));
      if (strange !== undefined) {
        throw unsupported(
          file,
          field,
          JSON.stringify(strange),
          `Supported are ${attentionKinds.join(', ')}.`,
        );
      }
      return value as string[];
    },
  };
}
