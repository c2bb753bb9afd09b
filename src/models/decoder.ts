// The decoder: from token ids to hidden states, as one traced function for every family.
// Knows the architecture; where weights come from and how rows attend is given to it.
import type { Dim, Tensor } from '../graph/index.ts';
import {
  add,
  cast,
  gatherRows,
  geluTanh,
  linear,
  mul,
  reshape,
  rotary,
  silu,
  split,
  constant,
} from '../graph/index.ts';
import type { DecoderConfig } from './config.ts';
import { gatedUnit } from './gated-unit.ts';
import { kept } from './lora.ts';
import { tokenLogProbs } from './lm-head.ts';
import type { Heads } from './attention.ts';
import type { Weights } from './weights.ts';
import type { ComputeDType } from './precision.ts';
import { norm as normOf, wide } from './precision.ts';
import { rotaryTables } from './rope.ts';
import { softcap } from './softcap.ts';

/** Names that checkpoints have for the matrices before and after the layers. */
export const embeddingName = 'model.embed_tokens.weight';
export const headName = 'lm_head.weight';

/** How the packed rows of one call attend to each other: [rows, heads * headDim] in and out. */
export type Attend = (layer: number, heads: Heads) => Tensor;

export interface DecoderInput {
  /** int32 [rows]: tokens of all sequences, one after the other. */
  readonly ids: Tensor;
  /** int32 [rows]: position of each token within its sequence. */
  readonly positions: Tensor;
  /**
   * int32 [outputs] or null for all: the rows whose hidden state is wanted. The last layer's output projection
   * and MLP, and the final norm, run on these alone.
   */
  readonly outputRows: Tensor | null;
}

/** Final hidden states [outputs, hiddenSize], normed, scaled and ready for the LM head. */
export function decode(config: DecoderConfig, weights: Weights, input: DecoderInput, attend: Attend): Tensor {
  const { layerNorms: norms, residualScale, logitScale } = config;
  const norm = normsOf(config, weights);
  const rotate = rotations(config, input.positions);
  const embedding = weights.matrix(embeddingName, config.vocabSize, config.hiddenSize);
  // The sum that every layer adds to is kept in float32: its size grows with depth, and halves end at 65504.
  let x = scaled(cast(gatherRows(embedding, input.ids), 'float32'), config.embeddingScale);

  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    const h = norm(x, norms.beforeAttention, at, weights.dtype);
    const { query, key, value } = projectHeads(config, weights, h, `${at}.self_attn`, norm);
    let mixed = attend(layer, { query: rotate(query, layer), key: rotate(key, layer), value });
    if (layer === config.layers - 1 && input.outputRows) {
      mixed = gatherRows(mixed, input.outputRows);
      x = gatherRows(x, input.outputRows);
    }
    const attended = weights.project(
      kept(mixed),
      `${at}.self_attn.o_proj`,
      config.heads * config.headDim,
      config.hiddenSize,
      config.outputBias,
    );
    x = add(x, scaled(norm(attended, norms.afterAttention, at, 'float32'), residualScale));
    const changed = mlp(config, weights, norm(x, norms.beforeMlp, at, weights.dtype), `${at}.mlp`);
    x = add(x, scaled(norm(changed, norms.afterMlp, at, 'float32'), residualScale));
  }
  return scaled(norm(x, 'norm', 'model', 'float32'), logitScale);
}

const scaled = (x: Tensor, factor: number): Tensor => (factor === 1 ? x : mul(x, factor));

/** RMS norm over the last axis with the weight of that name in the module `at`, or none without a name, in `dtype`. */
type Norm = (x: Tensor, name: string | null, at: string, dtype: ComputeDType) => Tensor;

const normsOf =
  ({ normOffset, normEpsilon }: DecoderConfig, weights: Weights): Norm =>
  (x, name, at, dtype) => {
    if (name === null) return cast(x, dtype);
    const w = weights.vector(`${at}.${name}.weight`, x.shape.at(-1) as number);
    return normOf(x, normOffset === 0 ? w : add(w, normOffset), normEpsilon, dtype);
  };

/** Turns queries or keys [rows, heads * headDim] of a layer by their positions. */
function rotations({ headDim, ropes }: DecoderConfig, positions: Tensor): (x: Tensor, layer: number) => Tensor {
  const first = constant([0], 'int64');
  const tables = new Map([...new Set(ropes)].map((rope) => [rope, rope && rotaryTables(rope, positions)]));
  return (x, layer) => {
    const table = tables.get(ropes[layer]!);
    if (!table) return x;
    const [rows, width] = x.shape as [Dim, number];
    const turned = rotary(cast(reshape(x, [1, rows, width]), 'float32'), table.cos, table.sin, first, width / headDim);
    return reshape(cast(turned, x.dtype), x.shape);
  };
}

/** Queries, keys and values [rows, heads * headDim] of normed hidden states, before they turn. */
function projectHeads(config: DecoderConfig, weights: Weights, h: Tensor, at: string, norm: Norm): Heads {
  const { hiddenSize, headDim, heads, kvHeads, qkNorm } = config;
  const widths = [heads * headDim, kvHeads * headDim, kvHeads * headDim] as const;
  const project = (name: string, width: number): Tensor =>
    weights.project(kept(h), `${at}.${name}`, hiddenSize, width, config.qkvBias);
  const normed = (x: Tensor, name: string): Tensor => {
    if (qkNorm === 'none') return x;
    if (qkNorm === 'whole') return norm(x, name, at, weights.dtype);
    const [rows, width] = x.shape as [Dim, number];
    return reshape(norm(reshape(x, [rows, width / headDim, headDim]), name, at, weights.dtype), x.shape);
  };
  const [query, key, value] = config.fusedProjections
    ? split(project('qkv_proj', widths[0] + widths[1] + widths[2]), 1, widths)
    : [project('q_proj', widths[0]), project('k_proj', widths[1]), project('v_proj', widths[2])];
  return { query: normed(query!, 'q_norm'), key: normed(key!, 'k_norm'), value: value! };
}

function mlp(config: DecoderConfig, weights: Weights, m: Tensor, at: string): Tensor {
  const { hiddenSize, intermediateSize, mlpBias } = config;
  const project = (name: string, width: number): Tensor =>
    weights.project(kept(m), `${at}.${name}`, hiddenSize, width, mlpBias);
  const [gate, up] = config.fusedProjections
    ? split(project('gate_up_proj', 2 * intermediateSize), 1, [intermediateSize, intermediateSize])
    : [project('gate_proj', intermediateSize), project('up_proj', intermediateSize)];
  const activate = config.activation === 'silu' ? silu : geluTanh;
  const hidden = gatedUnit(gate!, up!, activate);
  return weights.project(hidden, `${at}.down_proj`, intermediateSize, hiddenSize, mlpBias);
}

/** The LM head's matrix [vocab, hiddenSize]: logits in half precision would be off by as much as detection looks for. */
const headMatrix = (config: DecoderConfig, weights: Weights): Tensor => {
  const name = config.tiedEmbeddings ? embeddingName : headName;
  return wide(weights.matrix(name, config.vocabSize, config.hiddenSize));
};

/** Logits [rows, vocab] from final hidden states. */
export const logitsOf = (config: DecoderConfig, weights: Weights, hidden: Tensor): Tensor =>
  softcap(linear(hidden, headMatrix(config, weights)), config.logitCap).value;

/** Smallest block of the vocabulary that is worth a product of its own. */
const leastHeadRows = 8192;

/** Blocks of the LM head take no more memory than the matrices of a layer. */
export const headBlockRows = ({ intermediateSize }: DecoderConfig): number => Math.max(leastHeadRows, intermediateSize);

/**
 * Log-probs (nats) of the tokens `targets` [rows] from final hidden states: [rows]. `inBlocks` takes the LM head in blocks of
 * its rows, where that costs no copy.
 */
export const logProbsOf = (
  config: DecoderConfig,
  weights: Weights,
  hidden: Tensor,
  targets: Tensor,
  { inBlocks = true }: { readonly inBlocks?: boolean } = {},
): Tensor =>
  tokenLogProbs(hidden, headMatrix(config, weights), targets, {
    cap: config.logitCap,
    ...(inBlocks && { blockRows: headBlockRows(config) }),
  });
