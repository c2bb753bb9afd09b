// Many things, a few at a time, in their order. Knows nothing of the work.
import { setMaxListeners } from 'node:events';

export interface PoolSettings<T> {
  readonly signal?: AbortSignal | undefined;
  /** Whether an item may begin yet; asked again whenever another one has ended. All may, if left out. */
  readonly ready?: (item: T) => boolean;
}

/**
 * Runs `work` on every item, at most `atOnce` together. After a failure or an abort nothing further begins; what is
 * under way is told by the signal that `work` is given, and waited for. Then the first failure is thrown, or else the
 * reason of the abort.
 */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  { signal, ready = () => true }: PoolSettings<T> = {},
): Promise<void> {
  const over = new AbortController();
  // Everything under way may listen; Node warns from the eleventh on.
  setMaxListeners(0, over.signal);
  const failures: unknown[] = [];
  const stop = (): void => over.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const waiting = new Set(items.keys());
  let underWay = 0;
  const run = async (index: number): Promise<void> => {
    waiting.delete(index);
    underWay++;
    try {
      await work(items[index]!, over.signal);
    } catch (error) {
      failures.push(error);
      over.abort(error);
    }
    underWay--;
  };
  await new Promise<void>((ended) => {
    const go = (): void => {
      while (underWay < atOnce && !over.signal.aborted) {
        const next = firstReady(items, waiting, ready);
        if (next === undefined) break;
        void run(next).then(go);
      }
      if (underWay === 0) ended();
    };
    go();
  });
  signal?.removeEventListener('abort', stop);
  if (failures.length > 0) throw failures[0];
  signal?.throwIfAborted();
}

function firstReady<T>(
  items: readonly T[],
  waiting: ReadonlySet<number>,
  ready: (item: T) => boolean,
): number | undefined {
  for (const index of waiting) if (ready(items[index]!)) return index;
  return undefined;
}
