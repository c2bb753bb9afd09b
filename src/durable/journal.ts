// A file of JSON lines that only grows: what was appended is on disk before anyone is told so, and a line that a
// kill cut off is taken away when the file is opened again. Knows nothing of what the records say.
import { open, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { explainWriting, growing } from './explain.ts';
import { syncDirectory, writeAll } from './files.ts';
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

/** Turns a line's value into a record, or says null where it is none. Lines count from 1. */
export type ParseRecord<T> = (value: unknown, line: number) => T | null;

const anyObject = <T>(value: unknown): T | null =>
  typeof value === 'object' && value !== null ? (value as T) : null;

/**
 * Opens or makes the journal `path`, with the permissions `mode` where it is made. Throws WhetstoneError
 * `DAMAGED_JOURNAL` with the line of a record that cannot be read, unless it is the last and has no line end; appending
 * throws as `explainWriting`, and `LOCK_LOST`.
 */
export async function openJournal<T extends object>(
  path: string,
  parse: ParseRecord<T> = anyObject,
  { mode }: { readonly mode?: number } = {},
): Promise<Journal<T>> {
  const file = await explainWriting(path, () => open(path, 'a+', mode), growing);
  const records: T[] = [];
  let repaired: boolean;
  try {
    let whole = 0;
    for await (const { line, end } of linesOf(path, parse)) {
      records.push(line);
      whole = end;
    }
    repaired = whole < (await file.stat()).size;
    await explainWriting(
      path,
      async () => {
        if (repaired) await truncate(path, whole);
        await file.sync();
        if (whole === 0) await syncDirectory(dirname(path));
      },
      growing,
    );
  } catch (error) {
    await file.close();
    throw error;
  }

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
        await explainWriting(
          path,
          async () => {
            await writeAll(file, lines);
            await file.datasync();
          },
          growing,
        );
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

/** A record and where its line lies in the file, in bytes; `end` is behind the line end. */
export interface JournalLine<T> {
  readonly line: T;
  readonly start: number;
  readonly end: number;
}

const lineEnd = 10;

/** The records of a journal, one after the other, without a last one that was cut off. Throws `DAMAGED_JOURNAL`. */
export async function* linesOf<T extends object>(
  path: string,
  parse: ParseRecord<T> = anyObject,
): AsyncGenerator<JournalLine<T>, void, undefined> {
  const file = await open(path, 'r');
  try {
    let [start, number] = [0, 1];
    let pieces: Buffer[] = [];
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1 << 20 })) {
      let rest = chunk as Buffer;
      for (let at = rest.indexOf(lineEnd); at >= 0; at = rest.indexOf(lineEnd)) {
        const bytes = Buffer.concat([...pieces, rest.subarray(0, at)]);
        const end = start + bytes.length + 1;
        yield { line: readRecord(bytes.toString('utf8'), path, number, parse), start, end };
        [start, number, pieces, rest] = [end, number + 1, [], rest.subarray(at + 1)];
      }
      pieces.push(rest);
    }
  } finally {
    await file.close();
  }
}

function readRecord<T>(text: string, file: string, line: number, parse: ParseRecord<T>): T {
  const record = parse(parseJson(text), line);
  if (record !== null) return record;
  throw new WhetstoneError('DAMAGED_JOURNAL', `expected a record, found ${excerpt(text)}`, {
    file,
    line,
    hint: 'A kill cannot do this. Restore the file from a copy, or remove the line if what it said may be lost.',
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
