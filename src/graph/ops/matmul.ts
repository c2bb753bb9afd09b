// Matrix products. Transposition and scale are part of the product, so no operand is copied for them.
import type { Dim, Shape } from '../dim.ts';
import { sameDim, sameShape } from '../dim.ts';
import type { Tensor } from '../tensor.ts';
import { recordOp } from '../tensor.ts';
import { broadcastShapes, requireFloat, requireRank, requireSameDType, shapeError } from './check.ts';
import { mul } from './elementwise.ts';
import { sumTo } from './reduce.ts';
import { transpose } from './shape.ts';

interface ProductOptions {
  /** Use the transpose of the last two axes. */
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Multiplies the product. */
  readonly alpha?: number;
}

/** Rows, inner and columns of a product, or an error that shows both operands. */
function productDims(
  op: string,
  a: Tensor,
  b: Tensor,
  transA: boolean,
  transB: boolean,
): { rows: Dim; columns: Dim } {
  requireFloat(op, a);
  requireSameDType(op, a, b);
  if (a.shape.length < 2 || b.shape.length < 2) throw shapeError(op, 'needs rank 2 or more', a, b);
  const [ar, ac] = a.shape.slice(-2) as [Dim, Dim];
  const [br, bc] = b.shape.slice(-2) as [Dim, Dim];
  const inner = [transA ? ar : ac, transB ? bc : br] as const;
  if (!sameDim(...inner))
    throw shapeError(op, `inner dimensions differ (transA ${transA}, transB ${transB})`, a, b);
  return { rows: transA ? ac : ar, columns: transB ? br : bc };
}

/**
 * alpha * a @ b over the last two axes; leading axes broadcast. `fused` lets one kernel transpose and scale within the
 * product, in the precision that has it.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  {
    transA = false,
    transB = false,
    alpha = 1,
    fused = true,
  }: ProductOptions & { readonly fused?: boolean } = {},
): Tensor {
  const { rows, columns } = productDims('matmul', a, b, transA, transB);
  const batch = broadcastShapes('matmul', leading(a), leading(b));
  const vjp =
    () =>
    ([g]: readonly (Tensor | null)[]): (Tensor | null)[] => {
      if (!g) return [null, null];
      const da = transA
        ? matmul(b, g, { transA: transB, transB: true, alpha })
        : matmul(g, b, { transB: !transB, alpha });
      const db = transB
        ? matmul(g, a, { transA: true, transB: transA, alpha })
        : matmul(a, g, { transA: !transA, alpha });
      return [sumTo(da, a.shape), sumTo(db, b.shape)];
    };
  const output = [{ dtype: a.dtype, shape: [...batch, rows, columns] }];
  if (!transA && !transB && alpha === 1) return recordOp('MatMul', [a, b], output, { vjp })[0]!;
  if (!fused || a.dtype !== 'float32') {
    // The fused product exists in single precision only.
    const product = matmul(transA ? swapLast(a) : a, transB ? swapLast(b) : b);
    return alpha === 1 ? product : mul(product, alpha);
  }
  return recordOp('FusedMatMul', [a, b], output, {
    domain: 'com.microsoft',
    attributes: { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } },
    vjp,
  })[0]!;
}

function leading(x: Tensor): Tensor {
  const shape: Shape = x.shape.slice(0, -2);
  return { ...x, shape };
}

function swapLast(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(
    x,
    x.shape.map((_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i)),
  );
}

/**
 * alpha * a @ b + c for matrices; `c` broadcasts to the result. One kernel, so adding c costs no pass of its own.
 */
export function gemm(a: Tensor, b: Tensor, options: ProductOptions & { readonly c?: Tensor } = {}): Tensor {
  const { transA = false, transB = false, alpha = 1, c } = options;
  requireRank('gemm', a, 2);
  requireRank('gemm', b, 2);
  const { rows, columns } = productDims('gemm', a, b, transA, transB);
  const shape = [rows, columns];
  if (c) {
    requireSameDType('gemm', a, c);
    const sum = broadcastShapes('gemm', { ...a, shape }, c);
    if (!sameShape(sum, shape)) throw shapeError('gemm', 'c must not stretch the product', a, b, c);
  }
  return recordOp('Gemm', c ? [a, b, c] : [a, b], [{ dtype: a.dtype, shape }], {
    attributes: {
      transA: Number(transA),
      transB: Number(transB),
      alpha: { float: alpha },
      beta: { float: 1 },
    },
    vjp:
      () =>
      ([g]) => {
        if (!g) return [null, null, null];
        const da = transA
          ? gemm(b, g, { transA: transB, transB: true, alpha })
          : gemm(g, b, { transB: !transB, alpha });
        const db = transB
          ? gemm(g, a, { transA: true, transB: transA, alpha })
          : gemm(a, g, { transA: !transA, alpha });
        return [da, db, c ? sumTo(g, c.shape) : null];
      },
  })[0]!;
}

/** x [rows, in] times the transpose of a Hugging Face weight [out, in], plus an optional bias [out]. */
export const linear = (x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor =>
  gemm(x, weight, { transB: true, c: bias ?? undefined });
