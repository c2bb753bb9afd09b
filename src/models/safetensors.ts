// The safetensors file format: reads headers so that tensors can be used in place, reads and writes small files.
// Knows bytes and names, nothing of models.
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { WhetstoneError } from '../errors.ts';
import { halfBits } from '../graph/index.ts';
import { unreadable } from './unreadable.ts';

export type StoredDType = 'F32' | 'F16' | 'BF16';

/** Bytes of one element. */
export const storedBytes: Readonly<Record<StoredDType, number>> = { F32: 4, F16: 2, BF16: 2 };

export const isStoredDType = (dtype: string): dtype is StoredDType => Object.hasOwn(storedBytes, dtype);

export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Absolute byte range within the file. */
  readonly offset: number;
  readonly length: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

const maxHeaderBytes = 100_000_000;
const bytesPerElement: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

/**
 * Reads and validates the header. Throws `SAFETENSORS` for a file that is missing, truncated or malformed; `remedy` says
 * how to get it.
 */
export async function readSafetensorsHeader(
  file: string,
  remedy = 'Download the model again, or name its folder.',
): Promise<SafetensorsHeader> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    return await readHeader(handle, file);
  } catch (cause) {
    if (cause instanceof WhetstoneError) throw cause;
    throw unreadable(file, 'SAFETENSORS', cause, remedy);
  } finally {
    await handle?.close();
  }
}

async function readHeader(handle: FileHandle, file: string): Promise<SafetensorsHeader> {
  const prefix = Buffer.alloc(8);
  const { bytesRead } = await handle.read(prefix, 0, 8, 0);
  if (bytesRead < 8) throw broken(file, `has ${bytesRead} bytes, too few for a header`);
  if (prefix.toString('latin1') === 'version ') {
    throw new WhetstoneError('SAFETENSORS', 'is a Git LFS pointer, not the weights', {
      file,
      hint: 'Run `git lfs pull` in the model folder, or download the file itself.',
    });
  }
  const { size } = await handle.stat();
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > size) {
    throw broken(file, `announces a header of ${headerBytes} bytes in a file of ${size}`);
  }
  const header = Buffer.alloc(headerBytes);
  await handle.read(header, 0, headerBytes, 8);
  return parseHeader(header.toString('utf8'), 8 + headerBytes, size, file);
}

function broken(file: string, what: string): WhetstoneError {
  return new WhetstoneError('SAFETENSORS', what, {
    file,
    hint: 'The file is damaged or incomplete; download or write it again.',
  });
}

function parseHeader(text: string, dataStart: number, fileSize: number, file: string): SafetensorsHeader {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken(file, 'has a header that is not JSON');
  }
  if (!isRecord(json)) throw broken(file, 'has a header that is no JSON object');
  const twice = repeatedKey(text);
  if (twice !== null) throw broken(file, `has ${JSON.stringify(twice)} twice in its header`);
  const { __metadata__: metadata, ...entries } = json;
  if (!isTexts(metadata ?? {})) throw broken(file, 'has "__metadata__" that is no object of texts');
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: range } = isRecord(entry) ? entry : {};
    if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(range, 2) || range[0]! > range[1]!)
      throw broken(file, `describes tensor "${name}" incompletely`);
    const length = range[1]! - range[0]!;
    const width = bytesPerElement[dtype];
    const expected = width === undefined ? length : shape.reduce((a, b) => a * b, width);
    if (length !== expected)
      throw broken(file, `gives tensor "${name}" ${length} bytes where its shape needs ${expected}`);
    if (dataStart + range[1]! > fileSize) {
      throw broken(
        file,
        `ends at byte ${fileSize}, but tensor "${name}" reaches to byte ${dataStart + range[1]!}`,
      );
    }
    tensors.set(name, { dtype, shape, offset: dataStart + range[0]!, length });
  }
  requireDisjoint(tensors, file);
  return { tensors, metadata: (metadata ?? {}) as Record<string, string> };
}

/** No two tensors of a file may share bytes: whoever wrote one through would change the other. */
function requireDisjoint(tensors: ReadonlyMap<string, TensorInfo>, file: string): void {
  const byPlace = [...tensors].filter(([, { length }]) => length > 0).sort(([, a], [, b]) => a.offset - b.offset);
  for (const [i, [name, { offset }]] of byPlace.entries()) {
    const before = byPlace[i - 1];
    if (before && before[1].offset + before[1].length > offset)
      throw broken(file, `gives tensors "${before[0]}" and "${name}" the same bytes`);
  }
}

/** A key that some object of `text` has more than once, which JSON.parse does not tell; null if none. */
function repeatedKey(text: string): string | null {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{') open.push(new Set());
    else if (char === '}') open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      if (isBeforeColon(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end - 1;
    }
  }
  return null;
}

/** Index behind the closing quote of the string that opens at `start`, in valid JSON. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isBeforeColon(text: string, start: number): boolean {
  let at = start;
  while (' \t\n\r'.includes(text[at] ?? '')) at++;
  return text[at] === ':';
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): boolean =>
  isRecord(value) && Object.values(value).every((text) => typeof text === 'string');

const isSizes = (value: unknown, count?: number): value is number[] =>
  Array.isArray(value) &&
  (count === undefined || value.length === count) &&
  value.every((size) => Number.isSafeInteger(size) && size >= 0);

/** How many elements a tensor of this shape has. */
export const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Reads one tensor's bytes. */
export async function readTensorBytes(file: string, info: TensorInfo): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    // A fresh, aligned buffer, so that typed arrays can view it.
    const bytes = new Uint8Array(info.length);
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await handle.read(
        bytes,
        done,
        Math.min(bytes.length - done, 1 << 30),
        info.offset + done,
      );
      if (bytesRead === 0) throw broken(file, 'ends early');
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Converts stored float bytes to float32. Throws `SAFETENSORS` for a dtype that is no float. */
export function toFloat32(
  bytes: Uint8Array,
  dtype: string,
  where: { file: string; field: string },
): Float32Array {
  const buffer = bytes.buffer as ArrayBuffer;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, bytes.byteOffset, bytes.byteLength / 4);
    case 'BF16': {
      const halves = new Uint16Array(buffer, bytes.byteOffset, bytes.byteLength / 2);
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
      return new Float32Array(words.buffer);
    }
    case 'F16':
      return floatsOfHalves(new Uint16Array(buffer, bytes.byteOffset, bytes.byteLength / 2));
    default:
      throw new WhetstoneError('SAFETENSORS', `has dtype ${dtype}; expected F32, F16 or BF16`, where);
  }
}

let floatOfHalf: Float32Array | undefined;

/** By a table of all half-precision numbers: a checkpoint has more elements than there are such numbers. */
function floatsOfHalves(halves: Uint16Array): Float32Array {
  floatOfHalf ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToFloat(bits));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = floatOfHalf[halves[i]!]!;
  return floats;
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Converts float32 to stored bytes, rounding to nearest, ties to even. */
export function fromFloat32(values: Float32Array, dtype: StoredDType): Uint8Array {
  switch (dtype) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'BF16': {
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const halves = new Uint16Array(values.length);
      for (let i = 0; i < words.length; i++) {
        const word = words[i]!;
        const isNaN = (word & 0x7fffffff) > 0x7f800000;
        halves[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      }
      return new Uint8Array(halves.buffer);
    }
    case 'F16':
      return new Uint8Array(halvesOfFloats(values).buffer);
  }
}

function halvesOfFloats(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]!);
  return halves;
}

export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A complete safetensors file in memory: tensors by name, in the order of their names, data aligned to 8 bytes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const sorted = [...tensors.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of sorted) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const headerBytes = Buffer.from(text, 'utf8');
  const file = new Uint8Array(8 + headerBytes.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes.length), true);
  file.set(headerBytes, 8);
  let at = 8 + headerBytes.length;
  for (const [, { bytes }] of sorted) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}
