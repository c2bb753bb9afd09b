// Longest common subsequences of two lists of numbers, in memory that stays small for long lists. Knows nothing of
// what the numbers stand for.

type Items = ArrayLike<number>;

/** The length of a longest common subsequence: time a x b, memory of one row. */
export function lcsLength(a: Items, b: Items): number {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const row = new Uint32Array(short.length + 1);
  for (let i = 0; i < long.length; i++) nextRow(row, row, long[i]!, short);
  return row[short.length]!;
}

/**
 * The positions in `reference`, ascending, of the longest common subsequence that walking back from the ends of both
 * finds: equal items are taken; otherwise the candidate's item is passed over where that keeps the longer
 * subsequence, and the reference's item where it does not (on a tie, therefore, the reference's). There may be
 * others as long; this is the one that rouge-score takes.
 *
 * Time 2 x reference x candidate; memory is 2 sqrt(reference) rows of the table: rows at even distances are kept, and
 * those between two of them are computed again when the walk reaches them.
 */
export function lcsPositions(reference: Items, candidate: Items): number[] {
  const columns = candidate.length;
  const spacing = Math.max(1, Math.ceil(Math.sqrt(reference.length)));
  const kept: Uint32Array[] = [];
  const row = new Uint32Array(columns + 1);
  for (let i = 0; i < reference.length; i++) {
    if (i % spacing === 0) kept.push(row.slice());
    nextRow(row, row, reference[i]!, candidate);
  }

  const rows = Array.from({ length: spacing + 1 }, () => new Uint32Array(columns + 1));
  const positions: number[] = [];
  let j = columns;
  for (let block = kept.length - 1; block >= 0 && j > 0; block--) {
    const first = block * spacing;
    const last = Math.min(first + spacing, reference.length);
    rows[0]!.set(kept[block]!); // rows[k] is row first + k of the table
    for (let i = first; i < last; i++) {
      nextRow(rows[i - first]!, rows[i - first + 1]!, reference[i]!, candidate);
    }
    for (let i = last; i > first && j > 0;) {
      if (reference[i - 1] === candidate[j - 1]) {
        positions.push(i - 1);
        i--;
        j--;
      } else if (rows[i - first]![j - 1]! > rows[i - 1 - first]![j]!) j--;
      else i--;
    }
  }
  return positions.reverse();
}

/** Writes into `next` the table's row after `above` for one more `item`; both may be the same array. */
function nextRow(above: Uint32Array, next: Uint32Array, item: number, others: Items): void {
  let diagonal = 0;
  let left = 0;
  for (let j = 1; j <= others.length; j++) {
    const up = above[j]!;
    left = others[j - 1] === item ? diagonal + 1 : up > left ? up : left;
    next[j] = left;
    diagonal = up;
  }
}
