// "Did you mean": how far apart two spellings are (Damerau-Levenshtein, adjacent swaps), and the nearest known one.

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}

/** " (did you mean lambda?)" if a known name is near, else nothing. */
export function suggestion(found: string, known: readonly string[], prefix = ''): string {
  const most = (name: string): number => Math.max(1, Math.floor(Math.min(name.length, found.length) / 3));
  const [best] = known
    .filter((name) => Math.abs(name.length - found.length) <= most(name)) // what is longer by more is farther
    .map((name) => ({ name, distance: editDistance(found.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= most(name))
    .sort((a, b) => a.distance - b.distance);
  if (best) return ` (did you mean ${prefix}${best.name}?)`;
  const word = known.filter(
    (name) =>
      found.length >= 4 &&
      (name.startsWith(found) || name.endsWith(`_${found}`) || found.endsWith(`_${name}`)),
  );
  return word.length === 1 ? ` (did you mean ${prefix}${word[0]!}?)` : '';
}
