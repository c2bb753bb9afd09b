// Reads a file whose rows are all of one kind, and gathers everything that is wrong with them. Knows no layout.
import { describe, isFields } from './fields.ts';
import type { Fields, RowReader } from './fields.ts';
import type { Format } from './input-file.ts';
import { invalidRows } from './problems.ts';
import type { RowProblem } from './problems.ts';
import { openRows } from './rows.ts';

/** Where a row stands in its file; rows and lines count from 1. */
export interface RowPlace {
  readonly row: number;
  readonly line?: number;
}

/**
 * What `read` makes of each row, in their order. It tells its reader what is wrong with a row's fields.
 *
 * Throws WhetstoneError as `openRows` does, and `INVALID_ROWS` for everything wrong with the rows at once.
 */
export async function readEach<T>(
  file: string,
  read: (fields: Fields, reader: RowReader, place: RowPlace) => T,
  format?: Format,
): Promise<T[]> {
  const opened = await openRows(file, format);
  const problems: RowProblem[] = [];
  const found: T[] = [];
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
    found.push(read(value, reader, place));
  }
  if (problems.length > 0) throw invalidRows(file, problems, count);
  return found;
}
