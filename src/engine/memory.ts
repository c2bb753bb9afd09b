// How much memory a training run will need, from the configuration alone.
import type { Checkpoint, DecoderConfig } from '../models/index.ts';

/** Longest sequence of a run and how much of it is response. */
export interface LongestSequence {
  readonly tokens: number;
  readonly responseTokens: number;
}

/** Node, ONNX Runtime's code and the compiled graph. */
const runtimeBytes = 180 << 20;

/**
 * Peak bytes of the training step: weights, trainable state, and the values kept from forward to backward.
 */
export function estimatePeakMemory(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainableParameters: number,
  { tokens, responseTokens }: LongestSequence,
): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, layers, vocabSize } = config;
  const stored = [...checkpoint.weights.values()];
  // Float32 weights are mapped from their files; halves are widened to a private copy.
  const weights = stored.reduce((sum, { length, dtype }) => sum + (dtype === 'F32' ? length : 3 * length), 0);
  // Parameters, two moments, the gradient and its accumulator.
  const trainable = trainableParameters * 4 * 5;
  const perToken = 6 * hiddenSize + 2 * (heads + 2 * kvHeads) * headDim + 7 * intermediateSize;
  const perLayer = tokens * perToken + heads * tokens * tokens;
  const transient = 3 * heads * tokens * tokens + 6 * tokens * intermediateSize;
  const head = 2 * responseTokens * vocabSize;
  return runtimeBytes + weights + trainable + 4 * (layers * perLayer + Math.max(transient, head));
}
