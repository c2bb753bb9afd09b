// Time of training from FLOPs: what the products of a sequence cost, and what gathering the weights takes of the link.
import type { Devices } from './devices.ts';
import { bf16, storedBytes } from './memory.ts';
import type { TrainingShape } from './memory.ts';
import { layerElements, vocabularyElements } from './shape.ts';

/** Of the rows that are trained on, one epoch: every sequence that a method runs counts. */
export interface DataSize {
  readonly sequences: number;
  readonly tokens: number;
  readonly responseTokens: number;
  readonly epochs: number;
}

export interface SpeedEstimate {
  /** Tokens of sequences a second, all devices together. */
  readonly tokensPerSecond: number;
  /** Hours for all epochs. */
  readonly hours: number;
  /** What holds it back: products, or the weights that each rank gathers for each sequence. */
  readonly boundBy: 'products' | 'link';
}

/** Share of the data sheet's FLOP/s that is assumed where none is given. */
export const usualUtilization = 0.35;

/**
 * FLOPs of a training step on a sequence of n tokens, r of them predicted, with P elements a layer: 2P a token forward, 2P
 * again where the backward pass recomputes, 2P for the gradient of the inputs, and 2P for that of the weights where they are
 * trained (then a layer's last product is not recomputed: nothing needs its output); of the LM head, without recomputation,
 * at the r predicted tokens alone. Attention's two products see n / 2 positions on average.
 */
export function flopsOfSequence(
  { shape, lora }: Pick<TrainingShape, 'shape' | 'lora'>,
  { tokens, responseTokens }: { readonly tokens: number; readonly responseTokens: number },
): number {
  const passes = lora ? 3 : 4;
  const spared = lora ? 0 : shape.hiddenSize * shape.intermediateSize;
  const products = 2 * shape.layers * (layerElements(shape) * passes - spared) * tokens;
  const attention = 2 * tokens * tokens * shape.heads * shape.headDim * shape.layers * 4;
  const head = 2 * shape.vocabSize * shape.hiddenSize * responseTokens * (passes - 1);
  return products + attention + head;
}

/** Every rank takes one sequence at a time; where weights are spread, it gathers them for the forward and the backward pass. */
export function estimateSpeed(
  training: TrainingShape,
  data: DataSize,
  devices: Devices,
  utilization: number,
): SpeedEstimate {
  const { shape, lora, baseDtype } = training;
  const mean = { tokens: data.tokens / data.sequences, responseTokens: data.responseTokens / data.sequences };
  const products = flopsOfSequence(training, mean) / (devices.flops * utilization);
  const bytes = lora ? storedBytes[baseDtype] : bf16;
  const away = (devices.count - 1) / devices.count;
  const weights = shape.layers * layerElements(shape) * bytes + vocabularyElements(shape) * bf16;
  // Forward and backward; where they are trained their gradients go back as well.
  const link = (weights * away * (lora ? 2 : 3)) / devices.link;
  const seconds = Math.max(products, link);
  return {
    tokensPerSecond: (devices.count * mean.tokens) / seconds,
    hours: (data.epochs * data.sequences * seconds) / devices.count / 3600,
    boundBy: products >= link ? 'products' : 'link',
  };
}
