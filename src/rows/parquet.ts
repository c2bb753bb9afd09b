// Rows of a Parquet file as plain values: integers become numbers, byte strings text. It does not know what the
// columns mean.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import { WhetstoneError } from '../errors.ts';
import type { Row } from './rows.ts';

/** Throws WhetstoneError `MALFORMED_PARQUET` and, for a file without rows, `NO_ROWS`. */
export async function readParquetRows(path: string): Promise<AsyncIterable<Row>> {
  // Imported here so that users of other formats do not pay for it.
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw malformed(path, cause);
  });
  if (metadata.row_groups.every((group) => group.num_rows === 0n)) {
    throw new WhetstoneError('NO_ROWS', 'expected at least one row, found none', { file: path });
  }
  return rowGroups();

  async function* rowGroups(): AsyncGenerator<Row> {
    const { parquetReadObjects } = await import('hyparquet');
    let rowStart = 0;
    // One row group at a time: a file of many gigabytes needs no more memory than its largest group.
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors }).catch(
        (cause: unknown) => {
          throw malformed(path, cause);
        },
      );
      for (const [i, value] of rows.entries())
        yield { value: plainValue(value), source: { file: path, row: rowStart + i + 1 } };
      rowStart = rowEnd;
    }
  }
}

// hyparquet itself unpacks Snappy; Node has the others, Zstandard only in its newer releases.
const zstd = (zlib as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array }).zstdDecompressSync;
const compressors = {
  GZIP: (input: Uint8Array): Uint8Array => gunzipSync(input),
  BROTLI: (input: Uint8Array): Uint8Array => brotliDecompressSync(input),
  ...(zstd && { ZSTD: zstd }),
};

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plainValue(entry)]));
  }
  return value;
}

function malformed(file: string, cause: unknown): WhetstoneError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const codec = /unsupported compression codec:?\s*(\S+)/i.exec(message)?.[1];
  return codec
    ? new WhetstoneError('MALFORMED_PARQUET', `cannot unpack columns compressed with ${codec}`, {
        file,
        cause,
        hint: 'Write the file with Snappy, gzip, Brotli or no compression (Zstandard needs Node 22.15 or later).',
      })
    : new WhetstoneError('MALFORMED_PARQUET', `the file is not readable as Parquet: ${message}`, {
        file,
        cause,
        hint: 'The file may be cut off or have the wrong extension: fetch it again or name its format.',
      });
}
