// Products that read the codes of matrices in few bits as they lie in memory, in place of dequantizing each matrix for
// each of its uses. Forward only: nothing multiplies by the transpose. Knows single ops; what a graph is for, its caller
// knows.
import { blockOf } from './ops/quantized.ts';
import type { Tensor } from './tensor.ts';
import { asStored, constant, recordOp } from './tensor.ts';
import type { Substitute } from './substitute.ts';
import { replaceOps } from './substitute.ts';

/**
 * What codes are multiplied in. float32: exactly the numbers that they stand for. int8: what they are multiplied with is
 * rounded to a 127th of the largest magnitude of each block of its row, and products are summed in whole numbers.
 */
export type Arithmetic = 'float32' | 'int8';

/** As the kernel names it. */
const accuracyLevels: Readonly<Record<Arithmetic, number>> = { float32: 1, int8: 4 };

/**
 * The same outputs (name to traced tensor) with `linear` of codes done by the kernel that reads them. Matrices whose rows
 * end within a block stay as they are, and so do those with codes for zero that cannot be read in place.
 */
export const multiplyCodes = (
  outputs: Readonly<Record<string, Tensor>>,
  arithmetic: Arithmetic,
): Readonly<Record<string, Tensor>> => replaceOps(outputs, { Gemm: productOfCodes(arithmetic) });

const productOfCodes =
  (arithmetic: Arithmetic): Substitute =>
  ({ inputs: [x, matrix, c], attributes: { transA, transB, alpha } }, outputs) => {
    if (transA !== 0 || transB !== 1 || (alpha as { float: number }).float !== 1) return null;
    const codes = codesOf(matrix!);
    if (!codes || (c && c.shape.length !== 1)) return null;
    const { rows, columns, bits, block, operands } = codes;
    return recordOp('MatMulNBits', [x!, ...operands, ...(c ? [null, c] : [])], outputs, {
      domain: 'com.microsoft',
      attributes: {
        K: columns,
        N: rows,
        bits,
        block_size: block,
        accuracy_level: accuracyLevels[arithmetic],
      },
    });
  };

interface Codes {
  readonly rows: number;
  readonly columns: number;
  readonly bits: 4 | 8;
  readonly block: number;
  /** Codes uint8 [rows, blocks, bytes], scales float32 [rows * blocks], and what stands for zero, or null. */
  readonly operands: readonly [Tensor, Tensor, Tensor | null];
}

/** What the kernel wants to know of a matrix; null where it is none of codes, or none that it reads. */
function codesOf({ node }: Tensor): Codes | null {
  if (node.kind !== 'op' || node.op !== 'DequantizeLinear') return null;
  const [codes, scales, zeros = null] = node.inputs as readonly [Tensor, Tensor, (Tensor | null)?];
  const [rows, columns] = codes.shape as readonly [number, number];
  const bits = codes.dtype === 'int8' ? 8 : 4;
  const block = blockOf(node);
  const blocks = columns / block;
  const isReadable = Number.isInteger(blocks) && block >= 16 && Number.isInteger(Math.log2(block));
  // Rows of codes for zero begin at whole bytes.
  if (!isReadable || (zeros && bits === 4 && blocks % 2 !== 0)) return null;
  const bytes = (block * bits) / 8;
  const own = [unsigned(codes, [rows, blocks, bytes]), asStored(scales, 'float32', [rows * blocks])] as const;
  const zero = zeros && unsigned(zeros, [(rows * blocks * bits) / 8]);
  return own.every((part) => part !== null) && (!zeros || zero)
    ? { rows, columns, bits, block, operands: [own[0]!, own[1]!, zero] }
    : null;
}

/**
 * Codes as the kernel counts them, from 0 upward: two's complement with its highest bit turned. ONNX Runtime does this
 * once, when it loads the graph.
 */
function unsigned(codes: Tensor, shape: readonly number[]): Tensor | null {
  const bytes = asStored(codes, 'uint8', shape);
  const highest = codes.dtype === 'int8' ? 0x80 : 0x88;
  return (
    bytes &&
    recordOp('BitwiseXor', [bytes, constant([highest], 'uint8', [1])], [{ dtype: 'uint8', shape }])[0]!
  );
}
