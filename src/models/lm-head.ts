// Log-probabilities of given tokens under the LM head, without a one-hot or a log-softmax of vocabulary size.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  and,
  div,
  exp,
  gatherRows,
  gemm,
  less,
  linear,
  log,
  maxConstant,
  maximum,
  mul,
  neg,
  not,
  pick,
  reshape,
  rowsInPlace,
  scatterAddRows,
  softmax,
  sub,
  where,
  withGradient,
} from '../graph/index.ts';
import { softcap } from './softcap.ts';

export interface HeadOptions {
  /** Logits are capped so. */
  readonly cap?: number | null;
  /** Most tokens of the vocabulary whose logits are computed at once; default all of them. */
  readonly blockRows?: number;
}

/**
 * log softmax(cap(hidden weight^T))[target], in nats.
 * hidden [rows, hiddenSize], weight [vocab, hiddenSize], targets int32 or int64 [rows]; result [rows].
 *
 * With p the softmax, e the one-hot target and s the cap's slope, d/dhidden = ((e - p) s) weight
 * = s[target] weight[target] - (p s) weight, so the only arrays of vocabulary size are the logits, p, and s if there is
 * a cap.
 *
 * A frozen weight that lies in a file is taken in blocks of its rows, so that where it is stored in few bits the numbers of one
 * block alone are there. Each block has a softmax of its own; what is left to do then is a factor a row and block, the block's
 * share of the probability.
 */
export function tokenLogProbs(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  { cap = null, blockRows = Infinity }: HeadOptions = {},
): Tensor {
  const blocks = blocksOf(weight, blockRows).map((block) => ofBlock(hidden, block, targets, cap));
  const top = blocks.map(({ top }) => top).reduce(maximum);
  // The logarithm of the most likely token's probability, which is at least 1 / vocab, loses nothing, and costs no
  // other pass of exponentials. The two logits are subtracted first: their difference is exact where p is near 1,
  // and log p then has the precision that log(1 - p) needs.
  const { best, shares } = joined(blocks, top);
  const result = add(sub(blocks.map(({ atTarget }) => atTarget).reduce(add), top), log(best));
  return withGradient([result], [hidden, weight], ([g]) => {
    if (!g) return [null, null];
    const column = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, 1]);
    const slopes = blocks.flatMap(({ slopeAtTarget }) => slopeAtTarget ?? []);
    const slope = slopes.length > 0 ? column(slopes.reduce(add)) : null;
    const pulls = blocks.map(({ p, slope: own }) => (own ? mul(p, own) : p));
    const mean = blocks
      .map((block, i) => {
        const own = gemm(pulls[i]!, block.weight);
        return shares ? mul(column(shares[i]!), own) : own;
      })
      .reduce(add);
    const ofTarget = gatherRows(weight, targets);
    const dHidden = mul(column(g), sub(slope ? mul(slope, ofTarget) : ofTarget, mean));
    // Blocks are of weights that nothing trains.
    if (shares) return [dHidden, null];
    const scaled = mul(column(g), hidden);
    const dWeight = add(
      scatterAddRows(slope ? mul(slope, scaled) : scaled, targets, weight.shape[0]!),
      neg(gemm(pulls[0]!, scaled, { transA: true })),
    );
    return [dHidden, dWeight];
  })[0]!;
}

/** Rows `start` to `end` of a weight, in place; without bounds the whole of it. */
interface WeightBlock {
  readonly weight: Tensor;
  readonly bounds: readonly [start: number, end: number] | null;
}

/** Blocks of nearly the same size. */
function blocksOf(weight: Tensor, blockRows: number): WeightBlock[] {
  const vocab = weight.shape[0]!;
  const count = typeof vocab === "number" ? Math.max(1, Math.ceil(vocab / blockRows)) : 1;
  const size = 2 * Math.ceil(Number(vocab) / count / 2);
  const blocks = Array.from({ length: count }, (_, i) => {
    const bounds = [i * size, Math.min((i + 1) * size, Number(vocab))] as const;
    return { weight: rowsInPlace(weight, ...bounds), bounds };
  });
  const isWhole = count === 1 || blocks.some((block) => block.weight === null);
  return isWhole ? [{ weight, bounds: null }] : (blocks as WeightBlock[]);
}

/** What a block of the vocabulary says of each row. All but `weight`, `p` and `slope` are [rows]. */
interface BlockOutput {
  readonly weight: Tensor;
  /** The softmax over the block alone, and the cap's slope, [rows, block]. */
  readonly p: Tensor;
  readonly slope: Tensor | null;
  /** The block's largest logit. */
  readonly top: Tensor;
  /** The target's logit, and its slope; 0 where the target is in another block. */
  readonly atTarget: Tensor;
  readonly slopeAtTarget: Tensor | null;
}

function ofBlock(
  hidden: Tensor,
  { weight, bounds }: WeightBlock,
  targets: Tensor,
  cap: number | null,
): BlockOutput {
  const { value: logits, slope } = softcap(linear(hidden, weight), cap);
  const inside = bounds && and(not(less(targets, bounds[0])), less(targets, bounds[1]));
  const own = inside ? where(inside, sub(targets, bounds[0]), 0) : targets;
  const picked = (x: Tensor): Tensor => (inside ? where(inside, pick(x, own), 0) : pick(x, own));
  return {
    weight,
    p: softmax(logits),
    slope,
    top: maxConstant(logits, { axes: [-1] }),
    atTarget: picked(logits),
    slopeAtTarget: slope && picked(slope),
  };
}

/**
 * The most likely token's probability [rows], and each block's share of the probability [rows], which is 1 of a single
 * one. A block's exponentials, counted from its own largest logit, add up to the inverse of its softmax's largest value.
 */
function joined(
  blocks: readonly BlockOutput[],
  top: Tensor,
): { best: Tensor; shares: readonly Tensor[] | null } {
  const ownBest = blocks.map(({ p }) => maxConstant(p, { axes: [-1] }));
  if (blocks.length === 1) return { best: ownBest[0]!, shares: null };
  const sums = blocks.map((block, i) => div(exp(sub(block.top, top)), ownBest[i]!));
  const best = div(1, sums.reduce(add));
  return { best, shares: sums.map((sum) => mul(sum, best)) };
}
