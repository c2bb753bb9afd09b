// From a data file to judged triplets: format, layout, rows, and every problem in them at once.
import { WhetstoneError } from '../errors.ts';
import { describe, isFields } from './fields.ts';
import type { Fields, Problem, RowReader } from './fields.ts';
import type { Format } from './input-file.ts';
import { detectLayout, layoutByName } from './layouts/index.ts';
import type { Layout } from './layouts/index.ts';
import { openRows } from './rows.ts';
import type { Row } from './rows.ts';
import type { Triplet } from './triplet.ts';

export interface ReadOptions {
  /** Read the file as this format whatever its name says. */
  readonly format?: Format;
  /** Name of the layout; found from the columns if left out. */
  readonly layout?: string;
  /** "throw" (the default) refuses a file with problems; "collect" leaves the rows that have some out. */
  readonly onProblem?: 'throw' | 'collect';
}

/** A problem and the row that has it, counted from 1. */
export interface RowProblem extends Problem {
  readonly row: number;
  readonly line?: number;
}

export interface TripletFile {
  readonly file: string;
  readonly format: Format;
  readonly layout: string;
  /** Rows in the file; a row of some layouts holds several triplets, or none. */
  readonly rows: number;
  readonly triplets: readonly Triplet[];
  /** Parts of rows that the layout left out, counted by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Always empty unless problems were to be collected. */
  readonly problems: readonly RowProblem[];
}

const DETECTION_ROWS = 100;
const SHOWN_PROBLEMS = 10;
const EXPECTED_OBJECT = { expected: 'an object' };

/**
 * Reads judged triplets from JSON, JSONL, CSV, TSV or Parquet (the text formats also gzipped).
 *
 * Throws WhetstoneError as `openRows` and `detectLayout` do, and `INVALID_ROWS` for missing and wrong-typed
 * fields: the first ten of them with row and field, and how many there are.
 */
export async function readTriplets(path: string, options: ReadOptions = {}): Promise<TripletFile> {
  const fixedLayout = options.layout === undefined ? undefined : layoutByName(options.layout, path);
  const { format, rows } = await openRows(path, options.format);
  const textOnly = format === 'csv' || format === 'tsv';

  const triplets: Triplet[] = [];
  const skipped: Record<string, number> = {};
  const problems: RowProblem[] = [];
  let layout = fixedLayout;
  let count = 0;
  let waiting: Row[] = [];

  const take = (row: Row, by: Layout): void => {
    const before = problems.length;
    const place = { row: row.row, ...(row.line !== undefined && { line: row.line }) };
    if (!isFields(row.value)) {
      problems.push({ field: '', ...EXPECTED_OBJECT, found: describe(row.value), ...place });
      return;
    }
    const reader: RowReader = {
      textOnly,
      problem: (field, expected, found) => problems.push({ field, expected, found, ...place }),
      skip: (reason) => (skipped[reason] = (skipped[reason] ?? 0) + 1),
    };
    const drafts = by.convert(row.value, reader);
    if (problems.length > before) return;
    for (const { part, ...draft } of drafts) {
      triplets.push({ ...draft, source: { file: path, ...place, ...(part !== undefined && { part }) } });
    }
  };
  const settle = (): Layout => {
    const objects = waiting.map(({ value }) => value).filter((value): value is Fields => isFields(value));
    if (objects.length === 0) {
      const problems = waiting.map(({ row, value }) => ({
        row,
        field: '',
        ...EXPECTED_OBJECT,
        found: describe(value),
      }));
      throw invalidRows(path, problems, count);
    }
    const found = detectLayout(objects, path);
    for (const row of waiting) take(row, found);
    waiting = [];
    return found;
  };

  for await (const row of rows) {
    count++;
    if (layout) take(row, layout);
    else {
      waiting.push(row);
      if (waiting.length === DETECTION_ROWS) layout = settle();
    }
  }
  layout ??= settle();

  if (problems.length > 0 && options.onProblem !== 'collect') throw invalidRows(path, problems, count);
  return { file: path, format, layout: layout.name, rows: count, triplets, skipped, problems };
}

/** One error for all problems of a file. */
export function invalidRows(file: string, problems: readonly RowProblem[], rows: number): WhetstoneError {
  const shown = problems.slice(0, SHOWN_PROBLEMS);
  const badRows = new Set(problems.map(({ row }) => row)).size;
  const lines = shown.map((problem) => `\n    ${describeProblem(problem)}`);
  const rest = problems.length - shown.length;
  const first = shown[0];
  return new WhetstoneError(
    'INVALID_ROWS',
    `${badRows} of ${rows} rows cannot be used${lines.join('')}${rest > 0 ? `\n    and ${rest} more` : ''}`,
    {
      file,
      ...(first && problems.length === 1 && { row: first.row, ...(first.field && { field: first.field }) }),
      ...(first?.line !== undefined && problems.length === 1 && { line: first.line }),
      hint: 'Correct these rows, or run "whetstone data check" on the file to see all that is wrong with it.',
    },
  );
}

/** "row 3 (line 7), field "output": expected a string, found null". */
export function describeProblem({ row, line, field, expected, found }: RowProblem): string {
  const place = `row ${row}${line === undefined || line === row ? '' : ` (line ${line})`}`;
  return `${place}${field && `, field "${field}"`}: expected ${expected}, found ${found}`;
}
