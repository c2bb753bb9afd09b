// Binds a decoder's weights: frozen ones stay in the checkpoint's files, trainable ones are fed as inputs.
import { WhetstoneError } from '../errors.ts';
import type { DType, Shape, Tensor } from '../graph/index.ts';
import { cast, dequantize, input, weight } from '../graph/index.ts';
import type { Checkpoint, StoredCodes, StoredWeight } from './checkpoint.ts';
import { locationOf } from './checkpoint.ts';
import type { Activation, LoraConfig } from './lora.ts';
import { adaptedLinear, loraScale } from './lora.ts';
import type { ComputeDType } from './precision.ts';
import { frozenLinear } from './precision.ts';

/** A trainable tensor, fed as a graph input of this name. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What the decoder asks for. */
export interface Weights {
  /** What the values between ops are kept in. */
  readonly dtype: ComputeDType;
  /** Float32. */
  vector(name: string, size: number): Tensor;
  /** [out, in], or [vocab, hidden] for embeddings; float32, or halves where those are kept. */
  matrix(name: string, rows: number, columns: number): Tensor;
  /** x [rows, in] through the named linear layer and its adapter, if it has one: [rows, out] in the dtype of x. */
  project(x: Activation, name: string, inSize: number, outSize: number, hasBias: boolean): Tensor;
}

/** Which tensors are trained. */
export type Trainable =
  | { readonly kind: 'none' }
  | { readonly kind: 'lora'; readonly lora: LoraConfig }
  /** Every weight of the checkpoint. */
  | { readonly kind: 'full' };

export interface BoundWeights extends Weights {
  /** Inputs of the trainable tensors that have been used so far, in the order of their names' first use. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Dropout masks asked for so far: uint8 inputs of 0 and 1, by name, shaped like their projection's input. */
  readonly masks: ReadonlyMap<string, Tensor>;
}

const storedDTypes: Readonly<Record<string, DType>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** Weights for one trace. With `training`, adapters see their input through fresh dropout masks. */
export function bindWeights(
  checkpoint: Checkpoint,
  trainable: Trainable,
  { training }: { training: boolean },
): BoundWeights {
  const { computeDtype: dtype = 'float32' } = checkpoint;
  const bound = new Map<string, Tensor>();
  const inputs = new Map<string, Tensor>();
  const masks = new Map<string, Tensor>();

  const parameter = (name: string, shape: readonly number[]): Tensor => {
    const known = inputs.get(name);
    if (known) return known;
    const made = input(name, 'float32', shape);
    inputs.set(name, made);
    return made;
  };
  const find = (name: string, shape: readonly number[]): Tensor => {
    if (trainable.kind === 'full') {
      requireWeight(checkpoint, name, shape);
      return parameter(name, shape);
    }
    let tensor = bound.get(name);
    if (!tensor) {
      const stored = requireWeight(checkpoint, name, shape);
      tensor = stored.quantized
        ? ofCodes(name, stored, stored.quantized)
        : asComputed(inPlace(name, storedDTypes[stored.dtype]!, shape, stored));
      bound.set(name, tensor);
    }
    return tensor;
  };
  /** Halves stay halves in matrices where those are kept; all else is float32. */
  const asComputed = (stored: Tensor): Tensor =>
    stored.dtype === dtype && stored.shape.length > 1 ? stored : cast(stored, 'float32');
  const inPlace = (name: string, dtype: DType, shape: readonly number[], stored: StoredWeight): Tensor =>
    weight(name, dtype, shape, { ...stored, location: locationOf(checkpoint, stored) });
  const ofCodes = (name: string, stored: StoredWeight, { dtype, block, scales, zeros }: StoredCodes): Tensor =>
    dequantize(
      inPlace(name, dtype, stored.shape, stored),
      inPlace(`${name}.scales`, 'float32', scales.shape, scales),
      block,
      zeros && inPlace(`${name}.zeros`, dtype, scales.shape, zeros),
    );
  const mask = (name: string, shape: Shape): Tensor => {
    const made = input(`${name}.keep`, 'uint8', shape);
    masks.set(`${name}.keep`, made);
    return made;
  };

  return {
    dtype,
    inputs,
    masks,
    vector: (name, size) => find(name, [size]),
    matrix: (name, rows, columns) => find(name, [rows, columns]),
    project: (x, name, inSize, outSize, hasBias) => {
      const matrix = find(`${name}.weight`, [outSize, inSize]);
      const bias = hasBias ? find(`${name}.bias`, [outSize]) : null;
      if (trainable.kind !== 'lora' || !isTarget(trainable.lora, name)) return frozenLinear(x.value, matrix, bias);
      const { rank, dropout } = trainable.lora;
      const drops = training && dropout > 0;
      return adaptedLinear(x, {
        weight: matrix,
        bias,
        pair: {
          a: parameter(`${name}.lora_A.weight`, [rank, inSize]),
          b: parameter(`${name}.lora_B.weight`, [outSize, rank]),
        },
        scale: loraScale(trainable.lora) / (drops ? 1 - dropout : 1),
        keep: drops ? mask(name, x.value.shape) : null,
      });
    },
  };
}

/** Whether `targetModules` names the projection: by its last part, or by its whole path. */
export const isTarget = ({ targetModules }: LoraConfig, name: string): boolean =>
  targetModules.some((target) => name === target || name.endsWith(`.${target}`));

function requireWeight(checkpoint: Checkpoint, name: string, shape: readonly number[]): StoredWeight {
  const stored = checkpoint.weights.get(name);
  if (!stored) throw missingWeight(checkpoint, name);
  if (!(stored.dtype in storedDTypes) && !stored.quantized && !stored.packed) {
    throw new WhetstoneError(
      'MODEL_WEIGHTS',
      `tensor "${name}" has dtype ${stored.dtype}; supported are F32, F16 and BF16`,
      { file: stored.file, hint: unquantized },
    );
  }
  if (stored.shape.join() !== shape.join()) {
    throw new WhetstoneError(
      'MODEL_WEIGHTS',
      `tensor "${name}" is [${stored.shape.join(', ')}]; config.json asks for [${shape.join(', ')}]`,
      { file: stored.file, hint: 'config.json and the weights do not belong together.' },
    );
  }
  return stored;
}

const unquantized =
  'The weights look quantized, and config.json does not say how: it needs its "quantization_config". Or name the model that ' +
  'they were made from, in float32, float16 or bfloat16.';

function missingWeight({ weights, files }: Checkpoint, name: string): WhetstoneError {
  const relative = relativeOf([...weights.keys()], name);
  const message = `tensor "${name}" is in none of the checkpoint's files`;
  if (!relative) {
    return new WhetstoneError('MODEL_WEIGHTS', message, {
      file: files[0],
      hint: 'config.json and the weights do not belong together, or a shard is missing.',
    });
  }
  return new WhetstoneError('MODEL_WEIGHTS', `${message}; "${relative.key}" is there`, {
    file: weights.get(relative.key)!.file,
    hint: relative.hint,
  });
}

/** What torch.compile, FSDP, activation checkpointing, DDP and PEFT put into the names of what they wrap. */
const wrappers = /(?<=^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|module|base_layer)\./g;

/** The stored tensor that was meant to have this name, if one looks so, and what to do about it. */
function relativeOf(keys: readonly string[], name: string): { key: string; hint: string } | null {
  const wrapped = keys.find((key) => key.replace(wrappers, '') === name);
  if (wrapped !== undefined) {
    const parts = [...new Set(wrapped.match(wrappers))].join('" and "');
    const hint = `Save the model without its wrapper, or take "${parts}" out of the tensors' names.`;
    return { key: wrapped, hint };
  }
  const module = name.replace(/weight$/, '');
  const quantized = keys.find((key) => key.startsWith(module) && key !== `${module}bias`);
  if (quantized !== undefined) return { key: quantized, hint: unquantized };
  const bare = (key: string): string => key.replace(wrappers, '').replace(/^(?:base_model\.)?model\./, '');
  const renamed = keys.find((key) => bare(key).endsWith(bare(name)));
  return renamed === undefined
    ? null
    : { key: renamed, hint: `Rename the tensors as transformers names them: this one to "${name}".` };
}
