import pc from 'picocolors';
import { expect, it } from 'vitest';
import { markFlagged } from './marks.ts';
import { printable } from '../words/printable.ts';

const plain = pc.createColors(false);
const offsets = [
  [0, 3],
  [3, 4],
  [4, 8],
  [8, 8],
] as const;

it('marks flagged tokens with brackets, neighbours together', () => {
  const mark = (flagged: boolean[] | null) => markFlagged('The 🍐 is', offsets, flagged, '</s>', plain);
  expect(mark([false, false, false, false])).toBe('The 🍐 is');
  expect(mark([true, true, false, false])).toBe('[The ]🍐 is');
  expect(mark([true, false, true, true])).toBe('[The] [🍐 is][</s>]');
  expect(mark(null)).toBe('The 🍐 is');
});

it('marks a character that several tokens share once', () => {
  const shared = [
    [0, 1],
    [0, 1],
    [1, 2],
  ] as const;
  expect(markFlagged('🍐x', shared, [false, true, false], '', plain)).toBe('[🍐]x');
});

it('uses colour instead of brackets where there is some', () => {
  const marked = markFlagged(
    'ab',
    [
      [0, 1],
      [1, 2],
    ],
    [true, false],
    '',
    pc.createColors(true),
  );
  expect(marked.startsWith('\x1b[4m') && marked.endsWith('b')).toBe(true);
  expect(marked).not.toMatch(/\[a\]/);
});

it('shows control characters instead of sending them to the terminal', () => {
  expect(printable('a\x1b[2Jb\tc\nd\r\x9b')).toBe('a␛[2Jb\tc\nd␍\u{fffd}');
});
