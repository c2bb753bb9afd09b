// Rows of long work in a file, JSON lines: each is in the journal beside the file as soon as it is there, in any order;
// the file appears whole and in order when all are. Knows rows by their position, nothing else of them.
import { open } from 'node:fs/promises';
import { begin, journalOf } from './begun.ts';
import type { BeginSettings } from './begun.ts';
import { explainWriting, growing } from './explain.ts';
import { replaceFile } from './files.ts';
import { linesOf } from './journal.ts';
import { WhetstoneError } from '../errors.ts';
import { option } from '../words/option.ts';

/** A row says which item it belongs to, counted from 0. */
export interface IndexedRow {
  readonly index: number;
}

export interface RowsFile<Row extends IndexedRow> {
  /** Whether an earlier process left this row. */
  has(index: number): boolean;
  /** A row that an earlier process left. */
  read(index: number): Promise<Row>;
  /** Resolves when the row is on disk. */
  keep(row: Row): Promise<void>;
  /** Writes the file and takes the journal away. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Opens the file for `total` rows. Throws as `begin` does, and WhetstoneError `OUT_EXISTS` for a file that is to be gone
 * on with, has no journal, and is not of so many rows.
 */
export async function openRowsFile<Row extends IndexedRow>(
  path: string,
  total: number,
  settings: BeginSettings,
): Promise<RowsFile<Row>> {
  const begun = await begin(path, rowOf, settings);
  const { out, whole, journal } = begun;
  const source = whole ? out : journalOf(out);
  const closeAfter = async (error: unknown): Promise<never> => {
    await begun.close();
    throw error;
  };
  // A journal may have been taken away meanwhile.
  const read = (): Promise<Map<number, Span>> =>
    whole ? spansOf(source, true) : explainWriting(source, () => spansOf(source, false), growing);
  const before = await read().catch(closeAfter);
  if (whole && before.size !== total) await closeAfter(otherFile(path, before.size, total));
  return {
    has: (index) => before.has(index),
    read: async (index) => JSON.parse((await readSpan(source, before.get(index)!)).toString('utf8')) as Row,
    keep: (row) => journal.append(row),
    finish: async () => {
      if (whole) return;
      const spans = [...(await read())].sort(([a], [b]) => a - b);
      const file = await open(source, 'r');
      try {
        await replaceFile(out, async (append) => {
          for (const [, { start, end }] of spans) {
            const line = Buffer.alloc(end - start);
            await file.read(line, 0, line.length, start);
            await append(line);
          }
        });
      } finally {
        await file.close();
      }
      await begun.finish();
    },
    close: () => begun.close(),
  };
}

const rowOf = (value: unknown): IndexedRow | null =>
  typeof (value as Partial<IndexedRow> | null)?.index === 'number' ? (value as IndexedRow) : null;

/** Where each row lies; the journal's first line is none. */
async function spansOf(file: string, whole: boolean): Promise<Map<number, Span>> {
  const spans = new Map<number, Span>();
  let first = !whole;
  for await (const { line, start, end } of linesOf<object>(file)) {
    const row = rowOf(line);
    if (row !== null) spans.set(row.index, { start, end });
    else if (!first) throw otherFile(file, spans.size, null);
    first = false;
  }
  return spans;
}

async function readSpan(path: string, { start, end }: Span): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    await file.read(bytes, 0, bytes.length, start);
    return bytes;
  } finally {
    await file.close();
  }
}

const otherFile = (file: string, found: number, total: number | null): WhetstoneError =>
  new WhetstoneError(
    'OUT_EXISTS',
    total === null
      ? 'this has other lines than rows of this work'
      : `expected a file of ${total} rows, found ${found}`,
    { file, hint: `Choose another name, or replace it with ${option('overwrite')}.` },
  );
