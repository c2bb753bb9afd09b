// The largest values of a row. Constants to `grad`: they choose what is compared, and are no loss.
import type { Tensor } from '../tensor.ts';
import { constant, recordOp } from '../tensor.ts';
import { requireFloat, shapeError } from './check.ts';
import { neg } from './elementwise.ts';
import { maxConstant } from './reduce.ts';

/** The k-th largest value along the last axis, [..., 1]; the smallest one where there are no more than k. */
export function kthLargest(x: Tensor, k: number): Tensor {
  requireFloat('TopK', x);
  const width = x.shape.at(-1);
  if (typeof width !== 'number' || !Number.isInteger(k) || k < 1)
    throw shapeError('TopK', `needs a last axis of known size and a whole number of 1 or more, not ${k}`, x);
  const kept = Math.min(k, width);
  const shape = [...x.shape.slice(0, -1), kept];
  const outputs = [
    { dtype: x.dtype, shape },
    { dtype: 'int64', shape },
  ] as const;
  const [values] = recordOp('TopK', [x, constant([kept], 'int64')], outputs, {
    attributes: { axis: -1, largest: 1, sorted: 1 },
  });
  return neg(maxConstant(neg(values!), { axes: [-1], keepDims: true }));
}
