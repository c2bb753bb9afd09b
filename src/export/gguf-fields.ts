// What a GGUF file says of a model beside its weights and words: sizes, rope, windows, factors. Refuses what llama.cpp
// would compute otherwise.
import { WhetstoneError } from '../errors.ts';
import { inverseFrequencies } from '../models/index.ts';
import type { DecoderConfig, Rope } from '../models/index.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import type { Architecture } from './architectures.ts';
import type { GgufDType, GgufFields, GgufValue } from './gguf-file.ts';

export const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
export const float32 = (value: number): GgufValue => ({ type: 'float32', value });
export const text = (value: string): GgufValue => ({ type: 'string', value });
const bools = { true: { type: 'bool', value: true }, false: { type: 'bool', value: false } } as const;
export const bool = (value: boolean): GgufValue => bools[value ? 'true' : 'false'];

type Fields = [key: string, value: GgufValue][];

const fileTypes: Readonly<Record<GgufDType, number>> = { F32: 0, F16: 1, Q8_0: 7 };

/** `name` is the model's, for lists of models. Throws `EXPORT_UNSUPPORTED`. */
export function modelFields(
  name: string,
  config: DecoderConfig,
  architecture: Architecture,
  dtype: GgufDType,
): GgufFields {
  requireParts(config, architecture);
  const own = (key: string): string => `${architecture.name}.${key}`;
  const rope = ropeOf(config, architecture);
  return [
    ['general.architecture', text(architecture.name)],
    ['general.type', text('model')],
    ['general.name', text(name)],
    ['general.file_type', uint32(fileTypes[dtype])],
    ['general.quantization_version', uint32(2)],
    [own('vocab_size'), uint32(config.vocabSize)],
    [own('context_length'), uint32(config.maxPositions)],
    [own('embedding_length'), uint32(config.hiddenSize)],
    [own('block_count'), uint32(config.layers)],
    [own('feed_forward_length'), uint32(config.intermediateSize)],
    [own('attention.head_count'), uint32(config.heads)],
    [own('attention.head_count_kv'), uint32(config.kvHeads)],
    [own('attention.key_length'), uint32(config.headDim)],
    [own('attention.value_length'), uint32(config.headDim)],
    [own('attention.layer_norm_rms_epsilon'), float32(config.normEpsilon)],
    [own('rope.dimension_count'), uint32(rope.dims)],
    [own('rope.freq_base'), float32(rope.theta)],
    ...scalingFields(rope, own),
    ...windowFields(config, architecture, own),
    ...factorFields(config, architecture, own),
  ];
}

function requireParts(config: DecoderConfig, { biases, ownHead }: Architecture): void {
  if (config.outputBias && !biases.output) throw unsupported(config, 'has biases where attention ends');
  if (config.mlpBias && !biases.mlp) throw unsupported(config, 'has biases in its MLP');
  if (!config.tiedEmbeddings && !ownHead) throw unsupported(config, 'has an LM head of its own');
}

/** The rope of those layers that look at everything, or of all; llama.cpp has one, and for windows one more. */
function ropeOf(config: DecoderConfig, { turns, turnsNeighbours, windowed }: Architecture): Rope {
  const { ropes, windows } = config;
  ropes.forEach((rope, layer) => {
    if ((rope !== null) !== turns(layer))
      throw unsupported(config, `${rope ? 'turns' : 'does not turn'} queries and keys in layer ${layer + 1}`);
  });
  const whole = ropes.find((rope, layer) => rope !== null && (windowed === null || windows[layer] === null));
  const rope = whole ?? ropes.find((each) => each !== null);
  if (!rope) throw unsupported(config, 'has no rotary embeddings');
  if (turnsNeighbours && rope.dims !== config.headDim)
    throw unsupported(config, 'turns a part of each head only');
  return rope;
}

type Own = (key: string) => string;

function scalingFields({ scaling }: Rope, own: Own): Fields {
  switch (scaling.type) {
    case 'none':
    case 'llama3': // its factors are a tensor
      return [];
    case 'linear':
      return [
        [own('rope.scaling.type'), text('linear')],
        [own('rope.scaling.factor'), float32(scaling.factor)],
      ];
    case 'yarn': {
      const { factor, betaFast, betaSlow, originalMaxPositions, attentionFactor } = scaling;
      return [
        [own('rope.scaling.type'), text('yarn')],
        [own('rope.scaling.factor'), float32(factor)],
        [own('rope.scaling.original_context_length'), uint32(originalMaxPositions)],
        // llama.cpp multiplies it by the factor that is usual.
        [own('rope.scaling.attn_factor'), float32(attentionFactor / (0.1 * Math.log(factor) + 1))],
        [own('rope.scaling.yarn_beta_fast'), float32(betaFast)],
        [own('rope.scaling.yarn_beta_slow'), float32(betaSlow)],
      ];
    }
    case 'longrope':
      return [
        [own('rope.scaling.type'), text('longrope')],
        [own('rope.scaling.attn_factor'), float32(scaling.attentionFactor)],
      ];
  }
}

function windowFields(config: DecoderConfig, { name, windowed }: Architecture, own: Own): Fields {
  const { windows, ropes } = config;
  if (windowed === null) {
    // The one architecture that asks for these although it computes with no window.
    return name === 'phi3'
      ? [
          [own('attention.sliding_window'), uint32(0)],
          [own('rope.scaling.original_context_length'), uint32(config.maxPositions)],
        ]
      : [];
  }
  windows.forEach((window, layer) => {
    if ((window !== null) !== windowed(layer))
      throw unsupported(
        config,
        `looks ${window === null ? 'everywhere' : 'at a window'} in layer ${layer + 1}`,
      );
  });
  const sizes = new Set(windows.filter((window) => window !== null));
  if (sizes.size > 1) throw unsupported(config, 'has windows of several sizes');
  const [size] = sizes;
  if (size === undefined) return [];
  const inWindows = ropes[windows.indexOf(size)];
  return [
    [own('attention.sliding_window'), uint32(size)],
    ...(inWindows ? ([[own('rope.freq_base_swa'), float32(inWindows.theta)]] as Fields) : []),
  ];
}

/** What is not as the model was trained, for prompts that are long enough. */
export function windowNotes({ windows }: DecoderConfig, { windowed, name }: Architecture): Note[] {
  const sizes = windows.filter((window) => window !== null);
  if (windowed !== null || sizes.length === 0) return [];
  const least = Math.min(...sizes);
  return [
    note(
      'NO_WINDOW',
      `llama.cpp has no sliding windows for "${name}": beyond ${least} positions this model's answers differ there.`,
    ),
  ];
}

function factorFields(config: DecoderConfig, architecture: Architecture, own: Own): Fields {
  const { embeddingScale, residualScale, logitScale, attentionCap, logitCap, attentionScale } = config;
  const fields: Fields = [];
  if (architecture.attentionScale(config) === 'field')
    fields.push([own('attention.scale'), float32(attentionScale)]);
  if (architecture.scales)
    fields.push(
      [own('embedding_scale'), float32(embeddingScale)],
      [own('residual_scale'), float32(residualScale)],
      // It divides by it, as config.json does.
      [own('logit_scale'), float32(1 / logitScale)],
    );
  if (attentionCap !== null) fields.push([own('attn_logit_softcapping'), float32(attentionCap)]);
  if (logitCap !== null) fields.push([own('final_logit_softcapping'), float32(logitCap)]);
  return fields;
}

/** Divisors of the rotary frequencies, by the name of the tensor that has them; none where a field says it all. */
export function frequencyTensors(
  config: DecoderConfig,
  architecture: Architecture,
): ReadonlyMap<string, Float32Array> {
  const rope = ropeOf(config, architecture);
  const { scaling } = rope;
  if (scaling.type === 'longrope') {
    const factors = Float32Array.from(scaling.shortFactors);
    return new Map([
      ['rope_factors_long.weight', factors],
      ['rope_factors_short.weight', factors],
    ]);
  }
  if (scaling.type !== 'llama3') return new Map();
  const plain = inverseFrequencies({ ...rope, scaling: { type: 'none' } });
  const factors = inverseFrequencies(rope).map((frequency, pair) => plain[pair]! / frequency);
  return new Map([['rope_freqs.weight', Float32Array.from(factors)]]);
}

export const unsupported = ({ modelType }: DecoderConfig, what: string): WhetstoneError =>
  new WhetstoneError('EXPORT_UNSUPPORTED', `llama.cpp cannot compute this ${modelType}: it ${what}`, {
    hint: 'Merge the adapter with "whetstone merge" and serve the folder with vLLM or transformers.',
  });
