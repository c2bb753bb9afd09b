// Low-rank adapters (LoRA, arXiv 2106.09685) on named projections, in the arithmetic of PEFT.
import type { Tensor } from '../graph/index.ts';
import { gemm, mul } from '../graph/index.ts';

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

/**
 * base + scale * (x * keep) A^T B^T. x [rows, in]; base [rows, out]; keep: null, or a mask [rows, in] of 0 and 1
 * as float32. With dropout p the caller's scale holds the factor 1 / (1 - p).
 */
export function addLora(
  base: Tensor,
  x: Tensor,
  { a, b }: LoraPair,
  scale: number,
  keep: Tensor | null,
): Tensor {
  const low = gemm(keep ? mul(x, keep) : x, a, { transB: true });
  return gemm(low, b, { transB: true, alpha: scale, c: base });
}
