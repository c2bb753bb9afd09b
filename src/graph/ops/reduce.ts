// Sums, means and maxima over axes, and the reduction that undoes broadcasting.
import type { Dim, Shape } from '../dim.ts';
import { mulDims, sameDim, sameShape } from '../dim.ts';
import type { Tensor } from '../tensor.ts';
import { constant, dimValues, recordOp, stopGradient } from '../tensor.ts';
import { requireFloat, resolveAxis, shapeError } from './check.ts';
import { cast, div, mul } from './elementwise.ts';
import { expandTo, reshape } from './shape.ts';

interface ReduceOptions {
  /** Axes to reduce; all of them if left out. */
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

/** The axes to reduce, in ascending order, counted from the front. */
function reducedAxes(op: string, x: Tensor, axes: readonly number[] = x.shape.map((_, i) => i)): number[] {
  requireFloat(op, x);
  const resolved = axes.map((a) => resolveAxis(op, x, a)).sort((a, b) => a - b);
  if (new Set(resolved).size < resolved.length) throw shapeError(op, `axes [${axes.join(', ')}] repeat`, x);
  return resolved;
}

function reduce(
  op: string,
  x: Tensor,
  { axes, keepDims = false }: ReduceOptions,
  pullBack: (g: Tensor, y: Tensor) => Tensor,
): Tensor {
  const reduced = reducedAxes(op, x, axes);
  // ONNX takes an empty list of axes for all of them.
  if (reduced.length === 0) return x;
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
  const count = mulDims(...reducedAxes('ReduceMean', x, options.axes).map((a): Dim => x.shape[a]!));
  const scale =
    typeof count === 'number' ? constant(count, x.dtype) : cast(reshape(dimValues([count]), []), x.dtype);
  return reduce('ReduceMean', x, options, (g) => expandTo(div(g, scale), x.shape));
}

/** Maximum, treated as a constant by `grad`: a shift for numerical safety, not a loss. */
export function maxConstant(x: Tensor, { axes, keepDims = false }: ReduceOptions = {}): Tensor {
  const reduced = reducedAxes('ReduceMax', x, axes);
  if (reduced.length === 0) return stopGradient(x);
  const shape = keepDims
    ? x.shape.map((d, i) => (reduced.includes(i) ? 1 : d))
    : x.shape.filter((_, i) => !reduced.includes(i));
  const most = recordOp('ReduceMax', [x, constant(reduced, 'int64')], [{ dtype: x.dtype, shape }], {
    attributes: { keepdims: keepDims ? 1 : 0 },
  })[0]!;
  return stopGradient(most);
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

/** sum(x * w) over all elements. */
export const weightedSum = (x: Tensor, w: Tensor): Tensor => sum(mul(x, w));
