// Positions and shortening of text, for messages about a user's file. It knows no data format.
import { codePointLength } from './unicode.ts';

/** Line and column (code points), both from 1, of a UTF-16 offset. CRLF, LF and CR end a line. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let i = 0; i < offset; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || (code === 13 && text.charCodeAt(i + 1) !== 10)) {
      line++;
      start = i + 1;
    }
  }
  return { line, column: codePointLength(text.slice(start, offset)) + 1 };
}

/** UTF-16 offset of the first half of a surrogate pair that stands alone, or -1: such text has no UTF-8 form. */
export function halfCharacterAt(text: string): number {
  return text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
}

/** The beginning of a text, of at most `limit` UTF-16 units, which halves no character. */
export function beginning(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const halved = /[\ud800-\udbff]/.test(text[limit - 1] ?? '');
  return text.slice(0, halved ? limit - 1 : limit);
}

/** One line of at most `limit` code points, white space collapsed, with "…" where something was left out. */
export function excerpt(text: string, limit = 80): string {
  // Only the head can show, so only the head is worth collapsing.
  const flat = text
    .slice(0, limit * 8)
    .trim()
    .replace(/\s+/gu, ' ');
  // A lone surrogate would spoil the terminal or the report it is printed to.
  const points = Array.from(flat, (point) => (halfCharacterAt(point) < 0 ? point : '\ufffd'));
  if (points.length > limit) return `${points.slice(0, limit - 1).join('')}…`;
  return points.join('') + (text.length > limit * 8 ? '…' : '');
}

/** How often a piece stands in a text, without overlaps. */
export function countOf(text: string, piece: string): number {
  let count = 0;
  for (let at = text.indexOf(piece); at !== -1; at = text.indexOf(piece, at + piece.length)) count++;
  return count;
}
