// Elementwise arithmetic, comparisons and selection, with NumPy broadcasting.
import { onnxTypes } from '../onnx.ts';
import type { DType, Tensor } from '../tensor.ts';
import { constant, isFloat, recordOp } from '../tensor.ts';
import { broadcastShapes, requireDType, requireFloat, requireSameDType } from './check.ts';
import { sumTo } from './reduce.ts';

/** Operands of binary ops: a number becomes a constant of the other operand's dtype. */
export type Operand = Tensor | number;

type Cotangent = (g: Tensor) => Tensor;

/** Records a unary float op whose derivative is `derivative(g, x, y)`. */
function unary(op: string, x: Tensor, derivative: (g: Tensor, x: Tensor, y: Tensor) => Tensor): Tensor {
  requireFloat(op, x);
  return recordOp(op, [x], [x], {
    vjp:
      ([y]) =>
      ([g]) =>
        g ? [derivative(g, x, y!)] : [null],
  })[0]!;
}

function binary(
  op: string,
  a: Operand,
  b: Operand,
  da: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor,
  db: typeof da,
): Tensor {
  const [x, y] = operands(op, a, b);
  return recordOp(op, [x, y], [{ dtype: x.dtype, shape: broadcastShapes(op, x, y) }], {
    vjp: isFloat(x.dtype)
      ? ([z]) =>
          ([g]) =>
            g ? [sumTo(da(g, x, y, z!), x.shape), sumTo(db(g, x, y, z!), y.shape)] : [null, null]
      : undefined,
  })[0]!;
}

function operands(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  const like = typeof a === 'number' ? b : a;
  if (typeof like === 'number') throw new TypeError(`${op}: at least one operand must be a tensor`);
  const x = typeof a === 'number' ? constant(a, like.dtype) : a;
  const y = typeof b === 'number' ? constant(b, like.dtype) : b;
  requireSameDType(op, x, y);
  return [x, y];
}

const same: Cotangent = (g) => g;

export const add = (a: Operand, b: Operand): Tensor => binary('Add', a, b, same, same);
export const sub = (a: Operand, b: Operand): Tensor => binary('Sub', a, b, same, neg);
export const mul = (a: Operand, b: Operand): Tensor =>
  binary(
    'Mul',
    a,
    b,
    (g, _x, y) => mul(g, y),
    (g, x) => mul(g, x),
  );
export const div = (a: Operand, b: Operand): Tensor =>
  binary(
    'Div',
    a,
    b,
    (g, _x, y) => div(g, y),
    (g, _x, y, z) => neg(div(mul(g, z), y)),
  );

export const neg = (x: Tensor): Tensor => unary('Neg', x, (g) => neg(g));
export const exp = (x: Tensor): Tensor => unary('Exp', x, (g, _x, y) => mul(g, y));
export const log = (x: Tensor): Tensor => unary('Log', x, (g, x) => div(g, x));
export const sqrt = (x: Tensor): Tensor => unary('Sqrt', x, (g, _x, y) => div(mul(g, 0.5), y));
export const tanh = (x: Tensor): Tensor => unary('Tanh', x, (g, _x, y) => mul(g, sub(1, mul(y, y))));
export const sigmoid = (x: Tensor): Tensor => unary('Sigmoid', x, (g, _x, y) => mul(g, mul(y, sub(1, y))));
export const cos = (x: Tensor): Tensor => unary('Cos', x, (g, x) => neg(mul(g, sin(x))));
export const sin = (x: Tensor): Tensor => unary('Sin', x, (g, x) => mul(g, cos(x)));
/** x * x; one operand read instead of two. */
export const square = (x: Tensor): Tensor => mul(x, x);

/** The larger operand; where both are equal the cotangent goes to the first. */
export const maximum = (a: Operand, b: Operand): Tensor =>
  binary('Max', a, b, ...selecting((x, y) => not(less(x, y))));
/** The smaller operand; where both are equal the cotangent goes to the first. */
export const minimum = (a: Operand, b: Operand): Tensor =>
  binary('Min', a, b, ...selecting((x, y) => not(greater(x, y))));

function selecting(takesFirst: (x: Tensor, y: Tensor) => Tensor): [typeof first, typeof first] {
  const first = (g: Tensor, x: Tensor, y: Tensor): Tensor => where(takesFirst(x, y), g, constant(0, g.dtype));
  const second = (g: Tensor, x: Tensor, y: Tensor): Tensor =>
    where(takesFirst(x, y), constant(0, g.dtype), g);
  return [first, second];
}

function comparison(op: string, a: Operand, b: Operand): Tensor {
  const [x, y] = operands(op, a, b);
  return recordOp(op, [x, y], [{ dtype: 'bool', shape: broadcastShapes(op, x, y) }])[0]!;
}

export const greater = (a: Operand, b: Operand): Tensor => comparison('Greater', a, b);
export const less = (a: Operand, b: Operand): Tensor => comparison('Less', a, b);
export const equal = (a: Operand, b: Operand): Tensor => comparison('Equal', a, b);

export function not(x: Tensor): Tensor {
  requireDType('Not', x, 'bool');
  return recordOp('Not', [x], [x])[0]!;
}

export function and(a: Tensor, b: Tensor): Tensor {
  requireDType('And', a, 'bool');
  return comparison('And', a, b);
}

export function or(a: Tensor, b: Tensor): Tensor {
  requireDType('Or', a, 'bool');
  return comparison('Or', a, b);
}

/** `a` where the condition holds, else `b`. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  requireDType('Where', condition, 'bool');
  const [x, y] = operands('Where', a, b);
  const both = { ...x, shape: broadcastShapes('Where', x, y) };
  const shape = broadcastShapes('Where', condition, both);
  return recordOp('Where', [condition, x, y], [{ dtype: x.dtype, shape }], {
    vjp:
      () =>
      ([g]) =>
        g
          ? [
              null,
              sumTo(where(condition, g, constant(0, g.dtype)), x.shape),
              sumTo(where(condition, constant(0, g.dtype), g), y.shape),
            ]
          : [null, null, null],
  })[0]!;
}

/**
 * Converts between dtypes; cotangents are converted back where both are floats. With `eachUse` it is done for each op
 * that uses it and let go after that, so that only x stays in memory.
 */
export function cast(
  x: Tensor,
  dtype: DType,
  { eachUse = false }: { readonly eachUse?: boolean } = {},
): Tensor {
  if (x.dtype === dtype) return x;
  return recordOp('Cast', [x], [{ dtype, shape: x.shape }], {
    attributes: { to: onnxTypes[dtype] },
    eachUse,
    vjp:
      isFloat(x.dtype) && isFloat(dtype)
        ? () =>
            ([g]) => [g ? cast(g, x.dtype) : null]
        : undefined,
  })[0]!;
}
