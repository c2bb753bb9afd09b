// Marks the flagged tokens inside a response: colour where there is colour, brackets where there is none.
import type { Colors } from './terminal.ts';
import { printable } from '../words/printable.ts';

/**
 * `text` with the code points of flagged tokens marked; neighbouring flagged tokens share one mark. A flagged end
 * token, whose span is empty, shows as `endToken` behind the text.
 */
export function markFlagged(
  text: string,
  offsets: readonly (readonly [number, number])[],
  flagged: readonly boolean[] | null,
  endToken: string,
  colors: Colors,
): string {
  const points = Array.from(text);
  const marked = points.map(() => false);
  let endMarked = false;
  flagged?.forEach((is, i) => {
    const [from, to] = offsets[i]!;
    if (is && from === to) endMarked = true;
    else if (is) marked.fill(true, from, to);
  });
  const mark = (piece: string): string =>
    colors.isColorSupported ? colors.underline(colors.red(piece)) : `[${piece}]`;
  let result = '';
  for (let start = 0; start < points.length;) {
    let end = start + 1;
    while (end < points.length && marked[end] === marked[start]) end++;
    const piece = printable(points.slice(start, end).join(''));
    result += marked[start] ? mark(piece) : piece;
    start = end;
  }
  return endMarked ? result + mark(endToken) : result;
}
