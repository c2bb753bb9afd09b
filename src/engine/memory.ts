// How much memory a piece of work will need at its peak, part by part, from the configuration alone. Knows shapes and how
// weights are kept; how much there is, and what to do where it is too little, is for others.
import { totalmem } from 'node:os';
import type {
  BaseDType,
  Checkpoint,
  DecoderConfig,
  FewBits,
  LoraConfig,
  StoredWeight,
  Trainable,
} from '../models/index.ts';
import {
  blocksOf,
  codeBytes,
  elementsOf,
  embeddingName,
  headBlockRows,
  headName,
  isTarget,
} from '../models/index.ts';
import { readsCodes } from './arithmetic.ts';
import { queryBlocks, rowLimit } from './arrangement.ts';
import { finalRoom, pieceLength, promptRows } from './decoding-sizes.ts';
import type { MemoryParts, Work } from './engine.ts';
import type { EngineModel } from './model.ts';
import { evenRows } from './row-counts.ts';

/** All parts together. */
export const bytesOf = (parts: MemoryParts): number =>
  (Object.values(parts) as number[]).reduce((sum, part) => sum + part, 0);

/** A weight as a graph holds it. */
interface PlannedWeight {
  readonly name: string;
  readonly elements: number;
  readonly shape: readonly number[];
  readonly kept: 'float32' | 'half' | 'codes';
  /** Bytes in its file, scales and zeros among them. */
  readonly bytes: number;
  /** Whether rows of it are looked up and nothing is multiplied by it. */
  readonly lookedUp: boolean;
}

/** All that an estimate follows from. */
export interface MemoryPlan {
  readonly config: DecoderConfig;
  readonly weights: readonly PlannedWeight[];
  readonly trainable: Trainable;
  /** Numbers that are trained, or that an adapter has. */
  readonly trainableValues: number;
  readonly baseDtype: BaseDType;
  /** Whether halves stay halves, and are widened for each use. */
  readonly halves: boolean;
  /** Whether rows are multiplied with codes of their own, in whole numbers. */
  readonly products: boolean;
  /** Whether generation multiplies codes as they are stored. */
  readonly readsCodes: boolean;
  readonly prepack: boolean;
  readonly wholeBatches: boolean;
  readonly slots: number;
}

export function memoryPlan(
  model: Pick<
    EngineModel,
    | 'config'
    | 'device'
    | 'arithmetic'
    | 'checkpoint'
    | 'trainable'
    | 'layout'
    | 'products'
    | 'prepack'
    | 'wholeBatches'
  >,
  slots: number,
): MemoryPlan {
  const { config, checkpoint, trainable, layout, products, prepack, wholeBatches } = model;
  const hasHead = checkpoint.weights.has(headName);
  const stored = [...checkpoint.weights];
  const dtypes = new Set(stored.map(([, { quantized }]) => quantized?.dtype));
  return {
    config,
    weights: stored.map(([name, weight]) => planned(name, weight, hasHead)),
    trainable,
    trainableValues: layout.total,
    baseDtype: dtypes.has('int4') ? 'int4' : dtypes.has('int8') ? 'int8' : 'float32',
    halves: checkpoint.computeDtype === 'float16',
    products: products !== null,
    readsCodes: readsCodes(model),
    prepack,
    wholeBatches,
    slots,
  };
}

function planned(
  name: string,
  { shape, length, dtype, quantized }: StoredWeight,
  hasHead: boolean,
): PlannedWeight {
  const lookedUp = name === embeddingName && hasHead;
  const codes = quantized && length + quantized.scales.length + (quantized.zeros?.length ?? 0);
  const kept = quantized ? 'codes' : dtype === 'F32' ? 'float32' : 'half';
  return { name, elements: elementsOf(shape), shape, kept, bytes: codes ?? length, lookedUp };
}

/** The same model with its matrices in few bits, and the arithmetic of float32. */
export function inDtype(plan: MemoryPlan, baseDtype: FewBits): MemoryPlan {
  const weights = plan.weights.map((weight): PlannedWeight => {
    const { shape, elements } = weight;
    if (shape.length !== 2) return { ...weight, kept: 'float32', bytes: 4 * elements };
    const scales = 4 * shape[0]! * blocksOf(shape[1]!);
    return { ...weight, kept: 'codes', bytes: codeBytes(elements, baseDtype) + scales };
  });
  return {
    ...plan,
    weights,
    baseDtype,
    halves: false,
    products: false,
    readsCodes: baseDtype === 'int4',
    prepack: false,
  };
}

/** Share of the machine's memory that repacked weights may take. */
const prepackShare = 1 / 8;

/**
 * Whether the training step repacks weights for its kernels: a copy for the forward and one for the backward
 * products, which saves about an eighth of a step's time (dev/LOG.md).
 */
export function worthPrepacking(checkpoint: Checkpoint): boolean {
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const floats = sumOf([...checkpoint.weights.values()], ({ shape }) => 4 * elementsOf(shape));
  // What is dequantized or widened for each use is no weight that could be repacked.
  return !isConvertedOnUse(checkpoint) && 2 * floats <= memory * prepackShare;
}

const isConvertedOnUse = ({ weights, computeDtype = 'float32' }: Checkpoint): boolean =>
  computeDtype !== 'float32' || [...weights.values()].some(({ quantized }) => quantized !== undefined);

const sumOf = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0);

/** The same model with an adapter to train on it. */
function withLora(plan: MemoryPlan, lora: LoraConfig): MemoryPlan {
  const adapted = plan.weights.filter(
    ({ name, shape }) => shape.length === 2 && isTarget(lora, name.replace(/\.weight$/, '')),
  );
  const trainableValues = sumOf(adapted, ({ shape: [out, inner] }) => lora.rank * (out! + inner!));
  return { ...plan, trainable: { kind: 'lora', lora }, trainableValues };
}

/** Peak bytes of the work. The measured peaks that the constants below were fitted to are in dev/LOG.md. */
export function estimateMemory(model: MemoryPlan, work: Work): MemoryParts {
  const plan = 'lora' in work && work.lora ? withLora(model, work.lora) : model;
  const rest = work.kind === 'generate' ? ofGeneration(plan, work) : ofRows(plan, work);
  return { weights: weightBytes(plan, work.kind), state: stateBytes(plan, work.kind), ...rest };
}

const mebibyte = 1 << 20;
/** Node with ONNX Runtime, and what a graph takes a layer: that of a step has far more nodes than the others. */
const runtime = {
  process: 110 * mebibyte,
  layer: { train: 4 * mebibyte, score: mebibyte, generate: mebibyte },
};

const runtimeBytes = ({ config }: MemoryPlan, kind: Work['kind']): number =>
  runtime.process + config.layers * runtime.layer[kind];

/** What the system's allocator holds beyond the values that are alive, and what ONNX Runtime's does (narrow models). */
const slack = { ofSystem: 1.08, ofRuntime: 1.27 } as const;

/** Training and scoring: all rows of a sequence, or of a batch, at once. */
function ofRows(
  plan: MemoryPlan,
  work: Work & { kind: 'train' | 'score' },
): Omit<MemoryParts, 'weights' | 'state'> {
  const { config, trainable, wholeBatches } = plan;
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, layers, qkNorm } = config;
  const { kind, tokens } = work;
  const training = kind === 'train';
  const lora = trainable.kind === 'lora' ? trainable.lora : null;
  const rows = wholeBatches ? Math.max(rowLimit, tokens) : tokens;
  // Two residuals; query, key, value and mixture of attention; gate and up of the MLP; what norms put out, and of those
  // whose input nothing else keeps the input too.
  const normed =
    hiddenSize * widthsOfNorms(config) + (qkNorm === 'none' ? 0 : 2 * (heads + kvHeads) * headDim);
  const kept =
    2 * hiddenSize + normed + 2 * (heads + kvHeads) * headDim + 2 * intermediateSize + 3 * (lora?.rank ?? 0);
  // With every weight trained, the inputs of all products are kept as well.
  const keptForWeights = trainable.kind === 'full' ? heads * headDim + intermediateSize : 0;
  const masks =
    training && lora && lora.dropout > 0 ? layers * rows * (2 * hiddenSize + intermediateSize) : 0;
  const ofLayers = training ? layers * rows * (kept + keptForWeights) * (plan.halves ? 0.5 : 1) : 0;
  const oneLayer = ofOneLayer(plan, rows, work);
  const head = ofHead(plan, rows, work);
  // Logits are gone before a layer's derivative is computed, and computed when all layers are done.
  const isHeadLarger = head > oneLayer;
  const share = 4 * (wholeBatches ? slack.ofRuntime : slack.ofSystem);
  return {
    activations: masks + share * (ofLayers + (isHeadLarger ? 0 : oneLayer)),
    head: isHeadLarger ? share * head : 0,
    cache: 0,
    runtime: runtimeBytes(plan, kind),
  };
}

/** Numbers of the layer under way, beside those that are kept of it. */
function ofOneLayer({ config, wholeBatches }: MemoryPlan, rows: number, { kind, tokens }: Work): number {
  const { hiddenSize, intermediateSize, heads, attentionCap } = config;
  // Pieces of queries see half of the others' keys and all of their own.
  const blocks = wholeBatches ? 1 : queryBlocks;
  const largest = heads * rows * Math.ceil(tokens / blocks);
  const all = (largest * (blocks + 1)) / 2;
  const bias = attentionBias * rows * tokens;
  // Weights of attention and their derivative are there of all pieces at once, scores of one.
  const scores = (attentionCap === null ? 2 : 3) * all + largest;
  return kind === 'train'
    ? Math.max(scores + bias + 2 * intermediateSize * rows, 6 * intermediateSize * rows) +
        4 * hiddenSize * rows
    : Math.max(2 * largest + bias, 3 * intermediateSize * rows) + 8 * hiddenSize * rows;
}

/** The bias of all pieces, and what it is made of. */
const attentionBias = 0.8;

/** Logits and their softmax, and with a cap what it is computed from and its slope. */
function ofHead(
  { config: { vocabSize, logitCap } }: MemoryPlan,
  rows: number,
  { tokens, responseTokens }: Work & { kind: 'train' | 'score' },
): number {
  const outputs = Math.max(responseTokens, Math.ceil((rows * responseTokens) / tokens));
  return (logitCap === null ? 2 : 4) * outputs * vocabSize;
}

/** Whether the LM head is taken in blocks of the vocabulary: where those have a place in a file. */
function inBlocks(plan: MemoryPlan, kind: Work['kind']): boolean {
  const { trainable, products, halves, weights } = plan;
  const head = weights.find(isHead(weights))!;
  const isFrozen = trainable.kind !== 'full' || kind !== 'train';
  return kind !== 'generate' && !products && isFrozen && (head.kept !== 'half' || halves);
}

const isHead = (weights: readonly PlannedWeight[]): ((weight: PlannedWeight) => boolean) => {
  const own = weights.some(({ name }) => name === headName) ? headName : embeddingName;
  return ({ name }) => name === own;
};

/** Of one layer, as multiples of the hidden size. */
function widthsOfNorms({ layerNorms }: DecoderConfig): number {
  const { beforeAttention, afterAttention, beforeMlp, afterMlp } = layerNorms;
  const count = (names: readonly (string | null)[]): number => names.filter((name) => name !== null).length;
  return count([beforeAttention, beforeMlp]) + 2 * count([afterAttention, afterMlp]);
}

/** A prompt's piece is read beside the cache of all slots. */
function ofGeneration(
  plan: MemoryPlan,
  { promptTokens, tokens, slots = plan.slots }: Work & { kind: 'generate' },
): Omit<MemoryParts, 'weights' | 'state'> {
  const { config, halves } = plan;
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, layers, vocabSize } = config;
  const room = finalRoom(promptTokens, Math.min(tokens, config.maxPositions));
  const width = 2 * layers * kvHeads * headDim * (halves ? 2 : 4);
  const sequences = promptRows(config);
  const piece = Math.min(pieceLength, promptTokens);
  // What a first piece looks at is itself; a later one looks at all that is cached.
  const seen = promptTokens > pieceLength ? room + piece : 2 * piece;
  const rows = sequences * piece;
  const layer = rows * (4 * hiddenSize + 4 * intermediateSize) + 3 * heads * rows * seen;
  const step = evenRows(slots) * (heads * room * 3 + 6 * intermediateSize);
  return {
    activations: slack.ofRuntime * (4 * Math.max(layer, step) + 2 * rows * width),
    head: 4 * 2 * Math.max(evenRows(slots), sequences) * vocabSize,
    cache: evenRows(slots) * room * width,
    runtime: runtimeBytes(plan, 'generate'),
  };
}

/** Values, their gradient, a run's share of it, and two moments; an adapter that is only used is its values. */
const stateBytes = ({ trainableValues }: MemoryPlan, kind: Work['kind']): number =>
  trainableValues * 4 * (kind === 'train' ? 5 : 1);

/**
 * Float32 weights are mapped from their files. Halves are widened when the graph is loaded, for a training step into two
 * float32 copies. Repacking makes a copy for each product that a matrix is in: two in training, one in generation.
 */
function weightBytes(plan: MemoryPlan, kind: Work['kind']): number {
  const { weights, trainable, prepack, halves, products } = plan;
  if (trainable.kind === 'full' && kind === 'train') return 0;
  const training = kind === 'train';
  const copies = training ? 2 : 1;
  const repacked = prepack && kind !== 'score';
  const isWhole = products && kind !== 'generate';
  const resting = sumOf(weights, ({ kept, bytes, elements, lookedUp }) => {
    // Codes for both directions are in the kernel's order; what was stored is looked up.
    if (kept === 'codes') return bytes + (isWhole && !lookedUp ? 2 * elements : 0);
    if (kept === 'half' && halves) return bytes;
    const floats = 4 * elements;
    const packed = repacked && !lookedUp ? copies * floats : 0;
    if (kept === 'half') return 1.03 * copies * floats + (training ? packed / 2 : 0);
    return packed === 0 ? floats : packed;
  });
  if (isWhole || (plan.readsCodes && kind === 'generate')) return resting;
  // The largest matrix in float32 while it is used: of the LM head a block, if it is taken in blocks.
  const head = isHead(weights);
  const block = inBlocks(plan, kind) ? headBlockRows(plan.config) * plan.config.hiddenSize : Infinity;
  const used = weights
    .filter(({ kept, lookedUp }) => !lookedUp && (kept === 'codes' || (kept === 'half' && halves)))
    .map((weight) => 4 * (head(weight) ? Math.min(block, weight.elements) : weight.elements));
  return resting + inUse * Math.max(0, ...used);
}

/** How many float32 copies of the largest matrix in few bits the allocator holds. */
const inUse = 1;
