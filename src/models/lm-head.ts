// Log-probabilities of given tokens under the LM head, without a one-hot or a log-softmax of vocabulary size.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  gatherRows,
  gemm,
  linear,
  log,
  maxConstant,
  mul,
  neg,
  pick,
  reshape,
  scatterAddRows,
  softmax,
  sub,
  withGradient,
} from '../graph/index.ts';

/**
 * log softmax(hidden weight^T)[target], in nats.
 * hidden [rows, hiddenSize], weight [vocab, hiddenSize], targets int32 or int64 [rows]; result [rows].
 *
 * With p the softmax and e the one-hot target, d/dhidden = (e - p) weight = weight[target] - p weight, so the
 * only arrays of vocabulary size are the logits and p.
 */
export function tokenLogProbs(hidden: Tensor, weight: Tensor, targets: Tensor): Tensor {
  const logits = linear(hidden, weight);
  const p = softmax(logits);
  // The most likely token's probability is at least 1 / vocab, so its logarithm loses nothing, and costs no
  // other pass of exponentials. The two logits are subtracted first: their difference is exact where p is near 1,
  // and log p then has the precision that log(1 - p) needs.
  const behindBest = sub(pick(logits, targets), maxConstant(logits, { axes: [-1] }));
  const result = add(behindBest, log(maxConstant(p, { axes: [-1] })));
  return withGradient([result], [hidden, weight], ([g]) => {
    if (!g) return [null, null];
    const column = reshape(g, [g.shape[0]!, 1]);
    const dHidden = mul(column, sub(gatherRows(weight, targets), gemm(p, weight)));
    const scaled = mul(column, hidden);
    const dWeight = add(
      scatterAddRows(scaled, targets, weight.shape[0]!),
      neg(gemm(p, scaled, { transA: true })),
    );
    return [dHidden, dWeight];
  })[0]!;
}
