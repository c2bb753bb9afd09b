// Long work on many items: what is there already is not done again, each result is kept as it comes, a signal stops it
// between results, and somebody hears how far it is. Knows neither the items nor where results are kept.
import { WhetstoneError } from '../errors.ts';
import { whileWanted } from './wanted.ts';

/** Hands a result on; resolves when it is kept. */
export type Hand<Item, Result> = (item: Item, result: Result) => Promise<void>;

export interface Work<Item, Result> {
  /** What the items give, for messages: "revisions". */
  readonly what: string;
  readonly items: readonly Item[];
  /** Whether an earlier process left the item's result. */
  readonly isKept: (item: Item) => boolean;
  /** Resolves when the result is on disk. */
  readonly keep: Hand<Item, Result>;
  /**
   * Does what is pending, in any order, several at once or one by one, and hands each result on as it is there. After
   * an abort of the signal it gives up, in whatever way.
   */
  readonly work: (pending: readonly Item[], hand: Hand<Item, Result>) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  /** Hears how many results are there: at the beginning, and with each further one. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /**
   * Results that may be on their way to the disk while the work goes on, and count already; 0, the default, waits for
   * each.
   */
  readonly behind?: number;
}

/**
 * Does what is left of the work. When it ends, in whatever way, every result that was handed on is kept; later ones, of
 * calls that nobody waits for any more, are dropped.
 *
 * Throws WhetstoneError `STOPPED` after an abort, and otherwise what `work` and `keep` throw.
 */
export async function doWork<Item, Result>(job: Work<Item, Result>): Promise<void> {
  const { what, items, isKept, keep, work, signal, onProgress, behind = 0 } = job;
  const pending = items.filter((item) => !isKept(item));
  let done = items.length - pending.length;
  const stopped = (): WhetstoneError =>
    new WhetstoneError('STOPPED', `stopped after ${done} of ${items.length} ${what}`, {
      cause: signal?.reason,
    });
  onProgress?.(done, items.length);
  if (pending.length === 0) return;
  if (signal?.aborted) throw stopped();

  const count = (): void => {
    done++;
    onProgress?.(done, items.length);
  };
  const keepOne = async (item: Item, result: Result): Promise<void> => {
    if (behind > 0) count();
    await keep(item, result);
    if (behind === 0) count();
  };
  try {
    await whileWanted(keepOne, (hand) => work(pending, hand), behind);
  } catch (error) {
    // A full disk is worth telling even then.
    const own = error instanceof WhetstoneError && error.code !== 'STOPPED';
    throw signal?.aborted && !own ? stopped() : error;
  }
  if (done >= items.length) return;
  if (signal?.aborted) throw stopped();
  throw new Error(`${items.length - done} of ${items.length} ${what} are missing`);
}
