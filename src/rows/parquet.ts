// Rows of a Parquet file as plain values: integers become numbers where these hold them, byte strings text. It does not
// know what the columns mean.
import type { FileMetaData, RowGroup } from 'hyparquet';
import { WhetstoneError } from '../errors.ts';
import { plural } from '../words/numbers.ts';
import { heapNow, requireRoom } from './bounds.ts';
import { ParquetProblem, parquetThread } from './parquet-thread.ts';
import type { Row } from './rows.ts';

export interface ParquetSettings {
  /** Milliseconds that a row group may take, beside those that its size allows it. */
  readonly patience?: number;
}

/** Throws WhetstoneError `MALFORMED_PARQUET`, `FILE_TOO_LARGE` and, for a file without rows, `NO_ROWS`. */
export async function readParquetRows(
  path: string,
  { patience = 5000 }: ParquetSettings = {},
): Promise<AsyncIterable<Row>> {
  // Imported here so that users of other formats do not pay for it.
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw malformed(path, cause);
  });
  if (metadata.row_groups.every((group) => group.num_rows === 0n)) {
    throw new WhetstoneError('NO_ROWS', 'expected at least one row, found none', { file: path });
  }
  const largest = requireRoomFor(metadata, path);
  return rowGroups();

  async function* rowGroups(): AsyncGenerator<Row> {
    const thread = parquetThread(path, metadata, heapFor(largest));
    try {
      let rowStart = 0;
      // One row group at a time: a file of many gigabytes needs no more memory than its largest group.
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows);
        const rows = await thread
          .read(rowStart, rowEnd, patience + timeFor(group))
          .catch((cause: unknown) => {
            throw malformed(path, cause);
          });
        for (const [i, value] of rows.entries())
          yield { value: plainValue(value), source: { file: path, row: rowStart + i + 1 } };
        rowStart = rowEnd;
      }
    } finally {
      await thread.close();
    }
  }
}

/** Milliseconds that a row group may take: far more than the slowest machine needs for a sound one. */
const timeFor = ({ num_rows, total_byte_size }: RowGroup): number =>
  Number(num_rows) / 10 + Number(total_byte_size) / 1000;

/** Bytes of heap for a group that needs about `bytes`: far more than that, and no more than this process may have. */
const heapFor = (bytes: number): number => Math.min(heapNow().limit, 2 ** 28 + 8 * bytes);

// Bytes of heap: of a row that is kept, of one while its group is unpacked, and of each of its values besides its text.
const keptRow = 160;
const unpackedRow = 56;
const unpackedValue = 24;

/**
 * Rows and sizes stand in the file's footer, so that what unfolds without bound is refused before it does. Returns the bytes
 * that the largest row group needs.
 */
function requireRoomFor({ row_groups }: FileMetaData, file: string): number {
  let largest = 0;
  const rowsIn = (groups: readonly RowGroup[]): number =>
    groups.reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
  requireRoom(keptRow * rowsIn(row_groups), plural(rowsIn(row_groups), 'row'), file);
  for (const group of row_groups) {
    const rows = rowsIn([group]);
    const values = group.columns.reduce(
      (sum, { meta_data }) => sum + Math.max(rows, Number(meta_data?.num_values ?? 0)),
      0,
    );
    const text = group.columns.reduce(
      (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0),
      0,
    );
    const bytes = unpackedRow * rows + unpackedValue * values + text;
    requireRoom(bytes, `a row group of ${plural(rows, 'row')} and ${plural(values, 'value')}`, file);
    largest = Math.max(largest, bytes);
  }
  return largest;
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plainValue(entry)]));
  }
  return value;
}

function malformed(file: string, cause: unknown): WhetstoneError {
  const said = cause instanceof Error ? cause.message : String(cause);
  // Where the library stumbles over what it read, its words are about its own program.
  const plain =
    cause instanceof ParquetProblem ? cause.plain : cause instanceof Error && cause.constructor === Error;
  const stumbled = !plain || said.includes('[object');
  const message = stumbled ? 'its parts contradict each other' : said;
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
