// Rows of CSV and TSV text (RFC 4180, a header line, quoted fields that may hold line breaks). Every value is a
// string. It does not know what the columns mean.
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { WhetstoneError } from '../errors.ts';
import type { Row } from './rows.ts';

interface ParsedRecord {
  readonly record: Record<string, string>;
  /** Cumulative counts when the record ended. csv-parse's own line number counts CRLF in quotes twice. */
  readonly info: { readonly empty_lines: number };
}

/** Throws WhetstoneError `MALFORMED_CSV` with the line, and `NO_ROWS` if nothing follows the header. */
export function readCsvRows(text: string, file: string, format: 'csv' | 'tsv'): Row[] {
  const delimiter = format === 'tsv' ? '\t' : ',';
  let table: Table;
  try {
    table = parseTable(text, delimiter);
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw malformedCsv(cause, file, text, delimiter);
  }
  const { header, records } = table;
  const twice = header.find((name, i) => header.indexOf(name) !== i);
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

interface Table {
  readonly header: readonly string[];
  readonly records: readonly ParsedRecord[];
}

function parseTable(text: string, delimiter: string, firstRecords?: number): Table {
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
  let count = 0;
  for (const field of fields) {
    for (let at = field.indexOf('\n'); at !== -1; at = field.indexOf('\n', at + 1)) count++;
  }
  return count;
}

function malformedCsv(cause: CsvError, file: string, text: string, delimiter: string): WhetstoneError {
  const { records: good = 0, empty_lines = 0 } = cause as CsvError & {
    records?: number;
    empty_lines?: number;
  };
  const before = good === 0 ? [] : parseTable(text, delimiter, good).records;
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
