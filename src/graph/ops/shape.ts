// Ops that move values without changing them: reshape, transpose, slice, concat, gather, expand, scatter.
import type { Dim, Shape } from '../dim.ts';
import { addDims, dimKey, formatShape, mulDims, sameDim, sameShape } from '../dim.ts';
import type { Tensor } from '../tensor.ts';
import { constant, dimValues, isFloat, recordOp, withGradient } from '../tensor.ts';
import { requireDType, requireFloat, requireSameDType, resolveAxis, shapeError } from './check.ts';
import { cast } from './elementwise.ts';
import { rowsBeforeUse } from './quantized.ts';
import { sumTo } from './reduce.ts';

/** Same values in row-major order, other dimensions. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameDim(mulDims(...x.shape), mulDims(...shape))) {
    throw shapeError('reshape', `${formatShape(shape)} has another number of elements`, x);
  }
  const unknown = shape.filter((d) => typeof d !== 'number').length;
  // One -1 can be left to ONNX, but not beside a literal 0, which would then mean "as in the input".
  const inferred = unknown === 1 && !shape.includes(0);
  const target =
    unknown === 0 || inferred
      ? constant(
          shape.map((d) => (typeof d === 'number' ? d : -1)),
          'int64',
        )
      : dimValues(shape);
  return recordOp('Reshape', [x, target], [{ dtype: x.dtype, shape }], {
    // With -1 in the target ONNX forbids allowzero; otherwise a zero means zero elements.
    attributes: { allowzero: inferred ? 0 : 1 },
    vjp:
      () =>
      ([g]) => [g ? reshape(g, x.shape) : null, null],
  })[0]!;
}

/** Permutes axes: output axis i is input axis `order[i]`. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  const valid =
    order.length === x.shape.length &&
    new Set(order).size === order.length &&
    order.every((a) => a in x.shape);
  if (!valid) throw shapeError('transpose', `[${order.join(', ')}] is no permutation of the axes`, x);
  if (order.every((a, i) => a === i)) return x;
  const inverse = order.map((_, i) => order.indexOf(i));
  return recordOp('Transpose', [x], [{ dtype: x.dtype, shape: order.map((a) => x.shape[a]!) }], {
    attributes: { perm: order },
    vjp:
      () =>
      ([g]) => [g ? transpose(g, inverse) : null],
  })[0]!;
}

/** Stretches dimensions of size 1 to `shape`. */
export function expandTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = shape.length - x.shape.length;
  if (lead < 0 || x.shape.some((d, i) => d !== 1 && !sameDim(d, shape[i + lead]!))) {
    throw shapeError('expandTo', `cannot stretch to ${formatShape(shape)}`, x);
  }
  if (shape.includes(0) && shape.every((d) => typeof d === 'number')) {
    // ONNX Runtime's optimizer drops an Expand from size 1 to a literal 0.
    const empty = constant([], x.dtype, shape);
    return withGradient([empty], [x], ([g]) => [g ? sumTo(g, x.shape) : null])[0]!;
  }
  return recordOp('Expand', [x, dimValues(shape)], [{ dtype: x.dtype, shape }], {
    vjp:
      () =>
      ([g]) => [g ? sumTo(g, x.shape) : null, null],
  })[0]!;
}

/** Elements `start` (inclusive) to `end` (exclusive) along one axis; both are sizes, not offsets from the end. */
export function slice(x: Tensor, axis: number, start: Dim, end: Dim): Tensor {
  const at = resolveAxis('slice', x, axis);
  if (sameDim(start, 0) && sameDim(end, x.shape[at]!)) return x;
  const size = addDims(end, mulDims(-1, start));
  const rest = addDims(x.shape[at]!, mulDims(-1, end));
  if ([start, size, rest].some((d) => typeof d === 'number' && d < 0)) {
    throw shapeError('slice', `${dimKey(start)} to ${dimKey(end)} does not lie within axis ${at}`, x);
  }
  const shape = x.shape.map((d, i) => (i === at ? size : d));
  const bounds = [start, end].map((d) => (typeof d === 'number' ? constant([d], 'int64') : dimValues([d])));
  return recordOp(
    'Slice',
    [x, bounds[0]!, bounds[1]!, constant([at], 'int64')],
    [{ dtype: x.dtype, shape }],
    {
      vjp:
        () =>
        ([g]) => [g ? padWithZeros(g, at, start, rest) : null, null, null, null],
    },
  )[0]!;
}

function padWithZeros(x: Tensor, axis: number, before: Dim, after: Dim): Tensor {
  const zeros = (size: Dim): Tensor[] =>
    size === 0
      ? []
      : [
          expandTo(
            constant(0, x.dtype),
            x.shape.map((d, i) => (i === axis ? size : d)),
          ),
        ];
  return concat([...zeros(before), x, ...zeros(after)], axis);
}

/** Cuts an axis into consecutive pieces of the given sizes, which must add up to it. */
export function split(x: Tensor, axis: number, sizes: readonly Dim[]): readonly Tensor[] {
  const at = resolveAxis('split', x, axis);
  if (sizes.length === 0 || !sameDim(sizes.reduce(addDims), x.shape[at]!)) {
    throw shapeError('split', `sizes ${formatShape(sizes)} do not add up to axis ${at}`, x);
  }
  if (sizes.length === 1) return [x];
  const pieces = sizes.map((size) => ({
    dtype: x.dtype,
    shape: x.shape.map((d, i) => (i === at ? size : d)),
  }));
  return recordOp('Split', [x, dimValues(sizes)], pieces, {
    attributes: { axis: at },
    vjp: () => (cotangents) => {
      const zeros = (piece: (typeof pieces)[number]): Tensor =>
        expandTo(constant(0, piece.dtype), piece.shape);
      return [
        concat(
          cotangents.map((g, i) => g ?? zeros(pieces[i]!)),
          at,
        ),
        null,
      ];
    },
  });
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0];
  if (!first) throw new RangeError('concat: needs at least one tensor');
  if (parts.length === 1) return first;
  const at = resolveAxis('concat', first, axis);
  requireSameDType('concat', ...parts);
  for (const part of parts) {
    const fits =
      part.shape.length === first.shape.length &&
      part.shape.every((d, i) => i === at || sameDim(d, first.shape[i]!));
    if (!fits) throw shapeError('concat', `dimensions other than ${at} must agree`, first, part);
  }
  const size = parts.map((p) => p.shape[at]!).reduce(addDims);
  const shape = first.shape.map((d, i) => (i === at ? size : d));
  return recordOp('Concat', parts, [{ dtype: first.dtype, shape }], {
    attributes: { axis: at },
    vjp:
      () =>
      ([g]) => {
        let start: Dim = 0;
        return parts.map((part) => {
          const end = addDims(start, part.shape[at]!);
          const piece = g && isFloat(part.dtype) ? slice(g, at, start, end) : null;
          start = end;
          return piece;
        });
      },
  })[0]!;
}

/**
 * Rows of `x` [rows, ...] by `indices` (int32 or int64, any shape): result [...indices, ...].
 * Rows that are taken twice get the sum of their cotangents.
 */
export function gatherRows(x: Tensor, indices: Tensor): Tensor {
  requireDType('gatherRows', indices, 'int32', 'int64');
  if (x.shape.length === 0) throw shapeError('gatherRows', 'needs rank 1 or more', x);
  const before = rowsBeforeUse(x, indices);
  if (before) return before;
  const rest = x.shape.slice(1);
  return recordOp('Gather', [x, indices], [{ dtype: x.dtype, shape: [...indices.shape, ...rest] }], {
    attributes: { axis: 0 },
    vjp:
      () =>
      ([g]) => [g ? scatterAddRows(g, indices, x.shape[0]!) : null, null],
  })[0]!;
}

/**
 * Adds rows of `updates` [...indices, ...] into zeros of [rows, ...]: the derivative of `gatherRows`. Halves are added up
 * in float32.
 */
export function scatterAddRows(updates: Tensor, indices: Tensor, rows: Dim): Tensor {
  requireFloat('scatterAddRows', updates);
  requireDType('scatterAddRows', indices, 'int32', 'int64');
  if (updates.dtype === 'float16')
    return cast(scatterAddRows(cast(updates, 'float32'), indices, rows), 'float16');
  const rank = indices.shape.length;
  if (!sameShape(updates.shape.slice(0, rank), indices.shape)) {
    throw shapeError('scatterAddRows', 'updates must begin with the shape of the indices', updates, indices);
  }
  const rest = updates.shape.slice(rank);
  const [count, width] = [mulDims(...indices.shape), mulDims(...rest)];
  // Not ScatterND, whose kernel adds rows from several threads at once and loses some where an index repeats.
  const flat = recordOp(
    'ScatterElements',
    [
      expandTo(constant(0, updates.dtype), [rows, width]),
      expandTo(reshape(indices, [count, 1]), [count, width]),
      reshape(updates, [count, width]),
    ],
    [{ dtype: updates.dtype, shape: [rows, width] }],
    { attributes: { axis: 0, reduction: 'add' } },
  )[0]!;
  return withGradient([reshape(flat, [rows, ...rest])], [updates], ([g]) => [
    g ? gatherRows(g, indices) : null,
  ])[0]!;
}

/** Along the last axis, the one element of each row that `indices` [...] names. x is [..., n]; result [...]. */
export function pick(x: Tensor, indices: Tensor): Tensor {
  requireDType('pick', indices, 'int32', 'int64');
  const last = x.shape.length - 1;
  if (last < 0 || !sameShape(x.shape.slice(0, last), indices.shape)) {
    throw shapeError('pick', 'indices must have the leading shape of the values', x, indices);
  }
  const column = reshape(indices, [...indices.shape, 1]);
  const picked = recordOp('GatherElements', [x, column], [{ dtype: x.dtype, shape: [...indices.shape, 1] }], {
    attributes: { axis: last },
    vjp:
      () =>
      ([g]) => [g ? scatterElements(g, column, x) : null, null],
  })[0]!;
  return reshape(picked, indices.shape);
}

function scatterElements(updates: Tensor, indices: Tensor, like: Tensor): Tensor {
  const zeros = expandTo(constant(0, updates.dtype), like.shape);
  return recordOp(
    'ScatterElements',
    [zeros, indices, updates],
    [{ dtype: updates.dtype, shape: like.shape }],
    {
      attributes: { axis: like.shape.length - 1, reduction: 'add' },
    },
  )[0]!;
}

/** 0, 1, ... size-1 as int64 [size]. */
export function range(size: Dim): Tensor {
  const limit = typeof size === 'number' ? constant(size, 'int64') : reshape(dimValues([size]), []);
  return recordOp(
    'Range',
    [constant(0, 'int64'), limit, constant(1, 'int64')],
    [{ dtype: 'int64', shape: [size] }],
  )[0]!;
}
