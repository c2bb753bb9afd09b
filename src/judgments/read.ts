// From a data file to judged triplets: format, layout, rows, and every problem in them at once.
import { describe, isFields } from '../rows/fields.ts';
import type { Fields, RowReader } from '../rows/fields.ts';
import type { Format } from '../rows/input-file.ts';
import { detectLayout, layoutByName } from './layouts/index.ts';
import type { Layout } from './layouts/index.ts';
import { invalidRows } from '../rows/problems.ts';
import type { RowProblem } from '../rows/problems.ts';
import { openRows } from '../rows/rows.ts';
import type { Row } from '../rows/rows.ts';
import type { Triplet } from './triplet.ts';

export interface ReadOptions {
  /** Read the file as this format whatever its name says. */
  readonly format?: Format;
  /** Name of the layout; found from the columns if left out. */
  readonly layout?: string;
  /** "throw" (the default) refuses a file with problems; "collect" leaves the rows that have some out. */
  readonly onProblem?: 'throw' | 'collect';
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
