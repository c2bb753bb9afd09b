// Traced tensors, their ops, differentiation and ONNX emission.
export type { Dim, Shape, SymbolicDim } from './dim.ts';
export { addDims, dim, dimKey, formatShape, mulDims, sameDim, sameShape } from './dim.ts';
export type { DType, ExternalData, Tensor, Vjp } from './tensor.ts';
export { constant, input, recompute, recordOp, stopGradient, weight, withGradient } from './tensor.ts';
export { halfBits } from './half.ts';
export * from './ops/elementwise.ts';
export * from './ops/reduce.ts';
export * from './ops/shape.ts';
export * from './ops/matmul.ts';
export * from './ops/nn.ts';
export { dequantize } from './ops/quantized.ts';
export { grad, reachability, vjp } from './grad.ts';
export type { Provider } from './substitute.ts';
export { substitute } from './substitute.ts';
export type { Arithmetic } from './code-products.ts';
export { multiplyCodes } from './code-products.ts';
export type { EmittedModel } from './emit.ts';
export { emit } from './emit.ts';
