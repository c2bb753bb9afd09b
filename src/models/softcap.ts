// A soft limit of numbers, cap * tanh(x / cap), as Gemma 2 puts it on attention scores and logits (arXiv 2408.00118,
// Section 2).
import type { Tensor } from '../graph/index.ts';
import { mul, sub, tanh } from '../graph/index.ts';

export interface Capped {
  /** Within -cap and cap. */
  readonly value: Tensor;
  /** d value / d x, elementwise; null where it is 1 everywhere. */
  readonly slope: Tensor | null;
}

/** Null caps nothing. */
export function softcap(x: Tensor, cap: number | null): Capped {
  if (cap === null) return { value: x, slope: null };
  const share = tanh(mul(x, 1 / cap));
  return { value: mul(share, cap), slope: sub(1, mul(share, share)) };
}
