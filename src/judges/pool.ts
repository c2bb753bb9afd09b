// Work on many things, a few at a time. Knows nothing of the work.
import { WhetstoneError } from '../errors.ts';

/**
 * Works on all items in their order, at most `limit` at once. After a failure or an abort no further one is begun;
 * the first error is thrown at once, WhetstoneError `STOPPED` for an abort.
 */
export async function workThrough<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  let over = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !over) await work(items[next++]!);
  };
  const { aborted, forget } = abortOf(signal);
  const workers = Array.from({ length: Math.min(limit, items.length) }, worker);
  try {
    await Promise.race([Promise.all(workers), aborted]);
  } finally {
    over = true;
    forget();
    for (const each of workers) each.catch(() => {});
  }
}

/** A promise that rejects with `STOPPED` at an abort. */
export function abortOf(signal: AbortSignal | undefined): {
  readonly aborted: Promise<never>;
  readonly forget: () => void;
} {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new WhetstoneError('STOPPED', 'stopped while judging; what was judged is kept'));
  });
  aborted.catch(() => {});
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  return { aborted, forget: () => signal?.removeEventListener('abort', stop) };
}
