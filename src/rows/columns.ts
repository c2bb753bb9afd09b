// Columns that nothing reads and that would change what a row means: turns of a conversation under other names, and names
// that were meant to be another's. Knows names and when a value says something, no layout.
import { describe, parseNumber } from './fields.ts';
import type { Fields, RowReader } from './fields.ts';
import { isSlip, isSynonym } from './names.ts';

// A system prompt and turns before the instruction, as chat data sets call them.
const TURNS: readonly string[] = [
  'system',
  'system_prompt',
  'history',
  'messages',
  'conversation',
  'conversations',
  'dialogue',
  'dialog',
];

/**
 * Notes every column with turns of a conversation that says something and is none of `read`: leaving it out would change
 * the prompt.
 */
export function refuseTurns(fields: Fields, reader: RowReader, read: readonly string[] = []): void {
  for (const [name, value] of Object.entries(fields)) {
    if (read.includes(name) || !TURNS.includes(name.trim().toLowerCase()) || !saysSomething(value, reader))
      continue;
    const others =
      read.length === 0
        ? 'rows of this layout have none that are read'
        : `they are read from ${read.map((each) => `"${each}"`).join(', ')}`;
    reader.problem(name, `no turns of a conversation here: ${others}`, describe(value));
  }
}

/** Whether a column of text or turns has anything in it; tables have lists as JSON text. */
export function saysSomething(value: unknown, { textOnly }: Pick<RowReader, 'textOnly'>): boolean {
  if (typeof value === 'string')
    return value.trim() !== '' && !(textOnly && /^\s*(?:\[\s*\]|\{\s*\}|null)\s*$/.test(value));
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

export interface Columns {
  /** Those that have to be there; one that is not is noted by who reads it. */
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Others that have a meaning here. */
  readonly known?: readonly string[];
}

/**
 * Notes every column whose name has a slip, or is a synonym, of one that is read, where what it says is dropped: the
 * column that is read says something else.
 */
export function refuseMisspelt(
  fields: Fields,
  reader: RowReader,
  { required, optional, known = [] }: Columns,
): void {
  const read = [...required.filter((name) => name in fields), ...optional];
  for (const [column, value] of Object.entries(fields)) {
    if (read.includes(column) || known.includes(column)) continue;
    const meant = read.find((name) => isDropped(column, value, name, fields[name]));
    if (meant === undefined) continue;
    reader.problem(column, `a column that is read (did you mean ${meant}?)`, describe(value));
  }
}

function isDropped(column: string, value: unknown, wanted: string, own: unknown): boolean {
  // An id may be called anything, and "output_2" is a column of its own.
  if (column.startsWith(wanted) && /^[_\d]/.test(column.slice(wanted.length))) return false;
  const number =
    typeof value === 'number' || (typeof value === 'string' && !Number.isNaN(parseNumber(value)));
  const says = wanted === 'score' ? number : typeof value === 'string' && value.trim() !== '';
  if (!says || value === own) return false;
  if (isSlip(column, wanted)) return true;
  const empty = own === null || own === undefined || own === '';
  return empty && isSynonym(column, wanted);
}
