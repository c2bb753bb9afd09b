// What is typed of rows and not saved yet, on this machine: a page that was closed goes on where it was. Knows the
// browser's storage, no studio.
import type { CodePoints } from '../../../src/studio/api/chat.ts';
import type { QueueRow } from '../../../src/studio/api/judge.ts';

export interface Draft {
  readonly words: string;
  readonly marks: readonly CodePoints[];
}

const prefix = 'whetstone-judge';

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`${prefix}:${key}`);
  } catch {
    return null;
  }
}

/** Null forgets. Where there is no storage, or it is full, it holds until the page is closed. */
export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`${prefix}:${key}`);
    else localStorage.setItem(`${prefix}:${key}`, value);
  } catch {
    // As said.
  }
}

interface Kept extends Draft {
  readonly row: number;
  /** How the response begins, so that a draft is never taken for another response's. */
  readonly of: string;
}

const beginningOf = ({ output }: QueueRow): string => `${output.length} ${output.slice(0, 80)}`;

/** Drafts of one person in one queue. */
export function drafts(queue: string, person: string) {
  const key = JSON.stringify([queue, person]);
  const read = (): readonly Kept[] => {
    try {
      return JSON.parse(remembered(key) ?? '[]') as readonly Kept[];
    } catch {
      return [];
    }
  };
  const without = (row: QueueRow): readonly Kept[] => read().filter((each) => each.row !== row.row);
  const write = (kept: readonly Kept[]): void =>
    remember(key, kept.length === 0 ? null : JSON.stringify(kept));
  return {
    of: (row: QueueRow): Draft | null =>
      read().find((each) => each.row === row.row && each.of === beginningOf(row)) ?? null,
    /** The row with the newest. */
    last: (): number | null => read().at(-1)?.row ?? null,
    keep: (row: QueueRow, { words, marks }: Draft): void =>
      words === '' && marks.length === 0
        ? write(without(row))
        : write([...without(row), { row: row.row, of: beginningOf(row), words, marks }]),
    drop: (row: QueueRow): void => write(without(row)),
  };
}
