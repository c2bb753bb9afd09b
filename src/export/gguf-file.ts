// The GGUF file format, version 3: fields, tensors by name, data. Knows bytes and names, nothing of models.
import { replaceFile } from '../durable/files.ts';

/** A field's value with its type. */
export type GgufValue =
  | { readonly type: 'uint32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'float32s' | 'int32s'; readonly value: readonly number[] };

export type GgufFields = readonly (readonly [key: string, value: GgufValue])[];

/** How a tensor's elements are stored. */
export type GgufDType = 'F32' | 'F16' | 'Q8_0';

export interface GgufTensor {
  readonly name: string;
  /** Rows first, as everywhere here; the file has them the other way round. */
  readonly shape: readonly number[];
  readonly dtype: GgufDType;
  /** Bytes in all. */
  readonly length: number;
  /** The bytes in order, in pieces of any size. */
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const alignment = 32;
const padded = (length: number): number => Math.ceil(length / alignment) * alignment;

// The numbers of the format's enumerations.
const dtypes: Readonly<Record<GgufDType, number>> = { F32: 0, F16: 1, Q8_0: 8 };
const [uint32, int32, float32, bool, string, array] = [4, 5, 6, 7, 8, 9] as const;

/**
 * Writes the file whole or not at all; one that is there is replaced. `onBytes` hears of bytes of tensors. Throws as
 * `replaceFile`, and what the tensors' chunks throw.
 */
export async function writeGguf(
  file: string,
  fields: GgufFields,
  tensors: readonly GgufTensor[],
  onBytes: (bytes: number) => void = () => undefined,
): Promise<void> {
  await replaceFile(file, async (append) => {
    await append(header(fields, tensors));
    for (const { name, length, chunks } of tensors) {
      let written = 0;
      for await (const bytes of chunks()) {
        await append(bytes);
        written += bytes.byteLength;
        onBytes(bytes.byteLength);
      }
      if (written !== length)
        throw new Error(`tensor "${name}" was announced with ${length} bytes and gave ${written}`);
      await append(new Uint8Array(padded(length) - length));
    }
  });
}

function header(fields: GgufFields, tensors: readonly GgufTensor[]): Uint8Array {
  const bytes = createBytes();
  bytes.raw(Buffer.from('GGUF'));
  bytes.uint32(3);
  bytes.uint64(tensors.length);
  bytes.uint64(fields.length);
  for (const [key, value] of fields) {
    bytes.text(key);
    field(bytes, value);
  }
  let offset = 0;
  for (const { name, shape, dtype, length } of tensors) {
    bytes.text(name);
    bytes.uint32(shape.length);
    for (const size of [...shape].reverse()) bytes.uint64(size);
    bytes.uint32(dtypes[dtype]);
    bytes.uint64(offset);
    offset += padded(length);
  }
  const all = bytes.all();
  return Buffer.concat([all, Buffer.alloc(padded(all.length) - all.length)]);
}

function field(bytes: Bytes, { type, value }: GgufValue): void {
  const items = <T>(kind: number, all: readonly T[], put: (item: T) => void): void => {
    bytes.uint32(array);
    bytes.uint32(kind);
    bytes.uint64(all.length);
    for (const item of all) put(item);
  };
  switch (type) {
    case 'uint32':
      bytes.uint32(uint32);
      return bytes.uint32(value);
    case 'float32':
      bytes.uint32(float32);
      return bytes.float32(value);
    case 'bool':
      bytes.uint32(bool);
      return bytes.raw(Buffer.from([value ? 1 : 0]));
    case 'string':
      bytes.uint32(string);
      return bytes.text(value);
    case 'strings':
      return items(string, value, bytes.text);
    case 'float32s':
      return items(float32, value, bytes.float32);
    case 'int32s':
      return items(int32, value, bytes.int32);
  }
}

interface Bytes {
  readonly raw: (bytes: Buffer) => void;
  readonly uint32: (value: number) => void;
  readonly int32: (value: number) => void;
  readonly uint64: (value: number) => void;
  readonly float32: (value: number) => void;
  readonly text: (value: string) => void;
  readonly all: () => Buffer;
}

/** Little-endian numbers and texts, one after the other. */
function createBytes(): Bytes {
  const pieces: Buffer[] = [];
  const number = (size: number, write: (buffer: Buffer) => void): void => {
    const buffer = Buffer.alloc(size);
    write(buffer);
    pieces.push(buffer);
  };
  const uint64 = (value: number): void => number(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value)));
  return {
    raw: (bytes) => void pieces.push(bytes),
    uint32: (value) => number(4, (buffer) => buffer.writeUInt32LE(value)),
    int32: (value) => number(4, (buffer) => buffer.writeInt32LE(value)),
    uint64,
    float32: (value) => number(4, (buffer) => buffer.writeFloatLE(value)),
    text: (value) => {
      const utf8 = Buffer.from(value, 'utf8');
      uint64(utf8.length);
      pieces.push(utf8);
    },
    all: () => Buffer.concat(pieces),
  };
}
