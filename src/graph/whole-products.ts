// Products with frozen matrices in whole numbers, in both directions: what training and scoring do in int8. Knows single ops;
// what a graph is for, its caller knows.
import { add, maximum, mul, neg } from './ops/elementwise.ts';
import { expandTo, reshape } from './ops/shape.ts';
import type { Substitute } from './substitute.ts';
import { replaceOps } from './substitute.ts';
import type { Tensor } from './tensor.ts';
import { constant, recordOp } from './tensor.ts';

/** A matrix for one direction of its products: codes int8 [inner, columns], and scales float32 [columns]. */
export interface ColumnCodes {
  readonly codes: Tensor;
  readonly scales: Tensor;
}

/** The codes of a matrix, by its name, for the product with its transpose (forward) or with itself; null for none. */
export type FindCodes = (name: string, direction: 'forward' | 'backward') => ColumnCodes | null;

/**
 * The same outputs (name to traced tensor) with the products of matrices in few bits, forward and backward, summed in whole
 * numbers. Each row of what a matrix is multiplied with is rounded to a 127th of its largest magnitude, so that rows of
 * different size, as gradients of tokens are, lose the same digits.
 */
export const multiplyWhole = (
  outputs: Readonly<Record<string, Tensor>>,
  find: FindCodes,
): Readonly<Record<string, Tensor>> => replaceOps(outputs, { Gemm: wholeProduct(find) });

const wholeProduct =
  (find: FindCodes): Substitute =>
  ({ inputs: [x, matrix, c], attributes: { transA, transB, alpha } }) => {
    if (transA !== 0 || (alpha as { float: number }).float !== 1) return null;
    const name = nameOfCodes(matrix!);
    const found = name === null ? null : find(name, transB === 1 ? 'forward' : 'backward');
    if (!found) return null;
    const product = multiplyRows(x!, found);
    return [c ? add(product, c) : product];
  };

function nameOfCodes({ node }: Tensor): string | null {
  if (node.kind !== 'op' || node.op !== 'DequantizeLinear') return null;
  const codes = node.inputs[0]!.node;
  return codes.kind === 'weight' ? codes.name : null;
}

/** Codes that stand for zero in unsigned bytes: kernels for those are faster than for signed ones. */
const zero = 128;

/** x float32 [rows, inner], rounded row by row, times codes [inner, columns]: float32 [rows, columns]. No derivative. */
export function multiplyRows(x: Tensor, { codes, scales }: ColumnCodes): Tensor {
  const rows = x.shape[0]!;
  const largest = maximum(extremes('ReduceMax', x), neg(extremes('ReduceMin', x)));
  // Of a row of zeros any scale will do.
  const own = maximum(mul(largest, 1 / 127), 1e-30);
  const zeros = expandTo(constant([zero], 'uint8'), [rows]);
  const [rounded] = recordOp('QuantizeLinear', [x, own, zeros], [{ dtype: 'uint8', shape: x.shape }], {
    attributes: { axis: 0 },
  });
  const [sums] = recordOp(
    'MatMulIntegerToFloat',
    [rounded!, codes, constant(1, 'float32'), scales, constant(zero, 'uint8')],
    [{ dtype: 'float32', shape: [rows, codes.shape[1]!] }],
    { domain: 'com.microsoft' },
  );
  return mul(sums!, reshape(own, [rows, 1]));
}

/** The largest or smallest element of each row, [rows]. */
const extremes = (op: 'ReduceMax' | 'ReduceMin', x: Tensor): Tensor =>
  recordOp(op, [x, constant([1], 'int64')], [{ dtype: 'float32', shape: [x.shape[0]!] }], {
    attributes: { keepdims: 0 },
  })[0]!;
