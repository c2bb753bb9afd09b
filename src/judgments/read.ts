// From a data file to judged triplets: format, layout, rows, and every problem in them at once.
import { refuseTurns } from '../rows/columns.ts';
import type { Fields, RowReader } from '../rows/fields.ts';
import type { Format, OnRead } from '../rows/input-file.ts';
import { fieldsOf, invalidRows, readerOf } from '../rows/problems.ts';
import type { Findings, RowProblem } from '../rows/problems.ts';
import { openRows } from '../rows/rows.ts';
import type { Row, RowFile, RowSource } from '../rows/rows.ts';
import { checkOptions } from '../options/check.ts';
import { detectLayout, layoutByName } from './layouts/index.ts';
import type { Layout } from './layouts/index.ts';
import { readMarks } from './marks.ts';
import { readEntry } from './options.ts';
import type { Triplet } from './triplet.ts';

export interface ReadOptions {
  /** Read the file as this format whatever its name says. */
  readonly format?: Format | null;
  /** Name of the layout; found from the columns if left out. */
  readonly layout?: string | null;
  /** Hears how far the file is read; of Parquet, which is read from its end, nothing. */
  readonly onRead?: OnRead | undefined;
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

/**
 * Reads judged triplets from JSON, JSONL, CSV, TSV or Parquet (the text formats also gzipped).
 *
 * Throws WhetstoneError `INVALID_OPTIONS`, as `openRows` and `detectLayout` do, and `INVALID_ROWS` for missing and
 * wrong-typed fields: the first ten of them with row and field, and how many there are.
 */
export async function readTriplets(path: string, options: ReadOptions = {}): Promise<TripletFile> {
  const opened = await openTriplets(path, options);
  const findings: Findings = { problems: [], skipped: {} };
  const triplets: Triplet[] = [];
  let layout: string | null = null;
  let count = 0;
  for await (const row of opened.rows) {
    layout = row.layout;
    count++;
    findings.problems.push(...row.problems);
    for (const [reason, times] of Object.entries(row.skipped))
      findings.skipped[reason] = (findings.skipped[reason] ?? 0) + times;
    triplets.push(...row.triplets);
  }
  const { problems } = findings;
  if (problems.length > 0 && options.onProblem !== 'collect') throw invalidRows(problems, count);
  return { file: path, format: opened.format, layout: layout!, rows: count, triplets, ...findings };
}

/** One row of a file: its triplets, or everything that is wrong with it. */
export interface ReadRow {
  readonly source: RowSource;
  /** Null where the row is no object. */
  readonly fields: Fields | null;
  readonly layout: string;
  /** None where there are problems. */
  readonly triplets: readonly Triplet[];
  readonly problems: readonly RowProblem[];
  /** Parts that the layout left out, counted by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What the row would be with other fields. */
  readonly reread: (fields: Fields) => ReadRow;
}

export interface OpenTriplets {
  readonly format: Format;
  readonly rows: AsyncGenerator<ReadRow>;
}

/** Opens a file to be read row by row. Throws as `readTriplets`, while it is read too, except for problems of rows. */
export async function openTriplets(
  path: string,
  options: Omit<ReadOptions, 'onProblem'> = {},
): Promise<OpenTriplets> {
  checkOptions(readEntry, options);
  const named = options.layout == null ? null : layoutByName(options.layout, path);
  const file = await openRows(path, options.format ?? undefined, options.onRead);
  async function* rows(): AsyncGenerator<ReadRow> {
    for await (const { row, layout } of withLayout(file, named)) yield readRow(row, layout, file);
  }
  return { format: file.format, rows: rows() };
}

function readRow(row: Row, layout: Layout, file: RowFile): ReadRow {
  const findings: Findings = { problems: [], skipped: {} };
  const reader = readerOf(row, file, findings);
  const fields = fieldsOf(row, reader);
  return {
    source: row.source,
    fields,
    layout: layout.name,
    triplets: fields === null ? [] : tripletsOf(fields, layout, reader, findings),
    ...findings,
    reread: (value) => readRow({ ...row, value }, layout, file),
  };
}

function tripletsOf(fields: Fields, layout: Layout, reader: RowReader, { problems }: Findings): Triplet[] {
  if (layout.conversations !== true) refuseTurns(fields, reader);
  const drafts = layout.convert(fields, reader);
  const errors = readMarks(fields, drafts, reader);
  if (problems.length > 0) return [];
  return drafts.map(({ part, ...draft }) => ({
    ...draft,
    ...(errors && { errors }),
    source: { ...reader.source, ...(part !== undefined && { part }) },
  }));
}

/** Each row with the layout of the file, which its first rows tell where none is named. */
async function* withLayout(
  file: RowFile,
  named: Layout | null,
): AsyncGenerator<{ readonly row: Row; readonly layout: Layout }> {
  let layout = named;
  const first: Row[] = [];
  for await (const row of file.rows) {
    if (layout === null) {
      first.push(row);
      if (first.length < DETECTION_ROWS) continue;
      layout = layoutOf(first, file);
      for (const row of first) yield { row, layout };
    } else yield { row, layout };
  }
  if (layout !== null) return;
  layout = layoutOf(first, file);
  for (const row of first) yield { row, layout };
}

/** Throws as `detectLayout`, and `INVALID_ROWS` where no row is an object. */
function layoutOf(rows: readonly Row[], file: RowFile): Layout {
  const findings: Findings = { problems: [], skipped: {} };
  const objects = rows.flatMap((row): readonly Fields[] => {
    const fields = fieldsOf(row, readerOf(row, file, findings));
    return fields === null ? [] : [fields];
  });
  if (objects.length === 0) throw invalidRows(findings.problems, rows.length);
  return detectLayout(objects, file.file);
}
