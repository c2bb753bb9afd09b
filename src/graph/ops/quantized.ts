// Matrices in few bits: codes and the scales of their blocks become numbers where they are used, each time anew.
import { sameDim } from '../dim.ts';
import type { OpNode, Tensor } from '../tensor.ts';
import { recordOp } from '../tensor.ts';
import { requireDType, requireRank, shapeError } from './check.ts';

/**
 * scale * code: codes int8 or int4 [rows, columns], scales float32 [rows, ceil(columns / block)]; the result is float32
 * [rows, columns]. It is computed for each op that uses it and let go after that, so that only the codes stay in
 * memory. Frozen: it has no derivative.
 */
export function dequantize(codes: Tensor, scales: Tensor, block: number): Tensor {
  requireDType('dequantize', codes, 'int8', 'int4');
  requireDType('dequantize', scales, 'float32');
  requireRank('dequantize', codes, 2);
  const [rows, columns] = codes.shape;
  const blocks = typeof columns === 'number' ? Math.ceil(columns / block) : null;
  if (scales.shape.length !== 2 || !sameDim(scales.shape[0]!, rows!) || scales.shape[1] !== blocks) {
    throw shapeError('dequantize', `scales must be [rows, columns / ${block}]`, codes, scales);
  }
  return recordOp('DequantizeLinear', [codes, scales], [{ dtype: 'float32', shape: codes.shape }], {
    attributes: { axis: 1, block_size: block },
    eachUse: true,
  })[0]!;
}

/** Rows of a dequantized matrix by int32 or int64 indices, only those being dequantized; null for any other tensor. */
export function dequantizedRows(x: Tensor, indices: Tensor): Tensor | null {
  const { node } = x;
  if (node.kind !== 'op' || node.op !== 'DequantizeLinear') return null;
  const [codes, scales] = node.inputs as readonly [Tensor, Tensor];
  const shape = [...indices.shape, x.shape[1]!];
  if (codes.dtype === 'int4') {
    return recordOp('GatherBlockQuantized', [codes, indices, scales], [{ dtype: 'float32', shape }], {
      domain: 'com.microsoft',
      attributes: { gather_axis: 0, quantize_axis: 1, block_size: blockOf(node) },
    })[0]!;
  }
  const [someCodes, someScales] = [codes, scales].map(
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
  return recordOp('DequantizeLinear', [someCodes!, someScales!], [{ dtype: 'float32', shape }], {
    attributes: { axis: last, block_size: blockOf(node) },
  })[0]!;
}

const blockOf = ({ attributes }: OpNode): number => attributes['block_size'] as number;
