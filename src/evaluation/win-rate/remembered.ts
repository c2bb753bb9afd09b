// A comparer whose answers are kept in a file, so that no pair is put to it twice, whatever stops the evaluation. Knows
// pairs, no models.
import { createHash } from 'node:crypto';
import { openJournal } from '../../durable/journal.ts';
import type { Journal } from '../../durable/journal.ts';
import { lockFile } from '../../durable/lock.ts';
import { isCompared } from '../../judges/comparer.ts';
import type { Comparer, PairRequest } from '../../judges/comparer.ts';

interface Kept {
  /** Of the comparer and the pair as it was shown. */
  readonly key: string;
  readonly preference: number;
}

/**
 * The comparer with a journal of its preferences at `path`; unscored pairs are asked about again. It takes over the
 * comparer, which closes with it. Throws WhetstoneError `RUN_LOCKED` and `DAMAGED_JOURNAL`.
 */
export async function rememberComparisons(comparer: Comparer, path: string): Promise<Comparer> {
  const lock = await lockFile(path);
  let journal: Journal<Kept>;
  try {
    journal = await openJournal(path, parseKept);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const known = new Map(journal.records.map(({ key, preference }) => [key, preference]));
  const keyOf = ({ instruction, input, output_1, output_2 }: PairRequest): string =>
    createHash('sha256')
      .update(JSON.stringify([comparer.fingerprint, instruction, input ?? null, output_1, output_2]))
      .digest('hex');
  return {
    name: comparer.name,
    fingerprint: comparer.fingerprint,
    ordered: comparer.ordered,
    compare: async (pairs, { onComparison, signal }) => {
      const keys = new Map(pairs.map((pair) => [pair.id, keyOf(pair)]));
      const open: PairRequest[] = [];
      for (const pair of pairs) {
        const preference = known.get(keys.get(pair.id)!);
        if (preference === undefined) open.push(pair);
        else await onComparison({ id: pair.id, preference });
      }
      if (open.length === 0) return;
      await comparer.compare(open, {
        ...(signal && { signal }),
        onComparison: async (comparison) => {
          if (isCompared(comparison)) {
            const kept = { key: keys.get(comparison.id)!, preference: comparison.preference };
            await journal.append(kept);
            known.set(kept.key, kept.preference);
          }
          await onComparison(comparison);
        },
      });
    },
    usage: () => comparer.usage(),
    close: async () => {
      await comparer.close();
      await journal.close();
      await lock.release();
    },
  };
}

function parseKept(value: unknown): Kept | null {
  const { key, preference } = (value ?? {}) as Partial<Record<keyof Kept, unknown>>;
  return typeof key === 'string' && typeof preference === 'number' ? { key, preference } : null;
}
