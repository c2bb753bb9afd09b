// Rows of CSV and TSV text (RFC 4180, a header line, quoted fields that may hold line breaks). Every value is a
// string. It does not know what the columns mean.
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { WhetstoneError } from '../errors.ts';
import { plural, thousands } from '../words/numbers.ts';
import { requireRoom } from './bounds.ts';
import { countOf } from './text.ts';
import type { Row } from './rows.ts';

interface ParsedRecord {
  readonly record: Record<string, string>;
  /** Cumulative counts when the record ended. csv-parse's own line number counts CRLF in quotes twice. */
  readonly info: { readonly empty_lines: number };
}

/** More are no table of judged responses, but one that is turned round or split at the wrong character. */
const mostColumns = 10_000;

// Bytes of heap: of a record with what is kept about it, and of each of its fields besides its text.
const parsedRecord = 300;
const parsedField = 40;

/**
 * Throws WhetstoneError `MALFORMED_CSV` with the line, `FILE_TOO_LARGE`, and `NO_ROWS` if nothing follows the header.
 */
export function readCsvRows(text: string, file: string, format: 'csv' | 'tsv'): Row[] {
  const delimiter = format === 'tsv' ? '\t' : ',';
  let table: Table;
  try {
    requireRoomFor(text, delimiter, file);
    requireWidth(text, delimiter, file);
    table = parseTable(text, delimiter, file);
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw malformedCsv(cause, file, text, delimiter);
  }
  const { header, records } = table;
  const twice = firstDouble(header);
  if (twice !== undefined) {
    throw new WhetstoneError('MALFORMED_CSV', `the column ${JSON.stringify(twice)} appears twice`, {
      file,
      line: 1,
      hint: 'Rename one of the two columns.',
    });
  }
  if (records.length === 0) {
    throw new WhetstoneError('NO_ROWS', 'expected rows below the header, found none', { file });
  }
  let linesBefore = 1 + lineBreaks(header);
  return records.map(({ record, info }, i) => {
    const line = linesBefore + info.empty_lines + 1;
    linesBefore += 1 + lineBreaks(Object.values(record));
    return { value: record, source: { file, row: i + 1, line } };
  });
}

function firstDouble(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

interface Table {
  readonly header: readonly string[];
  readonly records: readonly ParsedRecord[];
}

/** Asked before the text is parsed, since the time that a record takes grows faster than its fields. */
function requireWidth(text: string, delimiter: string, file: string): void {
  if (countOf(text, delimiter) < mostColumns) return;
  const [lineFeed, carriageReturn, quote, between] = [10, 13, 34, delimiter.charCodeAt(0)];
  let [line, columns, isQuoted] = [1, 1, false];
  const refuse = (): never => {
    throw new WhetstoneError(
      'MALFORMED_CSV',
      `expected at most ${thousands(mostColumns)} columns, found ${thousands(columns)}`,
      {
        file,
        line,
        hint: 'The first line names the columns: instruction, output, judgment. Is it the right file?',
      },
    );
  };
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) isQuoted = !isQuoted;
    else if (code === between && !isQuoted) columns++;
    else if (code === lineFeed || code === carriageReturn) {
      if (!isQuoted) {
        if (columns > mostColumns) refuse();
        columns = 1;
      }
      if (code === lineFeed || text.charCodeAt(i + 1) !== lineFeed) line++;
    }
  }
  if (columns > mostColumns) refuse();
}

/** Each line may be a record; blank ones are few. */
function requireRoomFor(text: string, delimiter: string, file: string): void {
  const lines = countOf(text, '\n');
  const fields = Math.min(countOf(text, delimiter) + lines, text.length);
  requireRoom(parsedRecord * lines + parsedField * fields, `about ${plural(lines, 'row')}`, file);
}

function parseTable(text: string, delimiter: string, file: string, firstRecords?: number): Table {
  let header: string[] = [];
  const records = parse(text, {
    columns: (names: string[]) => (header = names),
    delimiter,
    info: true,
    skip_empty_lines: true,
    ...(firstRecords !== undefined && { to: firstRecords }),
  }) as unknown as ParsedRecord[];
  return { header, records };
}

/** Line breaks inside the fields of one record; CRLF is one. */
function lineBreaks(fields: readonly string[]): number {
  return fields.reduce((count, field) => count + countOf(field, '\n'), 0);
}

function malformedCsv(cause: CsvError, file: string, text: string, delimiter: string): WhetstoneError {
  const { records: good = 0, empty_lines = 0 } = cause as CsvError & {
    records?: number;
    empty_lines?: number;
  };
  const before = good === 0 ? [] : parseTable(text, delimiter, file, good).records;
  const fields = before.flatMap(({ record }) => Object.values(record));
  const line = 2 + good + empty_lines + lineBreaks(fields);
  const at = { file, cause, line, row: good + 1 };
  switch (cause.code) {
    case 'CSV_RECORD_INCONSISTENT_COLUMNS':
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH': {
      const counts = /length is (\d+), got (\d+)/.exec(cause.message);
      const found = counts
        ? `expected ${counts[1]} fields as in the header, found ${counts[2]}`
        : cause.message;
      return new WhetstoneError('MALFORMED_CSV', found, {
        ...at,
        hint: 'Put fields that hold commas or line breaks in double quotes.',
      });
    }
    case 'CSV_QUOTE_NOT_CLOSED':
      return new WhetstoneError('MALFORMED_CSV', 'a quoted field is not closed before the end of the file', {
        ...at,
        hint: 'A double quote inside a quoted field is written twice: "".',
      });
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
      return new WhetstoneError('MALFORMED_CSV', 'found a double quote in the middle of a field', {
        ...at,
        hint: 'Put the whole field in double quotes and write each double quote inside it twice: "".',
      });
    default:
      return new WhetstoneError('MALFORMED_CSV', cause.message, at);
  }
}
