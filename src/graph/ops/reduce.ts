// Sums, means and maxima over axes, and the reduction that undoes broadcasting.
import type { Dim, Shape } from '../dim.ts';
import { mulDims, sameDim, sameShape } from '../dim.ts';
import type { Tensor } from '../tensor.ts';
import { constant, dimValues, recordOp } from '../tensor.ts';
import { requireFloat, resolveAxis, shapeError } from './check.ts';
import { cast, div, mul } from './elementwise.ts';
import { expandTo, reshape } from './shape.ts';

interface ReduceOptions {
  /** Axes to reduce; all of them if left out. */
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

function reduce(
  op: string,
  x: Tensor,
  { axes, keepDims = false }: ReduceOptions,
  pullBack: (g: Tensor, y: Tensor) => Tensor,
): Tensor {
  requireFloat(op, x);
  const reduced = (axes ?? x.shape.map((_, i) => i)).map((a) => resolveAxis(op, x, a)).sort((a, b) => a - b);
  const kept: Shape = x.shape.map((d, i) => (reduced.includes(i) ? 1 : d));
  const shape = keepDims ? kept : x.shape.filter((_, i) => !reduced.includes(i));
  return recordOp(op, [x, constant(reduced, 'int64')], [{ dtype: x.dtype, shape }], {
    attributes: { keepdims: keepDims ? 1 : 0 },
    vjp:
      ([y]) =>
      ([g]) =>
        g ? [pullBack(reshape(g, kept), reshape(y!, kept)), null] : [null, null],
  })[0]!;
}

export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  reduce('ReduceSum', x, options, (g) => expandTo(g, x.shape));

export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const axes = (options.axes ?? x.shape.map((_, i) => i)).map((a) => resolveAxis('ReduceMean', x, a));
  const count = mulDims(...axes.map((a): Dim => x.shape[a]!));
  const scale =
    typeof count === 'number' ? constant(count, x.dtype) : cast(reshape(dimValues([count]), []), x.dtype);
  return reduce('ReduceMean', x, options, (g) => expandTo(div(g, scale), x.shape));
}

/** Maximum, treated as a constant by `grad`: a shift for numerical safety, not a loss. */
export function maxConstant(x: Tensor, { axes, keepDims = false }: ReduceOptions = {}): Tensor {
  requireFloat('ReduceMax', x);
  const reduced = (axes ?? x.shape.map((_, i) => i)).map((a) => resolveAxis('ReduceMax', x, a));
  const shape = keepDims
    ? x.shape.map((d, i) => (reduced.includes(i) ? 1 : d))
    : x.shape.filter((_, i) => !reduced.includes(i));
  return recordOp('ReduceMax', [x, constant(reduced, 'int64')], [{ dtype: x.dtype, shape }], {
    attributes: { keepdims: keepDims ? 1 : 0 },
  })[0]!;
}

/** Sums a broadcast value back to the shape it was broadcast from. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  if (lead < 0) throw shapeError('sumTo', 'the target has a higher rank', x);
  const axes = x.shape.flatMap((d, i) => (i < lead || (shape[i - lead] === 1 && !sameDim(d, 1)) ? [i] : []));
  const summed = axes.length === 0 ? x : sum(x, { axes, keepDims: true });
  return reshape(summed, shape);
}

/** Mean of x weighted by w: sum(x * w). Weights are constants. */
export const weightedSum = (x: Tensor, w: Tensor): Tensor => sum(mul(x, w));
