// JSON whose whole numbers stay as they were written: those that a double cannot tell from their neighbours become
// bigints, and are written as numbers again. Knows no rows.

/** `JSON.parse`, where whole numbers beyond 2^53 are bigints. Throws SyntaxError as it does. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const pieces = longWholeNumbers(text);
  return pieces.length === 0 ? value : withBigints(JSON.parse(marked(text, pieces)) as unknown);
}

/** `JSON.stringify`, where bigints are numbers. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // A bigint, or something that the same call refuses again.
    if (!(error instanceof TypeError)) throw error;
    const text = JSON.stringify(value, (_, each: unknown) =>
      typeof each === 'bigint' ? `${mark}${each}` : each,
    );
    return text.replace(MARKED, '$1');
  }
}

// Private use code points, which no JSON text of ours has in this order by chance.
const mark = '\u{f8ff}\u{e000}whole\u{e000}\u{f8ff}';
const MARKED = new RegExp(`"${mark}(-?\\d+)"`, 'gu');
const WHOLE = new RegExp(`^${mark}(-?\\d+)$`, 'u');

const LONG_DIGITS = /\d{16}/;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

type Piece = readonly [start: number, end: number];

/** Where whole numbers stand, outside of strings, that are not the double that they are read as. `text` is JSON. */
function longWholeNumbers(text: string): Piece[] {
  if (!LONG_DIGITS.test(text)) return [];
  const found: Piece[] = [];
  const next = /["\d-]/g;
  for (let at = next.exec(text); at !== null; at = next.exec(text)) {
    if (at[0] === '"') {
      next.lastIndex = stringEnd(text, at.index);
      continue;
    }
    NUMBER.lastIndex = at.index;
    const [number] = NUMBER.exec(text)!;
    if (/^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)))
      found.push([at.index, at.index + number.length]);
    next.lastIndex = at.index + number.length;
  }
  return found;
}

/** Behind the quote that closes the string which begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end + 1;
  }
}

function marked(text: string, pieces: readonly Piece[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const [start, end] of pieces) {
    parts.push(text.slice(at, start), `"${mark}${text.slice(start, end)}"`);
    at = end;
  }
  return parts.join('') + text.slice(at);
}

/** Replaces marked strings in place. Without recursion: values may be nested more deeply than the stack is. */
function withBigints(value: unknown): unknown {
  const root = { value };
  const open: object[] = [root];
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    for (const [key, inner] of Object.entries(each)) {
      if (typeof inner === 'object' && inner !== null) open.push(inner as object);
      const digits = typeof inner === 'string' ? WHOLE.exec(inner)?.[1] : undefined;
      // A name may be "__proto__", which an assignment would not set.
      if (digits !== undefined)
        Object.defineProperty(each, key, {
          value: BigInt(digits),
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
  }
  return root.value;
}
