// Rows that a verb leaves out because data check refuses them: in which file the reasons go, and how they are told.
import { exists } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { LeftOut } from '../judgments/index.ts';
import { plural } from '../words/numbers.ts';
import { option } from '../words/option.ts';

/** Beside the file `out`; null where there is none, as of the standard output. */
export const reasonsBeside = (out: string | null): string | null =>
  out === null ? null : `${out}.left-out.jsonl`;

/** Throws WhetstoneError `FILE_EXISTS` where there is something already. */
export async function requireFree(file: string): Promise<void> {
  if (!(await exists(file))) return;
  throw new WhetstoneError('FILE_EXISTS', 'the file exists already', {
    file,
    hint: `Choose another name for the output, or allow both to be replaced with ${option('overwrite')}.`,
  });
}

/** How many, and where the reasons are; without a file the reasons themselves. No line where none was left out. */
export async function leftOutLines(leftOut: readonly LeftOut[], beside: string | null): Promise<string[]> {
  if (leftOut.length === 0) return [];
  const { rowsIn } = await import('../judgments/index.ts');
  const where = beside === null ? '' : `; the reasons are in ${beside}`;
  const reasons = leftOut.map(({ row, field, reason }) => `row ${row} ${field}: ${reason}`);
  return [
    `left out: ${plural(rowsIn(leftOut), 'row')} that data check refuses${where}`,
    ...(beside === null ? reasons : []),
  ];
}
