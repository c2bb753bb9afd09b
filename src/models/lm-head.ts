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
import { softcap } from './softcap.ts';

/**
 * log softmax(cap(hidden weight^T))[target], in nats.
 * hidden [rows, hiddenSize], weight [vocab, hiddenSize], targets int32 or int64 [rows]; result [rows].
 *
 * With p the softmax, e the one-hot target and s the cap's slope, d/dhidden = ((e - p) s) weight
 * = s[target] weight[target] - (p s) weight, so the only arrays of vocabulary size are the logits, p, and s if there is
 * a cap.
 */
export function tokenLogProbs(hidden: Tensor, weight: Tensor, targets: Tensor, cap: number | null = null): Tensor {
  const { value: logits, slope } = softcap(linear(hidden, weight), cap);
  const p = softmax(logits);
  // The most likely token's probability is at least 1 / vocab, so its logarithm loses nothing, and costs no
  // other pass of exponentials. The two logits are subtracted first: their difference is exact where p is near 1,
  // and log p then has the precision that log(1 - p) needs.
  const behindBest = sub(pick(logits, targets), maxConstant(logits, { axes: [-1] }));
  const result = add(behindBest, log(maxConstant(p, { axes: [-1] })));
  return withGradient([result], [hidden, weight], ([g]) => {
    if (!g) return [null, null];
    const column = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, 1]);
    const pull = slope ? mul(p, slope) : p;
    const atTarget = column(slope ? mul(g, pick(slope, targets)) : g);
    const scaled = mul(column(g), hidden);
    const dHidden = slope
      ? sub(mul(atTarget, gatherRows(weight, targets)), mul(column(g), gemm(pull, weight)))
      : mul(column(g), sub(gatherRows(weight, targets), gemm(p, weight)));
    const dWeight = add(
      scatterAddRows(slope ? mul(atTarget, hidden) : scaled, targets, weight.shape[0]!),
      neg(gemm(pull, scaled, { transA: true })),
    );
    return [dHidden, dWeight];
  })[0]!;
}
