// The sizes of a decoder, from its config.json alone: of any family that PyTorch opens, whether this engine knows it or not.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { readJsonObject } from '../models/json-file.ts';
import type { DecoderConfig } from '../models/index.ts';
import type { Json } from '../models/json-file.ts';

/** Those of the description that the arithmetic needs, in elements. */
export interface DecoderShape extends Pick<
  DecoderConfig,
  | 'modelType'
  | 'vocabSize'
  | 'hiddenSize'
  | 'intermediateSize'
  | 'layers'
  | 'heads'
  | 'kvHeads'
  | 'headDim'
  | 'tiedEmbeddings'
> {
  /** Whether the MLP has a gate beside its way up, so three matrices in place of two. */
  readonly gated: boolean;
}

/** What families call the same size; the first that is there counts. */
const spellings = {
  hiddenSize: ['hidden_size', 'n_embd', 'd_model'],
  intermediateSize: ['intermediate_size', 'n_inner', 'ffn_dim', 'ffn_hidden_size'],
  layers: ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers'],
  heads: ['num_attention_heads', 'n_head', 'n_heads'],
  kvHeads: ['num_key_value_heads', 'num_kv_heads'],
  headDim: ['head_dim'],
  vocabSize: ['vocab_size'],
} as const;

/** Families whose MLP has no gate; all others that are trained today have one. */
const ungated: ReadonlySet<unknown> = new Set([
  'gpt2',
  'gpt_neox',
  'gptj',
  'opt',
  'phi',
  'bloom',
  'falcon',
  'starcoder2',
  'mpt',
  'nemotron',
]);

/** Reads `config.json` of a model folder. Throws WhetstoneError `MODEL_CONFIG`. */
export async function readShape(modelDir: string): Promise<DecoderShape> {
  const file = join(modelDir, 'config.json');
  return shapeOf(
    await readJsonObject(file, 'MODEL_CONFIG', 'A model is a Hugging Face folder with config.json.'),
    file,
  );
}

/** The same from the parsed JSON; the text part of a model that also sees. Throws WhetstoneError `MODEL_CONFIG`. */
export function shapeOf(json: Json, file = 'config.json'): DecoderShape {
  const config = { ...json, ...(isObject(json.text_config) ? json.text_config : {}) };
  const found = (size: keyof typeof spellings): number | undefined => {
    const name = spellings[size].find((spelling) => config[spelling] != null);
    if (name === undefined) return undefined;
    const value = config[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw new WhetstoneError(
      'MODEL_CONFIG',
      `expected a positive whole number, found ${JSON.stringify(value)}`,
      { file, field: name },
    );
  };
  const needed = (size: keyof typeof spellings): number => {
    const value = found(size);
    if (value !== undefined) return value;
    throw new WhetstoneError('MODEL_CONFIG', `expected ${spellings[size].join(' or ')}, found none`, {
      file,
      hint: 'Without it the memory of this model cannot be worked out.',
    });
  };
  const [hiddenSize, heads] = [needed('hiddenSize'), needed('heads')];
  const experts = ['num_local_experts', 'num_experts', 'n_routed_experts'].find(
    (name) => Number(config[name]) > 1,
  );
  if (experts !== undefined) {
    throw new WhetstoneError(
      'MODEL_CONFIG',
      `a mixture of ${JSON.stringify(config[experts])} experts, which the arithmetic does not know`,
      { file, field: experts },
    );
  }
  return {
    modelType: String(config.model_type),
    vocabSize: needed('vocabSize'),
    hiddenSize,
    intermediateSize: found('intermediateSize') ?? 4 * hiddenSize,
    layers: needed('layers'),
    heads,
    kvHeads: found('kvHeads') ?? heads,
    headDim: found('headDim') ?? Math.ceil(hiddenSize / heads),
    gated: !ungated.has(config.model_type),
    tiedEmbeddings: config.tie_word_embeddings === true,
  };
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Elements of the matrices of one layer, biases and norms left out: they are a thousandth. */
export function layerElements({
  hiddenSize,
  intermediateSize,
  heads,
  kvHeads,
  headDim,
  gated,
}: DecoderShape): number {
  const attention = hiddenSize * headDim * (2 * heads + 2 * kvHeads);
  return attention + hiddenSize * intermediateSize * (gated ? 3 : 2);
}

/** Elements of token embeddings and LM head. */
export const vocabularyElements = ({ vocabSize, hiddenSize, tiedEmbeddings }: DecoderShape): number =>
  vocabSize * hiddenSize * (tiedEmbeddings ? 1 : 2);

/** All of them. */
export const modelElements = (shape: DecoderShape): number =>
  shape.layers * layerElements(shape) + vocabularyElements(shape);

/** Elements of a LoRA adapter of this rank on these projections: rank x (inputs + outputs) for each. */
export function loraElements(
  shape: DecoderShape,
  { rank, targets }: { readonly rank: number; readonly targets: readonly string[] },
): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, layers } = shape;
  const queries = hiddenSize + heads * headDim;
  const keys = hiddenSize + kvHeads * headDim;
  const mlp = hiddenSize + intermediateSize;
  const widths: Readonly<Record<string, number>> = {
    ...{ q_proj: queries, k_proj: keys, v_proj: keys, o_proj: queries },
    ...{ gate_proj: mlp, up_proj: mlp, down_proj: mlp },
  };
  return layers * rank * targets.reduce((sum, name) => sum + (widths[name] ?? mlp), 0);
}
