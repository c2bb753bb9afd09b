// Positions, decoding and shortening of text, for messages about a user's file. It knows no data format.
import { WhetstoneError } from '../errors.ts';
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

/**
 * UTF-8 bytes as text; a byte order mark at the start is dropped.
 *
 * Throws WhetstoneError `INVALID_UTF8` with the line of the first bad byte. `line` is the line that the bytes
 * start on.
 */
export function decodeUtf8(bytes: Uint8Array, file: string, line = 1): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const at = firstInvalidByte(bytes);
    const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe ? 'little' : bytes[0] === 0xfe ? 'big' : undefined;
    const hex = bytes[at]!.toString(16).padStart(2, '0');
    let lines = line;
    for (let i = 0; i < at; i++) if (bytes[i] === 10) lines++;
    throw new WhetstoneError('INVALID_UTF8', `expected UTF-8 text, found the byte 0x${hex}`, {
      file,
      line: lines,
      cause,
      hint: utf16
        ? `The file looks like UTF-16 (${utf16} endian). Save it as UTF-8.`
        : 'Save the file as UTF-8, for instance with: iconv -f latin1 -t utf-8 FILE',
    });
  }
}

/** Offset of the first byte that begins no character; the length if all is well. */
function firstInvalidByte(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  // The longest prefix that decodes as the beginning of a stream ends in or before the bad character.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (decodes(bytes.subarray(0, middle), true)) low = middle;
    else high = middle - 1;
  }
  // A character that was begun but not finished is bad from its first byte.
  while (!decodes(bytes.subarray(0, low), false)) low--;
  return low;
}

function decodes(bytes: Uint8Array, stream: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
    return true;
  } catch {
    return false;
  }
}
