// Which of many rows are in sight, and where they lie. Browsers make no element higher than some millions of pixels: where
// rows would take more, scrolling moves faster than it does otherwise.

/** Pixels. */
const highest = 8_000_000;
/** Rows beyond either edge. */
const spare = 6;

export interface Sight {
  /** Pixels that the whole was scrolled by. */
  readonly scrolled: number;
  /** Pixels of the part that is seen. */
  readonly height: number;
  readonly rowHeight: number;
  readonly total: number;
}

export interface Window {
  /** Rows from here up to `to`, which is not one of them. */
  readonly from: number;
  readonly to: number;
  /** Pixels of the whole. */
  readonly height: number;
  /** Pixels from the top of the whole to a row. */
  readonly topOf: (i: number) => number;
  /** How far to scroll so that a row is seen whole; null where it is. */
  readonly scrolledTo: (i: number) => number | null;
}

export function windowOf({ scrolled, height: seen, rowHeight, total }: Sight): Window {
  const needed = total * rowHeight;
  const height = Math.min(needed, highest);
  // Pixels of rows that a pixel of scrolling moves.
  const speed = height > seen && needed > height ? (needed - seen) / (height - seen) : 1;
  const at = Math.max(0, Math.min(scrolled, height - seen)) * speed;
  const from = Math.max(0, Math.min(total, Math.floor(at / rowHeight) - spare));
  const to = Math.min(total, Math.ceil((at + seen) / rowHeight) + spare);
  return {
    ...{ from, to, height },
    topOf: (i) => i * rowHeight - at + at / speed,
    scrolledTo: (i) => {
      const top = i * rowHeight;
      if (top < at) return top / speed;
      if (top + rowHeight > at + seen) return (top + rowHeight - seen) / speed;
      return null;
    },
  };
}
