// Opens a user's data file: what format it has, whether it can be read, its bytes. It knows no rows.
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';
import { decodeUtf8, utf16DecoderFor } from '../decode.ts';
import type { Utf16Decoder } from '../decode.ts';
import { reasonOf } from '../words/system-errors.ts';

export type Format = 'json' | 'jsonl' | 'csv' | 'tsv' | 'parquet';

export const FORMATS: readonly Format[] = ['json', 'jsonl', 'csv', 'tsv', 'parquet'];

const FORMAT_OF_EXTENSION: Readonly<Record<string, Format>> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.parquet': 'parquet',
};

/** Hears how many bytes of a file have been read, and how many it has. */
export type OnRead = (bytes: number, total: number) => void;

export interface InputFile {
  readonly path: string;
  readonly format: Format;
  readonly gzip: boolean;
  /** True if the caller named the format, so that the content must not overrule it. */
  readonly formatGiven: boolean;
  /** As it lies on the disk. */
  readonly bytes: number;
  readonly onRead: OnRead | undefined;
}

/**
 * Finds the format of a data file by its name and makes sure that it can be read and holds something.
 *
 * Throws WhetstoneError: `FILE_NOT_FOUND`, `NOT_A_FILE` (a directory), `FILE_NOT_READABLE`, `EMPTY_FILE`,
 * `UNKNOWN_FORMAT` (no known extension and no `format`).
 */
export async function openInput(path: string, format?: Format, onRead?: OnRead): Promise<InputFile> {
  const info = await stat(path).catch((cause: unknown) => {
    throw fileError(path, cause);
  });
  if (info.isDirectory()) {
    throw new WhetstoneError('NOT_A_FILE', 'expected a data file, found a directory', {
      file: path,
      hint: `Name the file itself: one of ${Object.keys(FORMAT_OF_EXTENSION).join(', ')}, also with .gz.`,
    });
  }
  const gzip = /\.gz$/i.test(path);
  const extension = /\.[^./\\]*$/.exec(gzip ? path.slice(0, -3) : path)?.[0].toLowerCase() ?? '';
  const known = format ?? FORMAT_OF_EXTENSION[extension];
  if (known === undefined || !FORMATS.includes(known)) {
    const found = format !== undefined ? `the format "${format}"` : extension || 'a name without extension';
    throw new WhetstoneError('UNKNOWN_FORMAT', `expected a known data format, found ${found}`, {
      file: path,
      hint:
        `Known extensions: ${Object.keys(FORMAT_OF_EXTENSION).join(', ')} (text formats also with .gz). ` +
        `For another name give the format: one of ${FORMATS.join(', ')}.`,
    });
  }
  if (known === 'parquet' && gzip) {
    throw new WhetstoneError('UNKNOWN_FORMAT', 'expected a plain Parquet file, found a gzipped one', {
      file: path,
      hint: 'Unpack it first: gunzip FILE.',
    });
  }
  if (info.isFile() && info.size === 0) throw emptyFile(path);
  const handle = await open(path).catch((cause: unknown) => {
    throw fileError(path, cause);
  });
  await handle.close();
  return { path, format: known, gzip, formatGiven: format !== undefined, bytes: info.size, onRead };
}

/**
 * The bytes of a text file as UTF-8, unpacked, in pieces; UTF-16 is read where a byte order mark says so. Throws
 * `FILE_NOT_READABLE` for a damaged gzip stream and `INVALID_UTF16`.
 */
export async function* readBytes(input: InputFile): AsyncGenerator<Buffer> {
  let utf16: Utf16Decoder | null | undefined;
  for await (const piece of readPieces(input)) {
    utf16 ??= utf16 === undefined ? utf16DecoderFor(piece, input.path) : null;
    yield utf16 === null ? piece : Buffer.from(utf16.decode(piece));
  }
  if (utf16) yield Buffer.from(utf16.end());
}

async function* readPieces({ path, gzip, bytes: total, onRead }: InputFile): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  const bytes = gzip ? pipeline(file, createGunzip({ chunkSize: 1 << 20 }), () => {}) : file;
  try {
    for await (const piece of bytes) {
      onRead?.(file.bytesRead, total);
      yield piece as Buffer;
    }
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** A whole text file. Throws `INVALID_UTF8`, `INVALID_UTF16`, `FILE_TOO_LARGE` (past the longest string of JavaScript) and `EMPTY_FILE`. */
export async function readText(input: InputFile): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of readBytes(input)) {
    pieces.push(piece);
    size += piece.length;
    if (size > MAX_TEXT_BYTES) throw textTooLarge(input.path);
  }
  const text = decodeUtf8(Buffer.concat(pieces), input.path);
  if (text.trim() === '') throw emptyFile(input.path);
  return text;
}

/** V8 strings end at 2^29 - 24 UTF-16 units; UTF-8 never has fewer bytes than that. */
export const MAX_TEXT_BYTES: number = 2 ** 29 - 24;

export const textTooLarge = (file: string, place: Pick<Place, 'row' | 'line'> = {}): WhetstoneError =>
  new WhetstoneError(
    'FILE_TOO_LARGE',
    `expected at most ${MAX_TEXT_BYTES >> 20} MiB in one ${place.row === undefined ? 'file' : 'row'}`,
    {
      file,
      ...place,
      hint: 'Store it as JSONL (one object a line) or Parquet, which are read piece by piece.',
    },
  );

export function emptyFile(file: string): WhetstoneError {
  return new WhetstoneError('EMPTY_FILE', 'expected judged triplets, found an empty file', {
    file,
    hint: 'Each row needs an instruction, an output and a judgment (null if the output is satisfactory).',
  });
}

export function fileError(file: string, cause: unknown): WhetstoneError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new WhetstoneError('FILE_NOT_FOUND', 'no such file', { file, cause, hint: 'Check the path.' });
  }
  const hint = code.startsWith('Z_')
    ? 'The gzip file is damaged or cut off: fetch it again.'
    : 'Check the permissions of the file and the disk it is on.';
  return new WhetstoneError('FILE_NOT_READABLE', `the file cannot be read: ${reasonOf(cause)}`, {
    file,
    cause,
    hint,
  });
}
