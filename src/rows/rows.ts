// Rows of a data file as plain records, in file order, whatever the format. It does not know what a row means.
import { WhetstoneError } from '../errors.ts';
import { emptyFile, MAX_TEXT_BYTES, openInput, readBytes, readText, textTooLarge } from './input-file.ts';
import type { Format, InputFile, OnRead } from './input-file.ts';
import { parseJson } from './json.ts';
import { findJsonFault } from './json-position.ts';
import { requireRoom, withinHeap } from './bounds.ts';
import { readCsvRows } from './csv.ts';
import { readParquetRows } from './parquet.ts';
import { decodeUtf8 } from '../decode.ts';
import { countOf, positionAt } from './text.ts';
import { plural } from '../words/numbers.ts';

/** Where a row came from; errors take it as it is. Rows and lines count from 1. */
export interface RowSource {
  readonly file: string;
  readonly row: number;
  /** First line of the row, in formats that have lines. */
  readonly line?: number;
}

export interface Row {
  /** What the row holds; a layout decides whether that will do. */
  readonly value: unknown;
  readonly source: RowSource;
}

export interface RowFile {
  readonly file: string;
  /** The format that was found, which may differ from the extension: a .json file may hold one object a line. */
  readonly format: Format;
  /** True if numbers come as text (CSV). */
  readonly textOnly: boolean;
  readonly rows: AsyncIterable<Row> | Iterable<Row>;
}

/**
 * Opens a data file. Errors that need no look at the content come at once, others while the rows are read.
 *
 * Throws WhetstoneError as `openInput` does, and `MALFORMED_JSON`, `MALFORMED_CSV`, `MALFORMED_PARQUET`,
 * `INVALID_UTF8`, `INVALID_UTF16`, `FILE_TOO_LARGE`, `EMPTY_FILE`, `NO_ROWS`, with line and column where there are any.
 */
export async function openRows(path: string, format?: Format, onRead?: OnRead): Promise<RowFile> {
  const input = await openInput(path, format, onRead);
  const about = { file: path, textOnly: false };
  switch (input.format) {
    case 'json':
      return readJsonRows(input);
    case 'jsonl':
      return { ...about, format: 'jsonl', rows: readJsonLines(input) };
    case 'csv':
    case 'tsv':
      return {
        file: path,
        textOnly: true,
        format: input.format,
        rows: readCsvRows(await readText(input), path, input.format),
      };
    case 'parquet':
      return { ...about, format: 'parquet', rows: withinHeap(await readParquetRows(path), path) };
  }
}

async function readJsonRows(input: InputFile): Promise<RowFile> {
  const text = await readText(input);
  requireRoomFor(text, input.path);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    const fault = findJsonFault(text);
    // Many files named .json hold one object a line, as the datasets library writes them.
    if (fault?.afterValue && !input.formatGiven && isFirstLine(text.slice(0, fault.offset))) {
      return {
        file: input.path,
        textOnly: false,
        format: 'jsonl',
        rows: withinHeap(readJsonLines(input), input.path),
      };
    }
    throw malformedJson(text, fault, { file: input.path }, 'file', cause);
  }
  const list = listOfRows(value);
  if (list === null) {
    throw new WhetstoneError('NO_ROWS', `expected an array of rows, found ${describeTopLevel(value)}`, {
      file: input.path,
      hint: 'Write [{"instruction": ..., "output": ..., "judgment": ...}, ...] or one such object a line (.jsonl).',
    });
  }
  if (list.length === 0) {
    throw new WhetstoneError('NO_ROWS', 'expected at least one row, found an empty array', {
      file: input.path,
    });
  }
  return {
    file: input.path,
    textOnly: false,
    format: 'json',
    rows: withinHeap(rowsOf(list, input.path), input.path),
  };
}

// Bytes of heap: of each object, of each list, and of each further value of either.
const jsonObject = 56;
const jsonList = 32;
const jsonValue = 16;

function requireRoomFor(text: string, file: string): void {
  const bytes =
    jsonObject * countOf(text, '{') + jsonList * countOf(text, '[') + jsonValue * countOf(text, ',');
  requireRoom(bytes + text.length, `${plural(countOf(text, ','), 'value')} and more`, file);
}

function* rowsOf(list: readonly unknown[], file: string): Generator<Row> {
  for (const [i, value] of list.entries()) yield { value, source: { file, row: i + 1 } };
}

/** True for one object on one line, followed by its line break. */
function isFirstLine(text: string): boolean {
  const value = text.trimEnd();
  return value.startsWith('{') && !/[\r\n]/.test(value) && /[\r\n]/.test(text);
}

/** The array itself, or the one under "data". */
function listOfRows(value: unknown): readonly unknown[] | null {
  const list = typeof value === 'object' && value !== null && 'data' in value ? value.data : value;
  return Array.isArray(list) ? (list as unknown[]) : null;
}

function describeTopLevel(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : `a ${typeof value}`;
  const keys = Object.keys(value);
  const named = keys.slice(0, 6).map((key) => JSON.stringify(key));
  const columns = Object.values(value).some((entry) => Array.isArray(entry) || isRecord(entry));
  return `an object with ${named.join(', ') || 'no fields'}${keys.length > 6 ? ', …' : ''}${
    columns && keys.includes('instruction') ? ' (one array a column?)' : ''
  }`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readJsonLines(input: InputFile): AsyncIterable<Row> {
  const read = { characters: 0 };
  return withinHeap(parseJsonLines(input, read), input.path, { text: () => read.characters });
}

async function* parseJsonLines(input: InputFile, read: { characters: number }): AsyncGenerator<Row> {
  // The beginning of a line whose end has not been read yet.
  let begun: Buffer[] = [];
  let length = 0;
  let line = 0;
  let row = 0;

  const parse = (bytes: Buffer): Row | null => {
    line++;
    const text = decodeUtf8(bytes, input.path, line);
    if (text.trim() === '') return null;
    row++;
    read.characters += text.length;
    const source = { file: input.path, row, line };
    try {
      return { value: parseJson(text), source };
    } catch (cause) {
      throw malformedJson(text, findJsonFault(text, 'line'), source, 'line', cause);
    }
  };

  for await (const piece of readBytes(input)) {
    let start = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      const parsed = parse(Buffer.concat([...begun, piece.subarray(start, end)]));
      begun = [];
      length = 0;
      start = end + 1;
      if (parsed) yield parsed;
    }
    if (start < piece.length) begun.push(piece.subarray(start));
    length += piece.length - start;
    if (length > MAX_TEXT_BYTES) throw textTooLarge(input.path, { row: row + 1, line: line + 1 });
  }
  const parsed = parse(Buffer.concat(begun));
  if (parsed) yield parsed;
  if (row === 0) throw emptyFile(input.path);
}

function malformedJson(
  text: string,
  fault: ReturnType<typeof findJsonFault>,
  source: Pick<RowSource, 'file'> & Partial<RowSource>,
  whole: 'file' | 'line',
  cause: unknown,
): WhetstoneError {
  // A fault that only V8 sees would be a bug of findJsonFault; then its message is all there is.
  if (fault === null) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return new WhetstoneError('MALFORMED_JSON', message, { ...source, cause });
  }
  const position = positionAt(text, fault.offset);
  const hint =
    whole === 'file'
      ? fault.afterValue
        ? 'If the file holds one object a line, name it .jsonl.'
        : 'Correct the file there; everything before that position is well formed.'
      : 'JSONL holds one whole JSON object a line. If the file is one JSON array, name it .json.';
  return new WhetstoneError('MALFORMED_JSON', fault.message, {
    ...source,
    line: source.line ?? position.line,
    column: position.column,
    cause,
    hint,
  });
}
