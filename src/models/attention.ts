// Causal grouped-query attention over rows of sequences, with a derivative that reads each score matrix once.
import type { Dim, Tensor } from '../graph/index.ts';
import {
  add,
  and,
  constant,
  greater,
  matmul,
  mul,
  mulDims,
  not,
  range,
  reshape,
  softmax,
  sub,
  sum,
  transpose,
  where,
  withGradient,
} from '../graph/index.ts';
import type { DecoderConfig } from './config.ts';

/** Query, key and value of a batch of sequences. */
export interface Heads {
  /** [batch, seq, heads * headDim] */
  readonly query: Tensor;
  /** [batch, past + seq, kvHeads * headDim] */
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * What a query may not see, as a float bias [querySeq, keySeq] of 0 and -infinity: the future, and with a
 * window whatever lies `window` or more positions back.
 */
export function causalBias(seq: Dim, window: number | null): Tensor {
  const query = reshape(range(seq), [seq, 1]);
  const key = reshape(range(seq), [1, seq]);
  const visible = not(greater(key, query));
  const near = window === null ? visible : and(visible, greater(key, sub(query, window)));
  return where(near, constant(0, 'float32'), constant(-Infinity, 'float32'));
}

/**
 * softmax(query key^T / sqrt(headDim) + bias) value: [batch, seq, heads * headDim].
 * `bias` broadcasts to [batch, kvHeads, heads / kvHeads, seq, past + seq].
 */
export function attention(config: DecoderConfig, { query, key, value }: Heads, bias: Tensor): Tensor {
  const { heads, kvHeads, headDim } = config;
  const [batch, seq] = query.shape as [Dim, Dim];
  const keySeq = key.shape[1]!;
  const groups = heads / kvHeads;
  // Queries that share a key head are stacked into one matrix, so each key head costs one product.
  const stacked = [batch, kvHeads, mulDims(groups, seq), headDim];
  const scores = [batch, kvHeads, mulDims(groups, seq), keySeq];
  const spread = [batch, kvHeads, groups, seq, keySeq];
  const toHeads = (x: Tensor): Tensor =>
    transpose(reshape(x, [batch, x.shape[1]!, kvHeads, headDim]), [0, 2, 1, 3]);
  const toGroups = (x: Tensor): Tensor =>
    reshape(transpose(reshape(x, [batch, seq, kvHeads, groups, headDim]), [0, 2, 3, 1, 4]), stacked);
  const fromGroups = (x: Tensor): Tensor =>
    reshape(transpose(reshape(x, [batch, kvHeads, groups, seq, headDim]), [0, 3, 1, 2, 4]), [
      batch,
      seq,
      heads * headDim,
    ]);
  const fromHeads = (x: Tensor): Tensor =>
    reshape(transpose(x, [0, 2, 1, 3]), [batch, x.shape[2]!, kvHeads * headDim]);

  const scale = headDim ** -0.5;
  const q = toGroups(query);
  const k = toHeads(key);
  const v = toHeads(value);
  const raw = matmul(q, k, { transB: true, alpha: scale });
  const p = reshape(softmax(add(reshape(raw, spread), bias)), scores);
  const out = matmul(p, v);
  return withGradient([fromGroups(out)], [query, key, value], ([cotangent]) => {
    if (!cotangent) return [null, null, null];
    const g = toGroups(cotangent);
    // sum_j p_ij dp_ij equals the dot product of row i of the output and of its cotangent (arXiv 2205.14135, B.4).
    const rowDot = sum(mul(g, out), { axes: [-1], keepDims: true });
    const ds = mul(p, sub(matmul(g, v, { transB: true }), rowDot));
    const dq = matmul(ds, k, { alpha: scale });
    const dk = matmul(ds, q, { transA: true, alpha: scale });
    const dv = matmul(p, g, { transA: true });
    return [fromGroups(dq), fromHeads(dk), fromHeads(dv)];
  })[0]!;
}
