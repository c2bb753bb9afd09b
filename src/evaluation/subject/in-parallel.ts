// Work on numbered things, so many at once. Knows nothing of the work.

/**
 * Runs `work` for 0 to `count` - 1. After a failure nothing further begins, what is under way is told to give up and
 * waited for, and the first failure is thrown; likewise the signal's reason after an abort.
 */
export async function inParallel(
  count: number,
  concurrency: number,
  signal: AbortSignal,
  work: (index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count && !either.aborted) await work(next++, either);
  };
  const workers = Array.from({ length: Math.min(concurrency, count) }, () =>
    worker().catch((error: unknown) => {
      if (!failed.signal.aborted) failed.abort(error);
    }),
  );
  await Promise.all(workers);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}
