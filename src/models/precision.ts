// What a decoder's values are kept in between its ops, and how they are computed with: kept in float32 or in float16,
// computed in float32 but for the products of frozen halves. In float32 every function here is what it would be without
// this file.
import type { Tensor } from '../graph/index.ts';
import { add, cast, gemm, linear, recompute, rmsNorm, vjp, withGradient } from '../graph/index.ts';

/** What weights and the values between ops are kept in. */
export type ComputeDType = 'float32' | 'float16';

/** Halves in float32, for each op that uses them: nothing of the wide copy is kept. */
export const wide = (x: Tensor): Tensor =>
  x.dtype === 'float16' ? cast(x, 'float32', { eachUse: true }) : x;

/** Halves in float32, once for all ops that use them. */
export const widened = (x: Tensor): Tensor => (x.dtype === 'float16' ? cast(x, 'float32') : x);

/** x W^T + bias for frozen W [out, in] and bias float32 [out], in the dtype of x [rows, in]. */
export function frozenLinear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  if (weight.dtype === x.dtype) return linear(x, weight, bias && cast(bias, x.dtype));
  return cast(linear(wide(x), weight, bias), x.dtype);
}

/** g W + c for frozen W [out, in] and c float32 [rows, in], in the dtype of g [rows, out]: `frozenLinear` backwards. */
export function frozenPullBack(g: Tensor, weight: Tensor, c: Tensor): Tensor {
  if (g.dtype === c.dtype) return gemm(g, weight, { c });
  const product = weight.dtype === g.dtype ? wide(gemm(g, weight)) : gemm(wide(g), weight);
  return cast(add(product, c), g.dtype);
}

/**
 * RMS norm of x [..., n], in float32 inside and `dtype` outside. Where halves are kept, the derivative computes the normed
 * values again, so that they are kept in one precision only.
 */
export function norm(x: Tensor, weight: Tensor, epsilon: number, dtype: ComputeDType): Tensor {
  if (x.dtype === 'float32' && dtype === 'float32') return rmsNorm(x, weight, epsilon);
  const normed = (of: Tensor): Tensor => rmsNorm(of, weight, epsilon);
  return withGradient([cast(normed(wide(x)), dtype)], [x, weight], ([g]) => {
    if (!g) return [null, null];
    return recompute(() => {
      const again = widened(x);
      const [dx, dWeight] = vjp([normed(again)], [widened(g)], [again, weight]);
      return [cast(dx!, x.dtype), dWeight!];
    });
  })[0]!;
}
