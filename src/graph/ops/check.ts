// The checks that every op makes while tracing, so that mistakes name the op and both shapes.
import { WhetstoneError } from '../../errors.ts';
import type { Dim, Shape } from '../dim.ts';
import { dimKey, formatShape, sameDim, sameShape } from '../dim.ts';
import type { DType, Tensor } from '../tensor.ts';
import { isFloat } from '../tensor.ts';

export const describe = (x: Tensor): string => `${x.dtype}${formatShape(x.shape)}`;

export function shapeError(op: string, why: string, ...tensors: readonly Tensor[]): WhetstoneError {
  return new WhetstoneError('GRAPH_SHAPE', `${op}: ${why}; got ${tensors.map(describe).join(' and ')}`);
}

export function requireSameDType(op: string, ...tensors: readonly Tensor[]): DType {
  const dtype = tensors[0]!.dtype;
  if (tensors.some((t) => t.dtype !== dtype)) {
    const found = tensors.map(describe).join(' and ');
    throw new WhetstoneError('GRAPH_DTYPE', `${op}: operands must have one dtype; got ${found}`);
  }
  return dtype;
}

export function requireFloat(op: string, x: Tensor): void {
  if (!isFloat(x.dtype))
    throw new WhetstoneError('GRAPH_DTYPE', `${op}: needs a float tensor; got ${describe(x)}`);
}

export function requireDType(op: string, x: Tensor, ...allowed: readonly DType[]): void {
  if (!allowed.includes(x.dtype)) {
    throw new WhetstoneError('GRAPH_DTYPE', `${op}: needs ${allowed.join(' or ')}; got ${describe(x)}`);
  }
}

export function requireRank(op: string, x: Tensor, rank: number): void {
  if (x.shape.length !== rank) throw shapeError(op, `needs rank ${rank}`, x);
}

export function requireSameShape(op: string, a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape)) throw shapeError(op, 'needs equal shapes', a, b);
}

/** A non-negative axis, from one that may count from the end. */
export function resolveAxis(op: string, x: Tensor, axis: number): number {
  const resolved = axis < 0 ? axis + x.shape.length : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= x.shape.length) {
    throw shapeError(op, `axis ${axis} is out of range`, x);
  }
  return resolved;
}

/** NumPy's broadcasting. A symbolic dimension equals only itself and stretches only from 1. */
export function broadcastShapes(op: string, a: Tensor, b: Tensor): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  const shape: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const da = a.shape[a.shape.length - rank + i] ?? 1;
    const db = b.shape[b.shape.length - rank + i] ?? 1;
    if (sameDim(da, db) || db === 1) shape.push(da);
    else if (da === 1) shape.push(db);
    else throw shapeError(op, `cannot broadcast ${dimKey(da)} with ${dimKey(db)}`, a, b);
  }
  return shape;
}
