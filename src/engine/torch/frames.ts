// What travels between Whetstone and the rank 0 of its worker, as bytes: the greeting, and frames of a JSON header and raw
// little-endian tensors. The other side is engines/torch/whetstone_torch/protocol.py. Knows no sockets.
import { createHmac } from 'node:crypto';
import { WhetstoneError } from '../../errors.ts';

export const magic: Buffer = Buffer.from('WHETTRCH');
export const protocolVersion = 1;
export const tokenVariable = 'WHETSTONE_TORCH_TOKEN';

export const nonceBytes = 32;
export const proofBytes = 32;
/** Magic, version, nonce; the worker's answer has its proof besides. */
export const helloBytes: number = magic.length + 4 + nonceBytes;
export const answerBytes: number = helloBytes + proofBytes;
/** Bytes of the header, uint32, and of the payload, uint64. */
export const prefixBytes = 12;

const mostHeaderBytes = 64 << 20;
const mostPayloadBytes = 2 ** 31;

export type TensorData = Float32Array | Int32Array | Uint8Array;

export interface NamedTensor {
  readonly data: TensorData;
  readonly shape: readonly number[];
}

/** One message: what is wanted, its fields, and its tensors by name. */
export interface Frame {
  readonly op: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, NamedTensor>>;
}

const types = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

const dtypeOf = (data: TensorData): keyof typeof types =>
  data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'uint8';

/** A flat tensor. */
export const flat = (data: TensorData): NamedTensor => ({ data, shape: [data.length] });

export const broken = (what: string, hint?: string): WhetstoneError =>
  new WhetstoneError('TORCH_PROTOCOL', what, hint === undefined ? {} : { hint });

/** Proves that a side knows the token, without sending it: HMAC-SHA256 of the nonces. */
export const proofOf = (token: string, side: 'client' | 'worker', first: Buffer, second: Buffer): Buffer =>
  createHmac('sha256', token).update(side).update(first).update(second).digest();

export function hello(nonce: Buffer): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32LE(protocolVersion);
  return Buffer.concat([magic, version, nonce]);
}

/** The frame as buffers to be written one after the other. Throws `TORCH_PROTOCOL` where it is too long. */
export function encodeFrame({ op, fields, tensors }: Frame): Buffer[] {
  const listed = Object.entries(tensors).map(([name, { data, shape }]) => ({
    name,
    dtype: dtypeOf(data),
    shape,
  }));
  const header = Buffer.from(JSON.stringify({ op, ...fields, tensors: listed }));
  const payload = Object.values(tensors).map(({ data }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  );
  const prefix = Buffer.alloc(prefixBytes);
  const bytes = payload.reduce((sum, { length }) => sum + length, 0);
  requireLengths(header.length, bytes);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeBigUInt64LE(BigInt(bytes), 4);
  return [prefix, header, ...payload];
}

/** How long header and payload are. Throws `TORCH_PROTOCOL` beyond the limits. */
export function readPrefix(prefix: Buffer): { header: number; payload: number } {
  const header = prefix.readUInt32LE(0);
  const payload = Number(prefix.readBigUInt64LE(4));
  requireLengths(header, payload);
  return { header, payload };
}

function requireLengths(header: number, payload: number): void {
  if (header <= mostHeaderBytes && payload <= mostPayloadBytes) return;
  throw broken(
    `a frame of ${header} and ${payload} bytes is longer than the limits ${mostHeaderBytes} and ${mostPayloadBytes}`,
  );
}

/** Throws `TORCH_PROTOCOL` where header and payload do not describe each other. Tensors are copies. */
export function decodeFrame(header: Buffer, payload: Buffer): Frame {
  const { op, tensors: listed, ...fields } = parse(header);
  if (typeof op !== 'string' || !Array.isArray(listed)) throw broken("a frame's header names no operation");
  let at = 0;
  const tensors = (listed as unknown[]).map((each): [string, NamedTensor] => {
    const { name, dtype, shape } = specOf(each);
    const size = shape.reduce((product, n) => product * n, 1) * types[dtype].BYTES_PER_ELEMENT;
    const part = payload.subarray(at, at + size);
    at += size;
    if (part.length !== size) throw broken("a frame's tensors are longer than its payload");
    // Copied: a view would have to begin on a boundary of its type.
    return [name, { data: new types[dtype](new Uint8Array(part).buffer), shape }];
  });
  if (at !== payload.length) throw broken(`a frame's tensors take ${at} of ${payload.length} bytes`);
  return { op, fields, tensors: Object.fromEntries(tensors) };
}

/** Numbers that JSON lacks are written by Python as they are spelled there; losses may be such. */
function parse(header: Buffer): Record<string, unknown> {
  const text = header.toString().replace(/(?<=[:[,]\s*)(?:-?Infinity|NaN)(?=\s*[,\]}])/g, 'null');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw broken("a frame's header is not a JSON object");
}

function specOf(each: unknown): { name: string; dtype: keyof typeof types; shape: number[] } {
  const { name, dtype, shape } = (each ?? {}) as Record<string, unknown>;
  const sound = Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (typeof name !== 'string' || typeof dtype !== 'string' || !Object.hasOwn(types, dtype) || !sound)
    throw broken('a frame describes no tensor where it should');
  return { name, dtype: dtype as keyof typeof types, shape: shape as number[] };
}

/** The float32 tensor of that name. Throws `TORCH_PROTOCOL` where there is none. */
export function floatsOf({ op, tensors }: Frame, name: string): Float32Array {
  const data = tensors[name]?.data;
  if (data instanceof Float32Array) return data;
  throw broken(`the answer "${op}" has no numbers "${name}"`);
}
