// Rows that long work makes, handed on in the items' order while they are made in any, and kept in a file if one is
// named. Knows neither the items nor what a row says.
import type { BeginSettings } from './begun.ts';
import { openRowsFile } from './rows-file.ts';
import type { IndexedRow } from './rows-file.ts';
import { doWork } from './work.ts';

export interface RowWork<Row> extends BeginSettings {
  readonly total: number;
  /** File of JSON lines; left out, nothing is kept. */
  readonly out?: string | null | undefined;
  /** Makes the rows of these items, in any order, and hands each on; `signal` asks it to give up. */
  readonly work: (
    pending: readonly number[],
    hand: (row: Row) => Promise<void>,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * The rows of the work in order, those that an earlier process left included. With `out` the file is there when the
 * last row has been taken; who takes no further ones stops the work, and what was made is kept.
 *
 * Throws as `openRowsFile` and `doWork` do.
 */
export async function* rowsInOrder<Row extends IndexedRow>({
  total,
  out,
  work,
  onProgress,
  ...job
}: RowWork<Row>): AsyncGenerator<Row, void, undefined> {
  const file = out == null ? null : await openRowsFile<Row>(out, total, job);
  const given = new AbortController();
  const signal = job.signal ? AbortSignal.any([job.signal, given.signal]) : given.signal;
  const made = new Map<number, Row>();
  let wake = (): void => {};
  let over = false;
  const keep = async (row: Row): Promise<void> => {
    await file?.keep(row);
    made.set(row.index, row);
    wake();
  };
  const working = doWork<number, Row>({
    what: job.what,
    items: Array.from({ length: total }, (_, index) => index),
    isKept: (index) => file?.has(index) ?? false,
    keep: (_, row) => keep(row),
    work: (pending, hand) => work(pending, (row) => hand(row.index, row), signal),
    signal,
    onProgress,
  }).finally(() => {
    over = true;
    wake();
  });
  // It is waited for below, whatever happens until then.
  working.catch(() => undefined);
  try {
    for (let index = 0; index < total; index++) {
      if (file?.has(index)) {
        yield await file.read(index);
        continue;
      }
      while (!made.has(index) && !over) await new Promise<void>((resolve) => (wake = resolve));
      const row = made.get(index);
      if (row === undefined) break;
      made.delete(index);
      yield row;
    }
    await working;
    await file?.finish();
  } finally {
    given.abort();
    await working.catch(() => undefined);
    await file?.close();
  }
}
