// A comparer whose answers are kept in a file, so that no pair is put to it twice, whatever stops the evaluation. Knows
// pairs, no models.
import { createHash } from 'node:crypto';
import { openKept } from '../../durable/kept.ts';
import type { Kept, LineFormat } from '../../durable/kept.ts';
import { lockFile } from '../../durable/lock.ts';
import { doWork } from '../../durable/work.ts';
import { isCompared } from '../../judges/comparer.ts';
import type { Comparer, Comparison, PairRequest } from '../../judges/comparer.ts';
import { promptKey } from '../../rows/conversation.ts';

/** Preferences by a digest of the comparer and the pair as it was shown. */
const preferences: LineFormat<number> = {
  read: ({ key, preference }) =>
    typeof key === 'string' && typeof preference === 'number' ? [key, preference] : null,
  write: (key, preference) => ({ key, preference }),
};

/**
 * The comparer with a journal of its preferences at `path`; unscored pairs are asked about again. It takes over the
 * comparer, which closes with it. Throws WhetstoneError `RUN_LOCKED` and `DAMAGED_JOURNAL`.
 */
export async function rememberComparisons(comparer: Comparer, path: string): Promise<Comparer> {
  const lock = await lockFile(path);
  let kept: Kept<number>;
  try {
    kept = await openKept(path, preferences);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const keyOf = ({ output_1, output_2, ...prompt }: PairRequest): string =>
    createHash('sha256')
      .update(JSON.stringify([comparer.fingerprint, ...promptKey(prompt), output_1, output_2]))
      .digest('hex');
  return {
    name: comparer.name,
    fingerprint: comparer.fingerprint,
    ordered: comparer.ordered,
    compare: async (pairs, { onComparison, signal }) => {
      const keys = new Map(pairs.map((pair) => [pair.id, keyOf(pair)]));
      for (const { id } of pairs) {
        const preference = kept.results.get(keys.get(id)!);
        if (preference !== undefined) await onComparison({ id, preference });
      }
      await doWork<PairRequest, Comparison>({
        what: 'comparisons',
        items: pairs,
        isKept: ({ id }) => kept.results.has(keys.get(id)!),
        keep: async ({ id }, comparison) => {
          if (isCompared(comparison)) await kept.keep(keys.get(id)!, comparison.preference);
          await onComparison(comparison);
        },
        work: async (open, hand) => {
          const byId = new Map(open.map((pair) => [pair.id, pair]));
          await comparer.compare(open, {
            ...(signal && { signal }),
            onComparison: (comparison) => hand(byId.get(comparison.id)!, comparison),
          });
        },
        signal,
      });
    },
    usage: () => comparer.usage(),
    close: async () => {
      await comparer.close();
      await kept.close();
      await lock.release();
    },
  };
}
