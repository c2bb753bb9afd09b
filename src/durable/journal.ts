// A file of JSON lines that only grows: what was appended is on disk before anyone is told so, and a line that a
// kill cut off is taken away when the file is opened again. Knows nothing of what the records say.
import { open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { explainFullDisk, hasCode, syncDirectory, writeAll } from './files.ts';
import { requireHeld } from './held.ts';

export interface Journal<T extends object> {
  /** The records that the file held when it was opened. */
  readonly records: readonly T[];
  /** Whether a last line that had been cut off was removed. */
  readonly repaired: boolean;
  /** Resolves when the record is on disk. Records that arrive while others are written share the next write. */
  append(record: T): Promise<void>;
  /** Waits for what was appended. Safe to call more than once. */
  close(): Promise<void>;
}

/**
 * Opens or makes the journal `path`. `parse` turns a line's value into a record, or says null where it is none.
 *
 * Throws WhetstoneError `DAMAGED_JOURNAL` with the line of a record that cannot be read, unless it is the last
 * and has no line end; appending throws `DISK_FULL` and `LOCK_LOST`.
 */
export async function openJournal<T extends object>(
  path: string,
  parse: (value: unknown) => T | null = (value) =>
    typeof value === 'object' && value !== null ? (value as T) : null,
): Promise<Journal<T>> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  const whole = bytes ? bytes.lastIndexOf(10) + 1 : 0;
  const records = bytes ? readRecords(bytes.subarray(0, whole).toString('utf8'), path, parse) : [];
  const repaired = bytes !== null && whole < bytes.length;
  if (repaired) await truncate(path, whole);
  const file = await open(path, 'a');
  await file.sync();
  if (bytes === null) await syncDirectory(dirname(path));

  let waiting: { line: string; done: () => void; failed: (error: unknown) => void }[] = [];
  let writing: Promise<void> | null = null;
  // After a failed write half a line may be in the file; nothing may follow it.
  let broken: { readonly error: Error } | null = null;
  const writeWaiting = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        const lines = Buffer.from(batch.map(({ line }) => line).join(''));
        await requireHeld(path);
        await explainFullDisk(path, async () => {
          await writeAll(file, lines);
          await file.datasync();
        });
        for (const { done } of batch) done();
      } catch (error) {
        broken = { error: error as Error };
        for (const { failed } of [...batch, ...waiting]) failed(error);
        waiting = [];
      }
    }
    writing = null;
  };
  let closed: Promise<void> | null = null;
  return {
    records,
    repaired,
    append: (record) =>
      new Promise<void>((done, failed) => {
        if (broken) return failed(broken.error);
        waiting.push({ line: `${JSON.stringify(record)}\n`, done, failed });
        writing ??= writeWaiting();
      }),
    close: () => (closed ??= (writing ?? Promise.resolve()).then(() => file.close())),
  };
}

function readRecords<T>(text: string, file: string, parse: (value: unknown) => T | null): T[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, i) => {
      const record = parse(parseJson(line));
      if (record !== null) return record;
      throw new WhetstoneError('DAMAGED_JOURNAL', `expected a record, found ${excerpt(line)}`, {
        file,
        line: i + 1,
        hint: 'A kill cannot do this. Restore the file from a copy, or remove the line if what it said may be lost.',
      });
    });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

const excerpt = (line: string): string =>
  line.trim() === '' ? 'an empty line' : JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
