// Writes a safetensors file tensor by tensor, so that a file of any size needs no more memory than one chunk.
// Knows bytes and names, nothing of models.
import { open } from 'node:fs/promises';
import { writeAll } from '../durable/files.ts';
import { elementsOf } from './safetensors.ts';

export interface TensorSource {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes in all. */
  readonly length: number;
  /** The bytes in order, in pieces of any size. A piece may be reused once the next one is asked for. */
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Writes a new file and syncs it. Tensors lie wide dtypes first, otherwise in the given order, without gaps, so
 * that each is aligned to its element size. Returns the file's size in bytes; throws if the file exists, and if a
 * source gives more or fewer bytes than it announced.
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<number> {
  const ordered = [...tensors].sort(([, a], [, b]) => elementBytes(b) - elementBytes(a));
  const header = encodeHeader(ordered, metadata);
  const handle = await open(file, 'wx');
  try {
    await writeAll(handle, header);
    let size = header.byteLength;
    for (const [name, source] of ordered) {
      let written = 0;
      for await (const chunk of source.chunks()) {
        await writeAll(handle, chunk);
        written += chunk.byteLength;
      }
      if (written !== source.length) {
        throw new Error(`tensor "${name}" was announced with ${source.length} bytes and gave ${written}`);
      }
      size += written;
    }
    await handle.sync();
    return size;
  } finally {
    await handle.close();
  }
}

/** The length prefix and the JSON, padded with spaces so that the data begin at a multiple of 8. */
function encodeHeader(
  ordered: readonly (readonly [string, TensorSource])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let end = 0;
  const entries = ordered.map(([name, { dtype, shape, length }]) => {
    const start = end;
    end += length;
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const hasMetadata = Object.keys(metadata).length > 0;
  const json = JSON.stringify({
    ...(hasMetadata && { __metadata__: metadata }),
    ...Object.fromEntries(entries),
  });
  const padded = Math.ceil(Buffer.byteLength(json) / 8) * 8;
  const bytes = Buffer.alloc(8 + padded, ' ');
  bytes.writeBigUInt64LE(BigInt(padded));
  bytes.write(json, 8, 'utf8');
  return bytes;
}

function elementBytes({ shape, length }: TensorSource): number {
  const count = elementsOf(shape);
  return count === 0 ? 0 : length / count;
}
