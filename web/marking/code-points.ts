// Positions in code points, which the studio counts in, and in a script's own units; marks as sets of them. Knows texts.
import type { CodePoints } from '../../src/studio/api/chat.ts';

/** The text between two positions in code points, where `points` are the text's code points. */
export const between = (points: readonly string[], [from, to]: CodePoints): string =>
  points.slice(from, to).join('');

/** Words as a reader sees them: [from, to) without the spaces around them. */
export function wordsOf(points: readonly string[]): CodePoints[] {
  const words: CodePoints[] = [];
  let from: number | null = null;
  points.forEach((point, i) => {
    const isSpace = /\s/u.test(point);
    if (!isSpace && from === null) from = i;
    if (isSpace && from !== null) {
      words.push([from, i]);
      from = null;
    }
  });
  if (from !== null) words.push([from, points.length]);
  return words;
}

/** Whether the whole range is marked. */
export const isMarked = (marks: readonly CodePoints[], [from, to]: CodePoints): boolean =>
  marks.some(([start, end]) => start <= from && to <= end);

export const touches = (marks: readonly CodePoints[], [from, to]: CodePoints): boolean =>
  marks.some(([start, end]) => start < to && from < end);

/** The range marked as well, or no longer where all of it was marked; in order and without overlaps. */
export function toggled(marks: readonly CodePoints[], range: CodePoints): CodePoints[] {
  const [from, to] = range;
  if (isMarked(marks, range)) {
    return marks.flatMap(([start, end]): CodePoints[] => {
      const left: CodePoints[] = start < from ? [[start, Math.min(end, from)]] : [];
      const right: CodePoints[] = to < end ? [[Math.max(start, to), end]] : [];
      return end <= from || to <= start ? [[start, end]] : [...left, ...right];
    });
  }
  const joined: CodePoints[] = [];
  for (const [start, end] of [...marks, range].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && start <= last[1]) joined[joined.length - 1] = [last[0], Math.max(last[1], end)];
    else joined.push([start, end]);
  }
  return joined;
}
