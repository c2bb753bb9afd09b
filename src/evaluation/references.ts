// Instructions with a reference output each, out of a data file. Knows the fields of a row, no task.
import { dataDigest } from '../alignment/digests.ts';
import { describe, isFields, optionalText, text } from '../judgments/fields.ts';
import type { RowReader } from '../judgments/fields.ts';
import { invalidRows } from '../judgments/read.ts';
import type { RowProblem } from '../judgments/read.ts';
import { openRows } from '../judgments/rows.ts';

export interface ReferenceRow {
  readonly instruction: string;
  readonly input?: string;
  readonly reference: string;
  /** Who wrote the reference, and which data set the row is of, where the file says so. */
  readonly generator?: string;
  readonly dataset?: string;
}

export interface ReferenceFile {
  readonly file: string;
  readonly digest: string;
  readonly rows: readonly ReferenceRow[];
}

/**
 * Rows of instruction, input?, and `reference` or, as in AlpacaEval's files, `output`; optionally generator and dataset;
 * in any format that `openRows` reads. Throws WhetstoneError as `openRows` does, and `INVALID_ROWS` for everything that
 * is wrong with the rows at once.
 */
export async function readReferences(file: string): Promise<ReferenceFile> {
  const opened = await openRows(file);
  const problems: RowProblem[] = [];
  const rows: ReferenceRow[] = [];
  let count = 0;
  for await (const { value, row, line } of opened.rows) {
    count++;
    const place = { row, ...(line !== undefined && { line }) };
    if (!isFields(value)) {
      problems.push({ field: '', expected: 'an object', found: describe(value), ...place });
      continue;
    }
    const reader: RowReader = {
      textOnly: opened.format === 'csv' || opened.format === 'tsv',
      problem: (field, expected, found) => problems.push({ field, expected, found, ...place }),
      skip: () => {},
    };
    const name = 'reference' in value || !('output' in value) ? 'reference' : 'output';
    const input = optionalText(value, 'input', reader);
    const generator = optionalText(value, 'generator', reader);
    const dataset = optionalText(value, 'dataset', reader);
    rows.push({
      instruction: text(value, 'instruction', reader) ?? '',
      ...(input && { input }),
      reference: text(value, name, reader) ?? '',
      ...(generator && { generator }),
      ...(dataset && { dataset }),
    });
  }
  if (problems.length > 0) throw invalidRows(file, problems, count);
  return { file, digest: await dataDigest(file), rows };
}
