// Low-rank adapters (LoRA, arXiv 2106.09685) on named projections, in the arithmetic of PEFT.
import type { Tensor } from '../graph/index.ts';
import { cast, gemm, mul, recompute, withGradient } from '../graph/index.ts';
import { frozenLinear, frozenPullBack, wide } from './precision.ts';

export interface LoraConfig {
  /** Rank r. */
  readonly rank: number;
  /** The update is scaled by alpha / rank, or alpha / sqrt(rank) with rsLoRA. */
  readonly alpha: number;
  readonly rankStabilized: boolean;
  /** Probability that an input element of the update is dropped while training. */
  readonly dropout: number;
  /** Projections by the last part of their name, such as `gate_proj`. */
  readonly targetModules: readonly string[];
}

export const loraScale = ({ rank, alpha, rankStabilized }: LoraConfig): number =>
  alpha / (rankStabilized ? Math.sqrt(rank) : rank);

/** One adapted projection: A [rank, in], B [out, rank]. */
export interface LoraPair {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** A value, and how to compute it again from values that are kept anyway. */
export interface Activation {
  readonly value: Tensor;
  /** Called while the derivative is traced, at most once a use. */
  again(): Tensor;
}

/** An activation that is simply kept. */
export const kept = (value: Tensor): Activation => ({ value, again: () => value });

export interface Adapted {
  /** Frozen [out, in]. */
  readonly weight: Tensor;
  /** Frozen [out], if there is one. */
  readonly bias: Tensor | null;
  readonly pair: LoraPair;
  /** With dropout p it holds the factor 1 / (1 - p). */
  readonly scale: number;
  /** Dropout: uint8 of 0 and 1, shaped like x; null drops nothing. */
  readonly keep: Tensor | null;
}

/**
 * x W^T + bias + scale * (x * keep) A^T B^T: x [rows, in] to [rows, out]. A and B are float32, and so are their products and
 * derivatives; the result has the dtype of x. The derivative masks x again rather than keeping a second copy of it, and in
 * float32 sums both paths to x within one product.
 */
export function adaptedLinear(x: Activation, { weight, bias, pair: { a, b }, scale, keep }: Adapted): Tensor {
  const masked = (value: Tensor): Tensor => (keep ? mul(value, cast(keep, 'float32')) : value);
  const low = gemm(masked(wide(x.value)), a, { transB: true });
  const frozen = wide(frozenLinear(x.value, weight, bias));
  const y = cast(gemm(low, b, { transB: true, alpha: scale, c: frozen }), x.value.dtype);
  return withGradient([y], [x.value, a, b], ([g]) => {
    if (!g) return [null, null, null];
    const dLow = gemm(wide(g), b, { alpha: scale });
    const dMasked = gemm(dLow, a);
    return recompute(() => [
      frozenPullBack(g, weight, masked(dMasked)),
      gemm(dLow, masked(wide(x.again())), { transA: true }),
      gemm(wide(g), low, { transA: true, alpha: scale }),
    ]);
  })[0]!;
}
