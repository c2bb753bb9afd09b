// The thrifty walk against the whole table, on random lists.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lcsLength, lcsPositions } from './longest-common-subsequence.ts';

/** The definition: the whole table, and the walk back through it. */
function byTable(reference: readonly number[], candidate: readonly number[]): number[] {
  const table = [new Array<number>(candidate.length + 1).fill(0)];
  for (const item of reference) {
    const above = table.at(-1)!;
    const row = [0];
    for (const [j, other] of candidate.entries()) {
      row.push(item === other ? above[j]! + 1 : Math.max(above[j + 1]!, row[j]!));
    }
    table.push(row);
  }
  const positions: number[] = [];
  for (let [i, j] = [reference.length, candidate.length]; i > 0 && j > 0;) {
    if (reference[i - 1] === candidate[j - 1]) {
      positions.unshift(--i);
      j--;
    } else if (table[i]![j - 1]! > table[i - 1]![j]!) j--;
    else i--;
  }
  return positions;
}

const list = fc.array(fc.nat(3), { maxLength: 60 });

it('finds the subsequence that the whole table gives', () => {
  fc.assert(
    fc.property(list, list, (a, b) => {
      const positions = lcsPositions(a, b);
      expect(positions).toEqual(byTable(a, b));
      expect(positions).toHaveLength(lcsLength(a, b));
      expect(lcsLength(b, a)).toBe(lcsLength(a, b));
    }),
    { seed: 1, numRuns: 500 },
  );
});

it('takes the reference apart on a tie', () => {
  // Both "1" and "2" are as long; the walk gives up the reference's last item first.
  expect(lcsPositions([1, 2], [2, 1])).toEqual([0]);
});

it('has room for long lists', () => {
  // The whole table would take 4 x 5000 x 5000 = 100 MB.
  const a = Uint32Array.from({ length: 5000 }, (_, i) => (i * 7919) % 1000);
  const b = Uint32Array.from({ length: 5000 }, (_, i) => (i * 104729) % 1000);
  const before = process.memoryUsage().arrayBuffers;
  const positions = lcsPositions(a, b);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16e6);
  expect(positions).toHaveLength(lcsLength(a, b));
});
