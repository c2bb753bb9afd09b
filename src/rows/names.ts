// Which columns may have been meant to be others: slips of the pen, and what other people call them. Knows no row.
import { editDistance } from '../options/suggest.ts';

/** True if two names differ in case, white space, or one or two letters. */
export function isMisspelling(found: string, wanted: string): boolean {
  const a = found.trim().toLowerCase();
  const b = wanted.toLowerCase();
  const most = b.length >= 6 ? 2 : 1;
  return a === b || (Math.abs(a.length - b.length) <= most && editDistance(a, b) <= most);
}

/** What else people call these columns. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  instruction: ['prompt', 'question', 'query'],
  input: ['context'],
  output: ['response', 'completion', 'answer'],
  judgment: ['critique', 'feedback'],
};

/** Whether a column's name is a slip of `wanted`. Those with another first letter are mostly other words. */
export const isSlip = (column: string, wanted: string): boolean =>
  isMisspelling(column, wanted) && column.trim()[0]?.toLowerCase() === wanted[0];

/** Whether a column's name is what others call `wanted`, perhaps with a slip. */
export const isSynonym = (column: string, wanted: string): boolean =>
  (SYNONYMS[wanted] ?? []).some((name) => isSlip(column, name));

/** Whether a column may have been meant to be `wanted`, which is not there. */
export const maybeMeant = (column: string, wanted: string): boolean =>
  isMisspelling(column, wanted) || isSynonym(column, wanted);
