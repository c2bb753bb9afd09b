// Reads every row of a file, and tells all that is wrong with them. Knows no layout.
import type { Fields, RowReader } from './fields.ts';
import type { Format } from './input-file.ts';
import { fieldsOf, invalidRows, readerOf } from './problems.ts';
import type { Findings } from './problems.ts';
import { openRows } from './rows.ts';

/**
 * What `read` makes of each row, in their order. It tells its reader what is wrong with a row's fields.
 *
 * Throws WhetstoneError as `openRows` does, and `INVALID_ROWS` for everything wrong with the rows at once.
 */
export async function readEach<T>(
  path: string,
  read: (fields: Fields, reader: RowReader) => T,
  format?: Format,
): Promise<T[]> {
  const file = await openRows(path, format);
  const findings: Findings = { problems: [], skipped: {} };
  const found: T[] = [];
  let count = 0;
  for await (const row of file.rows) {
    count++;
    const reader = readerOf(row, file, findings);
    const fields = fieldsOf(row, reader);
    if (fields) found.push(read(fields, reader));
  }
  if (findings.problems.length > 0) throw invalidRows(findings.problems, count);
  return found;
}
