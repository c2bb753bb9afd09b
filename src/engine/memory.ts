// How much memory a training run will need, from the configuration alone.
import { totalmem } from 'node:os';
import type { Checkpoint } from '../models/index.ts';
import { elementsOf } from '../models/index.ts';
import { queryBlocks, rowLimit } from './arrangement.ts';
import type { LongestSequence } from './engine.ts';
import type { EngineModel } from './model.ts';

/** Node, ONNX Runtime's code and the compiled graph. */
const runtimeBytes = 300 << 20;

/** What the allocator holds beyond the live values; chosen so that estimates meet the peaks in dev/LOG.md. */
const arenaSlack = 1.25;

/** Share of the machine's memory that repacked weights may take. */
const prepackShare = 1 / 8;

/**
 * Whether the training step repacks weights for its kernels: a copy for the forward and one for the backward
 * products, which saves about an eighth of a step's time (dev/LOG.md).
 */
export function worthPrepacking(checkpoint: Checkpoint): boolean {
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  // What is dequantized or widened for each use is no weight that could be repacked.
  return !isConvertedOnUse(checkpoint) && 2 * floatBytes(checkpoint) <= memory * prepackShare;
}

const isConvertedOnUse = ({ weights, computeDtype = 'float32' }: Checkpoint): boolean =>
  computeDtype !== 'float32' || [...weights.values()].some(({ quantized }) => quantized !== undefined);

const floatBytes = ({ weights }: Checkpoint): number =>
  [...weights.values()].reduce((sum, { shape }) => sum + 4 * elementsOf(shape), 0);

type MemoryPlan = Omit<EngineModel, 'adapter' | 'values' | 'parameters' | 'threads'>;

/**
 * Peak bytes of the training step: weights, trainable state, and the values kept from forward to backward.
 */
export function estimatePeakMemory(plan: MemoryPlan, { tokens, responseTokens }: LongestSequence): number {
  const { config, trainable, layout, wholeBatches } = plan;
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, layers, vocabSize, qkNorm } = config;
  const lora = trainable.kind === 'lora' ? trainable.lora : null;
  const rows = wholeBatches ? Math.max(rowLimit, tokens) : tokens;
  /** Pieces that attention is cut into. */
  const blocks = wholeBatches ? 1 : queryBlocks;
  // Two residuals; query, key, value and mixture of attention; gate and up of the MLP; what norms put out, and of those
  // whose input nothing else keeps the input too.
  const normed =
    hiddenSize * widthsOfNorms(config) + (qkNorm === 'none' ? 0 : 2 * (heads + kvHeads) * headDim);
  const kept =
    2 * hiddenSize + normed + 2 * (heads + kvHeads) * headDim + 2 * intermediateSize + 3 * (lora?.rank ?? 0);
  // With every weight trained, the inputs of all products are kept as well.
  const keptForWeights = trainable.kind === 'full' ? heads * headDim + intermediateSize : 0;
  const scores = config.attentionCap === null ? 4 : 5;
  const oneLayer = 6 * rows * intermediateSize + scores * heads * Math.ceil(tokens / blocks) * rows;
  const logits = config.logitCap === null ? 2 : 4;
  const head = logits * Math.max(responseTokens, Math.ceil((rows * responseTokens) / tokens)) * vocabSize;
  const activations = 4 * (layers * rows * (kept + keptForWeights) + oneLayer + head);
  const masks = lora && lora.dropout > 0 ? layers * rows * (2 * hiddenSize + intermediateSize) : 0;
  // Parameters, two moments, the gradient and its accumulator.
  const state = layout.total * 4 * 5;
  return runtimeBytes + weightBytes(plan) + state + masks + arenaSlack * activations;
}

/** Of one layer, as multiples of the hidden size. */
function widthsOfNorms({ layerNorms }: MemoryPlan['config']): number {
  const { beforeAttention, afterAttention, beforeMlp, afterMlp } = layerNorms;
  const count = (names: readonly (string | null)[]): number => names.filter((name) => name !== null).length;
  return count([beforeAttention, beforeMlp]) + 2 * count([afterAttention, afterMlp]);
}

/**
 * Float32 weights are mapped from their files. Halves are widened while the graph is loaded, which holds two float32 copies
 * at once. Repacking copies twice, padded, beside the widened ones. Measured: dev/LOG.md.
 */
function weightBytes({ checkpoint, trainable, prepack, products }: MemoryPlan): number {
  if (trainable.kind === 'full') return 0;
  const stored = [...checkpoint.weights.values()];
  if (prepack) {
    return stored.reduce((sum, { dtype, length }) => sum + (dtype === 'F32' ? 2.2 * length : 7 * length), 0);
  }
  const resting = stored.reduce((sum, { length, dtype, quantized }) => {
    if (quantized) return sum + length + quantized.scales.length + (quantized.zeros?.length ?? 0);
    return sum + (dtype === 'F32' ? length : 4.4 * length);
  }, 0);
  if (products) {
    // Codes for both directions, in the kernel's order; what was stored is looked up, in its embeddings alone.
    return (
      resting + stored.reduce((sum, { shape, quantized }) => sum + (quantized ? 2 * elementsOf(shape) : 0), 0)
    );
  }
  // The largest matrix in float32 while it is used; the LM head's derivative uses it beside its logits.
  const inUse = stored.map(({ shape, quantized }) => (quantized ? 4 * elementsOf(shape) : 0));
  return resting + Math.max(0, ...inUse);
}
