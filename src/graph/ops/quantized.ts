// Matrices in few bits: codes and the scales of their blocks become numbers where they are used, each time anew.
import { sameDim } from '../dim.ts';
import type { OpNode, Tensor, WeightNode } from '../tensor.ts';
import { asStored, dimValues, recordOp, weight } from '../tensor.ts';
import { requireDType, requireRank, shapeError } from './check.ts';
import { cast } from './elementwise.ts';
import { gatherRows } from './shape.ts';

/**
 * (code - zero) * scale: codes int8 or int4 [rows, columns], scales float32 [rows, ceil(columns / block)], zeros of the
 * codes' dtype and the scales' shape, 0 where they are left out; the result is float32 [rows, columns]. It is computed for
 * each op that uses it and let go after that, so that only the codes stay in memory. Frozen: it has no derivative.
 */
export function dequantize(codes: Tensor, scales: Tensor, block: number, zeros?: Tensor): Tensor {
  requireDType('dequantize', codes, 'int8', 'int4');
  requireDType('dequantize', scales, 'float32');
  requireRank('dequantize', codes, 2);
  const [rows, columns] = codes.shape;
  const blocks = typeof columns === 'number' ? Math.ceil(columns / block) : null;
  if (scales.shape.length !== 2 || !sameDim(scales.shape[0]!, rows!) || scales.shape[1] !== blocks) {
    throw shapeError('dequantize', `scales must be [rows, columns / ${block}]`, codes, scales);
  }
  const isLike = (a: Tensor, b: Tensor): boolean =>
    a.shape.length === b.shape.length && a.shape.every((size, i) => sameDim(size, b.shape[i]!));
  if (zeros && (zeros.dtype !== codes.dtype || !isLike(zeros, scales))) {
    throw shapeError('dequantize', `zeros must be ${codes.dtype}, one for each scale`, zeros, scales);
  }
  return recordOp(
    'DequantizeLinear',
    zeros ? [codes, scales, zeros] : [codes, scales],
    [{ dtype: 'float32', shape: codes.shape }],
    {
      attributes: { axis: 1, block_size: block },
      eachUse: true,
    },
  )[0]!;
}

/** Rows of a matrix that is dequantized or converted for each use, only those being so; null for any other tensor. */
export function rowsBeforeUse(x: Tensor, indices: Tensor): Tensor | null {
  const { node } = x;
  if (node.kind !== 'op' || !node.eachUse) return null;
  if (node.op === 'Cast') return cast(gatherRows(node.inputs[0]!, indices), x.dtype);
  return node.op === 'DequantizeLinear' ? dequantizedRows(x, node, indices) : null;
}

function dequantizedRows(x: Tensor, node: OpNode, indices: Tensor): Tensor {
  const [codes, scales, zeros] = node.inputs as readonly [Tensor, Tensor, Tensor?];
  const shape = [...indices.shape, x.shape[1]!];
  if (codes.dtype === 'int4') {
    const parts = zeros ? [codes, indices, scales, zeros] : [codes, indices, scales];
    return recordOp('GatherBlockQuantized', parts, [{ dtype: 'float32', shape }], {
      domain: 'com.microsoft',
      attributes: { gather_axis: 0, quantize_axis: 1, block_size: blockOf(node) },
    })[0]!;
  }
  const some = [codes, scales, ...(zeros ? [zeros] : [])].map(
    (part) =>
      recordOp(
        'Gather',
        [part, indices],
        [{ dtype: part.dtype, shape: [...indices.shape, part.shape[1]!] }],
        {
          attributes: { axis: 0 },
        },
      )[0]!,
  );
  const last = shape.length - 1;
  return recordOp('DequantizeLinear', some, [{ dtype: 'float32', shape }], {
    attributes: { axis: last, block_size: blockOf(node) },
  })[0]!;
}

/**
 * Rows `start` to `end` of a matrix that lies in a file, or is dequantized or converted for each use from what does: read from
 * their own place, without a copy. Null for any other tensor, and where rows do not begin at whole bytes.
 */
export function rowsInPlace(x: Tensor, start: number, end: number): Tensor | null {
  const { node } = x;
  if (node.kind === 'weight') return storedRows(node, x, start, end);
  if (node.kind !== 'op' || !node.eachUse) return null;
  const [values, scales, zeros] = node.inputs.map((part) => part && rowsInPlace(part, start, end));
  if (!values) return null;
  if (node.op === 'Cast') return cast(values, x.dtype, { eachUse: true });
  if (node.op !== 'DequantizeLinear' || !scales || zeros === null) return null;
  return dequantize(values, scales, blockOf(node), zeros);
}

function storedRows(
  { name, external: { location, offset, length } }: WeightNode,
  { dtype, shape: [rows, ...rest] }: Tensor,
  start: number,
  end: number,
): Tensor | null {
  const bytes = length / (rows as number);
  if (!Number.isInteger(bytes)) return null;
  const place = { location, offset: offset + start * bytes, length: (end - start) * bytes };
  return weight(`${name}.rows.${start}`, dtype, [end - start, ...(rest as number[])], place);
}

/**
 * The values of a `dequantize` by the kernel for whole rows, whose rows are the blocks: on the CPU it takes a fifth of the
 * time of the one that knows blocks. Null where a row's last block is shorter, or the codes do not lie in a file.
 */
export function dequantizeBlocks(
  { inputs, attributes, ...node }: OpNode,
  [matrix]: readonly Tensor[],
): Tensor | null {
  if (!node.eachUse || attributes['axis'] !== 1) return null;
  const [codes, scales, zeros] = inputs as readonly [Tensor, Tensor, Tensor?];
  const block = blockOf({ attributes });
  const [rows, columns] = codes.shape as readonly [number, number];
  if (columns % block !== 0) return null;
  const blocks = rows * (columns / block);
  const flat = [
    asStored(codes, codes.dtype, [blocks, block]),
    asStored(scales, 'float32', [blocks]),
    ...(zeros ? [asStored(zeros, zeros.dtype, [blocks])] : []),
  ];
  if (flat.includes(null)) return null;
  const options = { eachUse: true };
  const shape = [blocks, block];
  const values = recordOp('DequantizeLinear', flat, [{ dtype: 'float32', shape }], {
    ...options,
    attributes: { axis: 0 },
  });
  return recordOp('Reshape', [values[0]!, dimValues(codes.shape)], [matrix!], options)[0]!;
}

/** Columns that share a scale. */
export const blockOf = ({ attributes }: Pick<OpNode, 'attributes'>): number =>
  attributes['block_size'] as number;
