// Grouped-query attention, with derivatives that rebuild the attention weights instead of keeping them.
import type { Dim, Tensor } from '../graph/index.ts';
import {
  add,
  addDims,
  and,
  cast,
  concat,
  constant,
  greater,
  matmul,
  mul,
  mulDims,
  not,
  recompute,
  reshape,
  slice,
  softmax,
  split,
  sub,
  sum,
  transpose,
  where,
  withGradient,
} from '../graph/index.ts';
import type { DecoderConfig } from './config.ts';
import { wide } from './precision.ts';
import { softcap } from './softcap.ts';

/** Query, key and value of a batch of sequences. */
export interface Heads {
  /** [batch, seq, heads * headDim] */
  readonly query: Tensor;
  /** [batch, past + seq, kvHeads * headDim] */
  readonly key: Tensor;
  readonly value: Tensor;
}

/** What attention knows of a decoder. */
export type AttentionConfig = Pick<
  DecoderConfig,
  'heads' | 'kvHeads' | 'headDim' | 'attentionScale' | 'attentionCap'
>;

/** Geometry of one call. */
interface Layout {
  readonly batch: Dim;
  readonly kvHeads: number;
  /** Query heads that share a key head. */
  readonly groups: number;
  readonly headDim: number;
  readonly scale: number;
  readonly cap: number | null;
}

const layoutOf = (config: AttentionConfig, { query }: Heads): Layout => ({
  batch: query.shape[0]!,
  kvHeads: config.kvHeads,
  groups: config.heads / config.kvHeads,
  headDim: config.headDim,
  scale: config.attentionScale,
  cap: config.attentionCap,
});

/** [batch, seq, kvHeads * headDim] to [batch, kvHeads, seq, headDim], and back. */
const toHeads = (x: Tensor, { batch, kvHeads, headDim }: Layout): Tensor =>
  transpose(reshape(x, [batch, x.shape[1]!, kvHeads, headDim]), [0, 2, 1, 3]);
const fromHeads = (x: Tensor, { batch, kvHeads, headDim }: Layout): Tensor =>
  reshape(transpose(x, [0, 2, 1, 3]), [batch, x.shape[2]!, kvHeads * headDim]);

/** [batch, seq, heads * headDim] to [batch, kvHeads, groups, seq, headDim], and back. */
const toGroups = (x: Tensor, { batch, kvHeads, groups, headDim }: Layout): Tensor =>
  transpose(reshape(x, [batch, x.shape[1]!, kvHeads, groups, headDim]), [0, 2, 3, 1, 4]);
const fromGroups = (x: Tensor, { batch, kvHeads, groups, headDim }: Layout): Tensor =>
  reshape(transpose(x, [0, 3, 1, 2, 4]), [batch, x.shape[3]!, kvHeads * groups * headDim]);

/**
 * softmax(cap(scale query key^T) + bias) value: [batch, seq, heads * headDim]; no derivative.
 * `bias` broadcasts to [batch, kvHeads, heads / kvHeads, seq, past + seq].
 */
export function attention(config: AttentionConfig, heads: Heads, bias: Tensor): Tensor {
  const layout = layoutOf(config, heads);
  const query = toGroups(heads.query, layout);
  const key = toHeads(heads.key, layout);
  const out = matmul(attentionWeights(query, key, bias, layout).weights, wide(toHeads(heads.value, layout)));
  return fromGroups(reshape(cast(out, query.dtype), query.shape), layout);
}

/**
 * Attention weights [batch, kvHeads, groups * seq, keys] of grouped queries, in float32, and the slope of the scores'
 * cap of the same shape, if there is one. Queries that share a key head are stacked into one matrix, so that each key
 * head costs one product.
 */
function attentionWeights(
  query: Tensor,
  key: Tensor,
  bias: Tensor,
  layout: Layout,
): { weights: Tensor; slope: Tensor | null } {
  const { batch, kvHeads, groups } = layout;
  const [seq, keys] = [query.shape[3]!, key.shape[2]!];
  const product = matmul(wide(stacked(query, layout)), wide(key), { transB: true, alpha: layout.scale });
  const { value: scores, slope } = softcap(product, layout.cap);
  const biased = add(reshape(scores, [batch, kvHeads, groups, seq, keys]), bias);
  return { weights: reshape(softmax(biased), [batch, kvHeads, mulDims(groups, seq), keys]), slope };
}

function stacked(x: Tensor, { batch, kvHeads, groups, headDim }: Layout): Tensor {
  return reshape(x, [batch, kvHeads, mulDims(groups, x.shape[3]!), headDim]);
}

/**
 * What queries at some positions (int32 [count]) may not see of keys at others (int32 [keys]): a float bias
 * [count, keys] of 0 and -infinity. A window leaves the `window` newest keys visible.
 */
export function causalBias(queries: Tensor, keys: Tensor, window: number | null): Tensor {
  const key = reshape(keys, [1, keys.shape[0]!]);
  const query = reshape(queries, [queries.shape[0]!, 1]);
  const visible = not(greater(key, query));
  const near = window === null ? visible : and(visible, greater(key, sub(query, window)));
  return where(near, constant(0, 'float32'), constant(-Infinity, 'float32'));
}

/**
 * Causal attention within each sequence, [batch, seq, heads * headDim].
 *
 * The queries are cut into blocks, whose positions (int32 [size], ascending) are those of the sequence one after the
 * other; each sees only the keys up to its own end, so
 * that of the masked half of the scores at most one block a diagonal is computed. The derivative builds each
 * block's attention weights anew: nothing of size [seq, seq] lives from forward to backward.
 */
export function causalAttention(
  config: AttentionConfig,
  heads: Heads,
  positions: readonly Tensor[],
  window: number | null,
): Tensor {
  const layout = layoutOf(config, heads);
  const key = toHeads(heads.key, layout);
  const value = toHeads(heads.value, layout);
  const blocks = positions.map(({ shape }) => shape[0]!);
  const queries = split(toGroups(heads.query, layout), 3, blocks);
  const ends = blocks.map((_, i) => blocks.slice(0, i + 1).reduce(addDims));
  // The same in every layer, and not to be built again for each: what follows from positions alone would be built for all layers
  // before the first of them needs it.
  const biases = positions.map((own, i) => causalBias(own, concat(positions.slice(0, i + 1), 0), window));
  const weightsOf = (i: number): ReturnType<typeof attentionWeights> =>
    attentionWeights(queries[i]!, slice(key, 2, 0, ends[i]!), biases[i]!, layout);
  const kept = (x: Tensor): Tensor => cast(x, heads.query.dtype);
  const outs = blocks.map((_, i) => kept(matmul(weightsOf(i).weights, wide(slice(value, 2, 0, ends[i]!)))));
  const joined = concat(
    outs.map((out, i) => reshape(out, queries[i]!.shape)),
    3,
  );

  return withGradient([fromGroups(joined, layout)], [heads.query, heads.key, heads.value], ([cotangent]) => {
    if (!cotangent) return [null, null, null];
    const cotangents = split(toGroups(cotangent, layout), 3, blocks);
    const parts = blocks.map((_, i) => {
      const g = wide(stacked(cotangents[i]!, layout));
      const [{ weights: p, slope }, k, v] = recompute(() => [
        weightsOf(i),
        wide(slice(key, 2, 0, ends[i]!)),
        wide(slice(value, 2, 0, ends[i]!)),
      ]);
      // sum_j p_ij dp_ij is the dot product of row i of the output and of its cotangent (arXiv 2205.14135, B.4).
      const rowDot = sum(mul(g, wide(outs[i]!)), { axes: [-1], keepDims: true });
      const dCapped = mul(p, sub(matmul(g, v, { transB: true }), rowDot));
      const ds = slope ? mul(dCapped, slope) : dCapped;
      const alpha = layout.scale;
      return {
        dq: reshape(kept(matmul(ds, k, { alpha })), queries[i]!.shape),
        dk: matmul(ds, wide(stacked(queries[i]!, layout)), { transA: true, alpha }),
        dv: matmul(p, g, { transA: true }),
      };
    });
    const dq = concat(
      parts.map((part) => part.dq),
      3,
    );
    return [
      fromGroups(dq, layout),
      fromHeads(kept(sumPrefixes(parts.map((part) => part.dk))), layout),
      fromHeads(kept(sumPrefixes(parts.map((part) => part.dv))), layout),
    ];
  })[0]!;
}

/** Sum of tensors that cover ever longer beginnings of axis 2, of the last one's shape. */
function sumPrefixes(parts: readonly Tensor[]): Tensor {
  const length = (x: Tensor): Dim => x.shape[2]!;
  return parts.reduceRight((total, part) =>
    concat([add(slice(total, 2, 0, length(part)), part), slice(total, 2, length(part), length(total))], 2),
  );
}
