// Results only while they are wanted: none after the work has given up, and none half kept. Knows neither work nor
// results.

/**
 * Runs `work` with a way of handing results on to `keep`. When it ends, in whatever way, those under way are waited for,
 * and later ones, of calls that nobody waits for any more, are dropped. With `behind` so many may be under way while
 * the work goes on; with 0 a result is kept when handing it on resolves.
 *
 * Throws the first failure of keeping, or else what `work` throws.
 */
export async function whileWanted<Result extends readonly unknown[]>(
  keep: (...result: Result) => Promise<void>,
  work: (hand: (...result: Result) => Promise<void>) => Promise<void>,
  behind: number = 0,
): Promise<void> {
  const underWay = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  let wanted = true;
  const hand = async (...result: Result): Promise<void> => {
    if (!wanted) return;
    const keeping = keep(...result);
    const settled: Promise<unknown> = keeping
      .catch((error: unknown) => failures.push(error))
      .finally(() => underWay.delete(settled));
    underWay.add(settled);
    if (behind === 0) return keeping;
    // Where the disk is slower than the work it sets the pace.
    if (underWay.size >= behind) await Promise.race(underWay);
    if (failures.length > 0) throw failures[0];
  };
  try {
    await work(hand);
  } catch (error) {
    failures.push(error);
  }
  wanted = false;
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}
