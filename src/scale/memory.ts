// Memory of one device in a training step in PyTorch, by part: how it is spread over devices (FSDP2), what each
// keeps whole, and what a sequence takes. Bytes everywhere.
import { layerElements, loraElements, modelElements, vocabularyElements } from './shape.ts';
import type { DecoderShape } from './shape.ts';

export interface TrainingShape {
  readonly shape: DecoderShape;
  /** Null trains every weight. */
  readonly lora: { readonly rank: number; readonly targets: readonly string[] } | null;
  readonly baseDtype: 'float32' | 'int8' | 'int4';
  /** The longest sequence: its tokens, and how many of them are response. */
  readonly tokens: number;
  readonly responseTokens: number;
  /** Devices that share the weights. */
  readonly ranks: number;
}

export interface MemoryParts {
  /** This rank's share of the base weights; of all weights with moments and gradients where they are trained. */
  readonly weights: number;
  /** Layers that are whole for the moment: one that computes and one that is on its way. */
  readonly gathered: number;
  /** The adapter with its gradient and two moments in float32, whole on each rank. */
  readonly adapter: number;
  /** What each layer keeps of a sequence for the backward pass, and the inside of the one that computes. */
  readonly activations: number;
  /** Logits of the response, their log-softmax and its gradient. */
  readonly logits: number;
  /** CUDA's context, kernels, communication buffers, and what the allocator cannot use. */
  readonly reserve: number;
}

export const bf16 = 2;
const float32 = 4;

/** Bytes an element of a frozen matrix of a layer: bfloat16, or codes with a scale a block. */
export const storedBytes: Readonly<Record<TrainingShape['baseDtype'], number>> = {
  float32: bf16,
  int8: 1.03,
  int4: 0.53,
};

/** Beyond the tensors: CUDA context and kernels, NCCL's buffers; and the share that the allocator loses. */
const context = 1.5e9;
const fragmentation = 0.05;

/** Layers recompute their inside in the backward pass (activation checkpointing); one sequence at a time on each rank. */
export function memoryOfRank({
  shape,
  lora,
  baseDtype,
  tokens,
  responseTokens,
  ranks,
}: TrainingShape): MemoryParts {
  const layers = shape.layers * layerElements(shape);
  const vocabulary = vocabularyElements(shape);
  // Embeddings and LM head are never stored in few bits. Trained weights are float32, with a gradient and two moments.
  const whole = lora
    ? layers * storedBytes[baseDtype] + vocabulary * bf16
    : modelElements(shape) * 4 * float32;
  const gathered =
    ranks === 1 ? 0 : 2 * layerElements(shape) * (lora ? storedBytes[baseDtype] : bf16) + vocabulary * bf16;
  const dequantized = lora && baseDtype !== 'float32' ? (layerElements(shape) * bf16) / 2 : 0;
  const tensors = {
    weights: whole / ranks,
    gathered: gathered + dequantized,
    adapter: lora ? loraElements(shape, lora) * 4 * float32 : 0,
    activations: tokens * (shape.layers * shape.hiddenSize * bf16 + insideOfLayer(shape)),
    logits: responseTokens * shape.vocabSize * (bf16 + 2 * float32),
  };
  const sum = Object.values(tensors).reduce((total, part) => total + part, 0);
  return { ...tensors, reserve: context + fragmentation * sum };
}

/** Bytes a token of what one layer holds while its backward pass runs: values in bfloat16, norms in float32, and gradients of the widest. */
function insideOfLayer({ hiddenSize, intermediateSize, heads, kvHeads, headDim }: DecoderShape): number {
  const values = 4 * hiddenSize + 2 * (heads + kvHeads) * headDim + 4 * intermediateSize;
  return bf16 * (values + 2 * intermediateSize + 2 * hiddenSize) + float32 * 2 * hiddenSize;
}

export const totalOf = ({ weights, gathered, adapter, activations, logits, reserve }: MemoryParts): number =>
  weights + gathered + adapter + activations + logits + reserve;
