// Traced tensors: values that will exist when the graph runs, each made by one node of the trace.
// Knows dtypes, shapes and how to record a node; ops live in ops/, differentiation in grad.ts, ONNX in emit.ts.
import { WhetstoneError } from '../errors.ts';
import type { Shape } from './dim.ts';
import { formatShape } from './dim.ts';
import { halfBits } from './half.ts';

export type DType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'uint8' | 'int8' | 'int4' | 'bool';

/** A value of the trace. Immutable; compare by identity. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly node: Node;
  /** Which of the node's outputs this is. */
  readonly output: number;
}

/** Where an initializer's bytes lie: a file below the session's folder, in place. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** ONNX tells integer from float attributes; a plain number is an integer. */
export type AttributeValue = number | { readonly float: number } | string | readonly number[];

/**
 * Cotangents of a node's inputs from those of its outputs; null stands for zero on both sides.
 * Called only when at least one output has a cotangent.
 */
export type Vjp = (cotangents: readonly (Tensor | null)[]) => readonly (Tensor | null)[];

export type Node = { readonly id: number; outputs: readonly Tensor[] } & (
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: Uint8Array }
  | WeightNode
  /** The run-time values of symbolic dimensions, as an int64 vector. */
  | { readonly kind: 'dims'; readonly dims: Shape }
  | OpNode
  /** Passes its first inputs through as outputs, with a derivative of its own. Emits nothing. */
  | {
      readonly kind: 'alias';
      readonly inputs: readonly Tensor[];
      readonly sources: readonly Tensor[];
      readonly vjp: Vjp | null;
    }
);

export interface WeightNode {
  readonly kind: 'weight';
  readonly name: string;
  readonly external: ExternalData;
}

export interface OpNode {
  readonly kind: 'op';
  readonly op: string;
  readonly domain: '' | 'com.microsoft';
  /** null is an optional input left out. */
  readonly inputs: readonly (Tensor | null)[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly vjp: Vjp | null;
  /** Computed anew for each op that uses it, right before that. */
  readonly eachUse: boolean;
  /** Nodes with different marks are computed separately, even if they are equal. */
  readonly mark: number;
}

type NodeBody<N = Node> = N extends unknown ? Omit<N, 'id' | 'outputs'> : never;

let nextId = 0;

function record(body: NodeBody, outputs: readonly { dtype: DType; shape: Shape }[]): readonly Tensor[] {
  const node = { ...body, id: nextId++, outputs: [] } as Node;
  node.outputs = outputs.map(({ dtype, shape }, output) => Object.freeze({ dtype, shape, node, output }));
  return node.outputs;
}

/** A value fed at run time. */
export function input(name: string, dtype: DType, shape: Shape): Tensor {
  return record({ kind: 'input', name }, [{ dtype, shape }])[0]!;
}

/** An initializer that points into a file; nothing is read while tracing. */
export function weight(name: string, dtype: DType, shape: readonly number[], external: ExternalData): Tensor {
  return record({ kind: 'weight', name, external }, [{ dtype, shape }])[0]!;
}

/** A weight's bytes read as another dtype and shape; null for any other tensor. */
export function asStored(x: Tensor, dtype: DType, shape: readonly number[]): Tensor | null {
  const { node } = x;
  return node.kind === 'weight'
    ? weight(`${node.name}.${dtype}.${shape.join('x')}`, dtype, shape, node.external)
    : null;
}

/** A constant from numbers; `shape` defaults to a scalar for one number. Throws on a wrong count. */
export function constant(
  values: number | readonly number[],
  dtype: DType,
  shape?: readonly number[],
): Tensor {
  const list = typeof values === 'number' ? [values] : values;
  const dims = shape ?? (typeof values === 'number' ? [] : [list.length]);
  const count = dims.reduce((a, b) => a * b, 1);
  if (count !== list.length) {
    throw new WhetstoneError('GRAPH_SHAPE', `constant: ${list.length} values for shape ${formatShape(dims)}`);
  }
  return record({ kind: 'constant', data: encodeValues(list, dtype) }, [{ dtype, shape: dims }])[0]!;
}

/** The run-time values of `dims` as an int64 vector. */
export function dimValues(dims: Shape): Tensor {
  return record({ kind: 'dims', dims }, [{ dtype: 'int64', shape: [dims.length] }])[0]!;
}

let marks = 0;
let mark = 0;

/**
 * Computes again what a derivative needs, instead of keeping it since the forward pass: ops traced within are
 * never merged with equal ones traced before, and run when their first user does. Memory for time.
 */
export const recompute = <T>(trace: () => T): T => withMark(++marks, trace);

/** Traces ops with the mark of another. */
export function withMark<T>(own: number, trace: () => T): T {
  const outer = mark;
  mark = own;
  try {
    return trace();
  } finally {
    mark = outer;
  }
}

/** Records an operator with any number of outputs. */
export function recordOp(
  op: string,
  inputs: readonly (Tensor | null)[],
  outputs: readonly { dtype: DType; shape: Shape }[],
  options: {
    domain?: OpNode['domain'];
    attributes?: OpNode['attributes'];
    vjp?: (outputs: readonly Tensor[]) => Vjp;
    eachUse?: boolean;
  } = {},
): readonly Tensor[] {
  // The derivative may use the outputs, which do not exist before the node does.
  let vjp: Vjp | null = null;
  const made = record(
    {
      kind: 'op',
      op,
      domain: options.domain ?? '',
      inputs,
      attributes: options.attributes ?? {},
      mark,
      eachUse: options.eachUse ?? false,
      vjp: options.vjp ? (cotangents) => vjp!(cotangents) : null,
    },
    outputs,
  );
  if (options.vjp) vjp = options.vjp(made);
  return made;
}

/**
 * Gives a computation a derivative of its own: returns values equal to `outputs`, whose cotangents `vjp`
 * turns into those of `sources`. What lies between is not differentiated.
 */
export function withGradient(
  outputs: readonly Tensor[],
  sources: readonly Tensor[],
  vjp: Vjp | null,
): readonly Tensor[] {
  return record(
    { kind: 'alias', inputs: outputs, sources, vjp },
    outputs.map(({ dtype, shape }) => ({ dtype, shape })),
  );
}

/** The same value, treated as a constant by `grad`. */
export function stopGradient(x: Tensor): Tensor {
  return withGradient([x], [], null)[0]!;
}

/** Inputs that a node's value depends on, in order. */
export function inputsOf(node: Node): readonly Tensor[] {
  switch (node.kind) {
    case 'op':
      return node.inputs.filter((t) => t !== null);
    case 'alias':
      return node.inputs;
    default:
      return [];
  }
}

export const isFloat = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';

function encodeValues(values: readonly number[], dtype: DType): Uint8Array {
  switch (dtype) {
    case 'float32':
      return bytesOf(Float32Array.from(values));
    case 'float64':
      return bytesOf(Float64Array.from(values));
    case 'float16':
      return bytesOf(Uint16Array.from(values, halfBits));
    case 'int64':
      return bytesOf(BigInt64Array.from(values, (v) => BigInt(v)));
    case 'int32':
      return bytesOf(Int32Array.from(values));
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    case 'int8':
      return bytesOf(Int8Array.from(values));
    default:
      throw new WhetstoneError('GRAPH_DTYPE', `constant: ${dtype} constants are not supported`);
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
