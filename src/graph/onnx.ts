// The part of the ONNX file format that traces need, written with protobuf's wire format.
// Field numbers are those of onnx.proto (ONNX IR version 10). Knows nothing of traces.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Dim, Shape } from './dim.ts';
import type { AttributeValue, DType, ExternalData } from './tensor.ts';

export const onnxTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  int4: 22,
};

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  /** Empty names stand for optional inputs left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | ExternalData;
}

export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Shapes of values between; ONNX Runtime plans with them which buffers to share. */
  readonly values: readonly OnnxValue[];
}

const irVersion = 10;
const opsets = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
];

/** Serializes a model. External initializers keep pointing at their files. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const model = new BinaryWriter();
  int64(model, 1, irVersion);
  text(model, 2, 'whetstone');
  message(model, 7, (w) => writeGraph(w, graph));
  for (const { domain, version } of opsets) {
    message(model, 8, (w) => {
      text(w, 1, domain);
      int64(w, 2, version);
    });
  }
  return model.finish();
}

function writeGraph(w: BinaryWriter, { nodes, initializers, inputs, outputs, values }: OnnxGraph): void {
  for (const node of nodes) message(w, 1, (n) => writeNode(n, node));
  text(w, 2, 'whetstone');
  for (const initializer of initializers) message(w, 5, (t) => writeInitializer(t, initializer));
  for (const value of inputs) message(w, 11, (v) => writeValue(v, value));
  for (const value of outputs) message(w, 12, (v) => writeValue(v, value));
  for (const value of values) message(w, 13, (v) => writeValue(v, value));
}

function writeNode(w: BinaryWriter, { op, domain, inputs, outputs, attributes }: OnnxNode): void {
  for (const name of inputs) text(w, 1, name);
  for (const name of outputs) text(w, 2, name);
  text(w, 3, `${op}_${outputs[0]}`);
  text(w, 4, op);
  for (const [name, value] of Object.entries(attributes))
    message(w, 5, (a) => writeAttribute(a, name, value));
  if (domain) text(w, 7, domain);
}

function writeAttribute(w: BinaryWriter, name: string, value: AttributeValue): void {
  text(w, 1, name);
  if (typeof value === 'number') {
    int64(w, 3, value);
    int64(w, 20, 2);
  } else if (typeof value === 'string') {
    w.tag(4, WireType.LengthDelimited).bytes(new TextEncoder().encode(value));
    int64(w, 20, 3);
  } else if ('float' in value) {
    w.tag(2, WireType.Bit32).float(value.float);
    int64(w, 20, 1);
  } else {
    for (const item of value) int64(w, 8, item);
    int64(w, 20, 7);
  }
}

function writeInitializer(w: BinaryWriter, { name, dtype, shape, data }: OnnxInitializer): void {
  for (const size of shape) int64(w, 1, size);
  int64(w, 2, onnxTypes[dtype]);
  text(w, 8, name);
  if (data instanceof Uint8Array) {
    w.tag(9, WireType.LengthDelimited).bytes(data);
    return;
  }
  const entries = { location: data.location, offset: String(data.offset), length: String(data.length) };
  for (const [key, value] of Object.entries(entries)) {
    message(w, 13, (e) => {
      text(e, 1, key);
      text(e, 2, value);
    });
  }
  int64(w, 14, 1);
}

function writeValue(w: BinaryWriter, { name, dtype, shape }: OnnxValue): void {
  text(w, 1, name);
  message(w, 2, (type) =>
    message(type, 1, (tensor) => {
      int64(tensor, 1, onnxTypes[dtype]);
      message(tensor, 2, (dims) => {
        for (const d of shape) message(dims, 1, (entry) => writeDim(entry, d));
      });
    }),
  );
}

function writeDim(w: BinaryWriter, d: Dim): void {
  if (typeof d === 'number') int64(w, 1, d);
  else text(w, 2, d.key);
}

function message(w: BinaryWriter, field: number, write: (w: BinaryWriter) => void): void {
  w.tag(field, WireType.LengthDelimited).fork();
  write(w);
  w.join();
}

function text(w: BinaryWriter, field: number, value: string): void {
  w.tag(field, WireType.LengthDelimited).string(value);
}

function int64(w: BinaryWriter, field: number, value: number): void {
  w.tag(field, WireType.Varint).int64(value);
}
