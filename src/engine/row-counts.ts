// How many rows a step of generation has. Fewer rows cost less; but kernels may sum in an order that depends on how many
// rows a product has and on how it is shared out among threads, and then a request would get other bits alone than
// beside others. So a number of rows is used where this process has seen it give the bits of a step of all slots.
//
// It is seen on the cache as it is, with numbers where nothing is cached yet, every row looking at all of it: a sum in
// another order then differs somewhere among some thousand results.
import type { KeyValueCache, Numbers } from './key-value-cache.ts';

/** What was seen, by numbers of rows and room of the cache. To be cleared when parameters change: zeros hide much. */
export type RowCounts = Map<string, boolean>;

/** Kernels have paths of their own for a single row, and some for an odd one at the end. */
export const evenRows = (rows: number): number => rows + (rows % 2);

/** The results of a step with so many rows: a value for each output, row by row. Disposed of by the caller. */
export interface Results {
  readonly values: readonly Numbers[];
  dispose(): void;
}

/** The fewest rows, at least `needed`, that give each row the bits which it has in a step of `most`. */
export async function findRows(
  known: RowCounts,
  {
    needed,
    most,
    cache,
  }: { readonly needed: number; readonly most: number; readonly cache: Pick<KeyValueCache, 'room'> },
  resultsOf: (rows: number) => Promise<Results>,
): Promise<number> {
  for (let rows = 2; rows < most; rows *= 2) {
    if (rows < needed) continue;
    const key = `${rows} of ${most}, room for ${cache.room}`;
    let same = known.get(key);
    if (same === undefined) {
      const results = [await resultsOf(rows), await resultsOf(most)] as const;
      same = results[0].values.every((own, i) => areSame(own, results[1].values[i]!));
      for (const each of results) each.dispose();
      known.set(key, same);
    }
    if (same) return rows;
  }
  return most;
}

/** Whether the bits of the first are those with which the second begins. */
function areSame(own: Numbers, all: Numbers): boolean {
  const [a, b] = [own, all].map(
    ({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset, own.byteLength),
  );
  return Buffer.compare(a!, b!) === 0;
}
