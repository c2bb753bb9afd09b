// From a data file to judged triplets: format, layout, rows, and every problem in them at once.
import { refuseTurns } from '../rows/columns.ts';
import type { Fields } from '../rows/fields.ts';
import type { Format, OnRead } from '../rows/input-file.ts';
import { fieldsOf, invalidRows, readerOf } from '../rows/problems.ts';
import type { Findings, RowProblem } from '../rows/problems.ts';
import { openRows } from '../rows/rows.ts';
import type { Row, RowFile } from '../rows/rows.ts';
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
  checkOptions(readEntry, options);
  const named = options.layout == null ? null : layoutByName(options.layout, path);
  const file = await openRows(path, options.format ?? undefined, options.onRead);
  const findings: Findings = { problems: [], skipped: {} };
  const triplets: Triplet[] = [];
  let used = named;
  let count = 0;
  for await (const { row, layout } of withLayout(file, named)) {
    used = layout;
    count++;
    const reader = readerOf(row, file, findings);
    const fields = fieldsOf(row, reader);
    if (fields === null) continue;
    const before = findings.problems.length;
    if (layout.conversations !== true) refuseTurns(fields, reader);
    const drafts = layout.convert(fields, reader);
    const errors = readMarks(fields, drafts, reader);
    if (findings.problems.length > before) continue;
    for (const { part, ...draft } of drafts) {
      const source = { ...row.source, ...(part !== undefined && { part }) };
      triplets.push({ ...draft, ...(errors && { errors }), source });
    }
  }
  const { problems } = findings;
  if (problems.length > 0 && options.onProblem !== 'collect') throw invalidRows(problems, count);
  return { file: path, format: file.format, layout: used!.name, rows: count, triplets, ...findings };
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
