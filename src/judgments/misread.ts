// Text whose UTF-8 bytes somebody read as Windows-1252 or Latin-1: "cafÃ©" for "café". Knows text alone.

/** What Windows-1252 has at the bytes 0x80 to 0x9f, where Latin-1 has controls; undefined bytes are those controls. */
const windows1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';
const byteOf: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 0x80 }, (_, i) => 0x80 + i).flatMap((byte): [string, number][] => [
    [String.fromCharCode(byte), byte],
    [windows1252[byte - 0x80] ?? String.fromCharCode(byte), byte],
  ]),
);

export interface Misread {
  /** What was meant. */
  readonly text: string;
  /** The first piece that was misread, its place in UTF-16 units, and what was meant by it. */
  readonly was: string;
  readonly at: number;
  readonly is: string;
}

const NOT_ASCII = /[\u0080-\u{10ffff}]+/gu;

/**
 * Null unless every piece of the text outside of ASCII is, as bytes of Windows-1252 or Latin-1, whole characters in UTF-8: a text that
 * has an accent or a quotation mark of its own was read as it is.
 */
export function misreadText(text: string): Misread | null {
  let first: Omit<Misread, 'text'> | null = null;
  let meant = '';
  let behind = 0;
  for (const { 0: was, index: at } of text.matchAll(NOT_ASCII)) {
    const is = asUtf8(was);
    if (is === null) return null;
    first ??= { was, at, is };
    meant += text.slice(behind, at) + is;
    behind = at + was.length;
  }
  return first && { text: meant + text.slice(behind), ...first };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function asUtf8(piece: string): string | null {
  const bytes: number[] = [];
  for (const character of piece) {
    const byte = byteOf.get(character);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  try {
    return utf8.decode(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}
