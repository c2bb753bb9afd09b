// A file of rows with a judgment to fill in, JSONL or CSV, as people and spreadsheet programs leave it. Knows how rows
// are spelled and added; not what a judgment says.
import { parse, CsvError } from 'csv-parse/sync';
import { WhetstoneError } from '../../errors.ts';
import { describe, isFields } from '../../rows/fields.ts';
import { decodeText, decodeUtf8 } from '../../decode.ts';
import { excerpt } from '../../rows/text.ts';

export type PersonFormat = 'jsonl' | 'csv';

export interface OpenRow {
  readonly id: string;
  readonly instruction: string;
  readonly input?: string;
  readonly output: string;
}

export interface FilledRow {
  readonly id: string;
  /** As it stands there; empty where nothing was filled in. */
  readonly judgment: string;
  readonly line: number;
}

const COLUMNS = ['id', 'instruction', 'input', 'output', 'judgment'] as const;

/** By the extension: .jsonl, .ndjson, .csv or .tsv. Throws WhetstoneError `UNKNOWN_FORMAT`. */
export function personFormat(file: string): PersonFormat {
  if (/\.(?:jsonl|ndjson)$/i.test(file)) return 'jsonl';
  if (/\.(?:csv|tsv)$/i.test(file)) return 'csv';
  throw new WhetstoneError('UNKNOWN_FORMAT', 'expected a name that ends in .csv, .tsv or .jsonl', {
    file,
    hint: 'A CSV file opens in any spreadsheet program, a JSONL file in any editor.',
  });
}

/**
 * The rows of a file, whatever their order, line ends, delimiter (comma, semicolon, tab) and further columns.
 * Throws WhetstoneError `MALFORMED_JSON`, `MALFORMED_CSV`, `INVALID_ROWS` and `INVALID_UTF8`, with the line, and `INVALID_UTF16`.
 */
export function readFilled(bytes: Uint8Array, file: string): FilledRow[] {
  const text = decodeText(bytes, file);
  if (text.trim() === '') return [];
  return personFormat(file) === 'jsonl' ? readJsonl(text, file) : readTable(text, file);
}

/** The bytes of a UTF-8 file with further rows at its end; what is there already is left as it is. */
export function addRows(before: Uint8Array | null, rows: readonly OpenRow[], file: string): Buffer {
  const old = Buffer.from(before ?? []);
  const text = decodeUtf8(old, file);
  const empty = text.trim() === '';
  const ending = /\r\n/.test(text) || (empty && personFormat(file) === 'csv') ? '\r\n' : '\n';
  const joint = empty || /\n$/.test(text) ? '' : ending;
  const lines: string[] = [];
  if (personFormat(file) === 'jsonl') {
    lines.push(...rows.map((row) => JSON.stringify({ ...row, judgment: '' })));
  } else {
    const { delimiter, columns } = empty
      ? { delimiter: /\.tsv$/i.test(file) ? '\t' : ',', columns: [...COLUMNS] }
      : headerOf(text, file);
    if (empty) lines.push(columns.join(delimiter));
    for (const row of rows) {
      const values: Readonly<Record<string, string>> = { ...row };
      lines.push(columns.map((name) => quoted(values[nameOf(name)] ?? '', name, delimiter)).join(delimiter));
    }
  }
  const added = `${joint}${lines.map((line) => line + ending).join('')}`;
  // Without a byte order mark some spreadsheet programs take UTF-8 for something else.
  const mark = empty && personFormat(file) === 'csv' ? '\ufeff' : '';
  return empty ? Buffer.from(mark + added) : Buffer.concat([old, Buffer.from(added)]);
}

const nameOf = (column: string): string => column.trim().toLowerCase();

/** A text that begins like a formula gets an apostrophe in front, so that no spreadsheet program computes it. */
function quoted(value: string, column: string, delimiter: string): string {
  const safe = nameOf(column) !== 'id' && /^[=+@\t\r-]/.test(value) ? `'${value}` : value;
  return safe.includes(delimiter) || /["\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function readJsonl(text: string, file: string): FilledRow[] {
  return text.split('\n').flatMap((content, i) => {
    const line = i + 1;
    if (content.trim() === '') return [];
    let row: unknown;
    try {
      row = JSON.parse(content);
    } catch (cause) {
      throw new WhetstoneError('MALFORMED_JSON', `this line is not JSON: ${excerpt(content)}`, {
        file,
        line,
        cause,
        hint: 'Text stands in double quotes; a double quote in it is written \\", a line break \\n.',
      });
    }
    if (!isFields(row) || typeof row['id'] !== 'string')
      throw invalid(file, line, 'id', 'expected an object with the text "id"', excerpt(content));
    const judgment = row['judgment'] ?? '';
    if (typeof judgment !== 'string')
      throw invalid(file, line, 'judgment', 'expected a text in double quotes', describe(judgment));
    return [{ id: row['id'].trim(), judgment, line }];
  });
}

interface Header {
  readonly delimiter: string;
  readonly columns: readonly string[];
}

function headerOf(text: string, file: string): Header {
  for (const delimiter of [',', ';', '\t']) {
    const [columns] = parseRows(text, delimiter, file, 1);
    const names = columns?.record.map(nameOf) ?? [];
    if (names.includes('id') && names.includes('judgment')) return { delimiter, columns: columns!.record };
  }
  const found = excerpt(text.split('\n')[0] ?? '');
  throw invalid(file, 1, undefined, 'expected a header with the columns "id" and "judgment"', found);
}

function readTable(text: string, file: string): FilledRow[] {
  const { delimiter, columns } = headerOf(text, file);
  const [id, judgment] = ['id', 'judgment'].map((name) => columns.map(nameOf).indexOf(name));
  return parseRows(text, delimiter, file)
    .slice(1)
    .map(({ record, info }) => ({
      id: (record[id!] ?? '').trim(),
      judgment: record[judgment!] ?? '',
      line: info.lines,
    }))
    .filter((row) => row.id !== '');
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

function parseRows(text: string, delimiter: string, file: string, most?: number): Parsed[] {
  try {
    return parse(text, {
      delimiter,
      bom: true,
      info: true,
      skip_empty_lines: true,
      // Rows that a spreadsheet program has shortened or lengthened, quotes in the middle of what a person wrote.
      relax_column_count: true,
      relax_quotes: true,
      ...(most !== undefined && { to: most }),
    }) as unknown as Parsed[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = (cause as CsvError & { lines?: number }).lines;
    throw new WhetstoneError('MALFORMED_CSV', cause.message, {
      file,
      cause,
      ...(line !== undefined && { line }),
      hint: 'Open the file in a spreadsheet program or an editor and mend it there; nothing was changed.',
    });
  }
}

const invalid = (
  file: string,
  line: number,
  field: string | undefined,
  expected: string,
  found: string,
): WhetstoneError =>
  new WhetstoneError('INVALID_ROWS', `${expected}, found ${found}`, {
    file,
    line,
    ...(field !== undefined && { field }),
    hint: 'Mend this in the file, or name another file; nothing was changed.',
  });
