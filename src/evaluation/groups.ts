// What an engine scores together: the last digits of a score depend on it, so that groups are the same after a stop,
// whatever is left. Knows positions only.

export interface Group {
  /** All that are scored together, in order. */
  readonly positions: readonly number[];
  /** Whether the score of this position is still wanted. */
  readonly isPending: (position: number) => boolean;
}

/** The positions 0 to `total` - 1 in groups of `size`, without groups of which nothing is pending. */
export function* pendingGroups(
  total: number,
  size: number,
  pending: Iterable<number>,
): Generator<Group, void, undefined> {
  const open = new Set(pending);
  const isPending = (position: number): boolean => open.has(position);
  for (let start = 0; start < total; start += size) {
    const positions = Array.from({ length: Math.min(size, total - start) }, (_, i) => start + i);
    if (positions.some(isPending)) yield { positions, isPending };
  }
}
