// Results by key in a journal of one line each: what earlier processes left, and what is kept from now on. Knows nothing
// of what they mean.
import { openJournal } from './journal.ts';

export interface Kept<Result> {
  /** In the order of the file; of several lines for a key the last one counts. */
  readonly results: ReadonlyMap<string, Result>;
  /** Whether a last line that a kill had cut off was removed. */
  readonly repaired: boolean;
  /** Resolves when the result is on disk. */
  keep(key: string, result: Result): Promise<void>;
  /** Resolves when a line that is no result is on disk. */
  note(line: object): Promise<void>;
  close(): Promise<void>;
}

export interface LineFormat<Result> {
  /** What a line says: a result and its key, 'other' for anything else that may stand there, null for damage. Counts from 1. */
  readonly read: (
    value: Readonly<Record<string, unknown>>,
    line: number,
  ) => readonly [string, Result] | 'other' | null;
  readonly write: (key: string, result: Result) => object;
}

/** Opens or makes the journal. Throws as `openJournal` does. */
export async function openKept<Result>(path: string, format: LineFormat<Result>): Promise<Kept<Result>> {
  const results = new Map<string, Result>();
  const journal = await openJournal<object>(path, (value, line) => {
    const found = format.read((value ?? {}) as Readonly<Record<string, unknown>>, line);
    if (found !== null && found !== 'other') results.set(found[0], found[1]);
    return found === null ? null : {};
  });
  return {
    results,
    repaired: journal.repaired,
    keep: async (key, result) => {
      await journal.append(format.write(key, result));
      results.set(key, result);
    },
    note: (line) => journal.append(line),
    close: () => journal.close(),
  };
}

/** The same without a journal: nothing is there, and nothing outlives the process. */
export function keptInMemory<Result>(): Pick<Kept<Result>, 'results' | 'keep' | 'close'> {
  const results = new Map<string, Result>();
  return {
    results,
    keep: (key, result) => Promise.resolve(void results.set(key, result)),
    close: () => Promise.resolve(),
  };
}
