// How far two people agree about the same items: in what they call them, and in where they mark them. Knows labels and
// spans, not whose they are.
import type { Span } from '../rows/unicode.ts';

/** Shares in [0, 1]. */
export interface LabelAgreement {
  readonly items: number;
  /** Items that both gave the same label. */
  readonly observed: number;
  /** Items that they would give the same label by chance, each with the shares of labels that they gave. */
  readonly expected: number;
  /**
   * (observed - expected) / (1 - expected): 1 is full agreement, 0 that of chance, below 0 less than chance. Null where
   * both gave every item one and the same label, so that chance alone agrees.
   */
  readonly kappa: number | null;
}

/**
 * Cohen's kappa of two lists of labels, shape [items] each (Cohen 1960, "A coefficient of agreement for nominal scales").
 * Throws RangeError for lists of different lengths, and for no items.
 */
export function labelAgreement<Label>(ours: readonly Label[], theirs: readonly Label[]): LabelAgreement {
  const items = ours.length;
  if (items !== theirs.length || items === 0)
    throw new RangeError(`no agreement between ${items} and ${theirs.length} labels`);
  const counts = new Map<Label, [ours: number, theirs: number]>();
  const count = (label: Label, side: 0 | 1): void => {
    const both = counts.get(label) ?? [0, 0];
    both[side]++;
    counts.set(label, both);
  };
  ours.forEach((label) => count(label, 0));
  theirs.forEach((label) => count(label, 1));
  const same = ours.filter((label, i) => label === theirs[i]).length;
  let chance = 0;
  for (const [one, other] of counts.values()) chance += one * other;
  // In whole numbers as long as possible: one minus a sum of rounded shares would be a little off 0.
  const square = items * items;
  return {
    items,
    observed: same / items,
    expected: chance / square,
    kappa: chance === square ? null : (same * items - chance) / (square - chance),
  };
}

export interface SpanAgreement {
  /** Positions that both marked, and that the one and the other did. */
  readonly shared: number;
  readonly ours: number;
  readonly theirs: number;
  /** 2 shared / (ours + theirs), the harmonic mean of precision and recall; null where nobody marked anything. */
  readonly f1: number | null;
  /** Shared positions of those that either marked (Jaccard index); null likewise. */
  readonly overlap: number | null;
}

/** Marks of the same texts by two people, shape [texts] of spans each; positions of all texts are counted together. */
export function spanAgreement(
  texts: readonly (readonly [readonly Span[], readonly Span[]])[],
): SpanAgreement {
  let [shared, ours, theirs] = [0, 0, 0];
  for (const [one, other] of texts.map(([a, b]) => [joined(a), joined(b)] as const)) {
    ours += length(one);
    theirs += length(other);
    for (const [from, to] of one)
      for (const [start, end] of other) shared += Math.max(0, Math.min(to, end) - Math.max(from, start));
  }
  const marked = ours + theirs;
  return {
    ...{ shared, ours, theirs },
    f1: marked === 0 ? null : (2 * shared) / marked,
    overlap: marked === 0 ? null : shared / (marked - shared),
  };
}

const length = (spans: readonly Span[]): number => spans.reduce((sum, [from, to]) => sum + to - from, 0);

/** The same positions as spans in order that do not meet. */
function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last && from <= last[1]) result[result.length - 1] = [last[0], Math.max(last[1], to)];
    else if (from < to) result.push([from, to]);
  }
  return result;
}
