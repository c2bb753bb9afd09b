// A user's bytes as text: UTF-8, or UTF-16 where a byte order mark says so. Anything else is refused with the place of
// the first byte that is none, and what it probably is. Knows no data format.
import { readFile } from 'node:fs/promises';
import { WhetstoneError } from './errors.ts';

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** What a byte order mark says; undefined where there is none. UTF-32's is that of UTF-16 and two bytes of zero. */
function markOf(bytes: Uint8Array): Encoding | 'utf-32' | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return 'utf-32';
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'utf-32' : 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  return undefined;
}

/**
 * Bytes of a file as text: UTF-8, or UTF-16 behind its byte order mark, which is dropped.
 *
 * Throws WhetstoneError as `decodeUtf8`, and `INVALID_UTF16` for half of a surrogate pair or of a unit.
 */
export function decodeText(bytes: Uint8Array, file: string, line = 1): string {
  const encoding = markOf(bytes);
  if (encoding !== 'utf-16le' && encoding !== 'utf-16be') return decodeUtf8(bytes, file, line);
  const decoder = utf16Decoder(encoding, file);
  return decoder.decode(bytes) + decoder.end();
}

/** The text of a file; system errors of reading it pass through. Throws as `decodeText`. */
export const readTextFile = async (file: string): Promise<string> => decodeText(await readFile(file), file);

/**
 * UTF-8 bytes as text; a byte order mark at the start is dropped. `line` is the line that the bytes start on.
 *
 * Throws WhetstoneError `INVALID_UTF8` with the line of the first bad byte and its place in the line; also for UTF-16
 * and UTF-32.
 */
export function decodeUtf8(bytes: Uint8Array, file: string, line = 1): string {
  const zeros = zerosOf(bytes);
  if (zeros === undefined) {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      // Said below, with the place.
    }
  }
  const mark = markOf(bytes);
  const at = zeros !== undefined && mark === undefined ? bytes.indexOf(0) : firstInvalidByte(bytes);
  const before = bytes.subarray(0, at);
  const lines = before.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0);
  const inLine = at - (before.lastIndexOf(10) + 1) + 1;
  const hex = bytes[at]!.toString(16).padStart(2, '0');
  const message = `expected UTF-8 text, found the byte 0x${hex} as byte ${inLine} of the line`;
  throw new WhetstoneError('INVALID_UTF8', message, {
    file,
    line: line + lines,
    hint: remedy((mark === 'utf-8' ? undefined : mark) ?? zeros ?? eightBit(bytes), mark !== undefined),
  });
}

const names: Readonly<Record<string, string>> = {
  'utf-16le': 'UTF-16 (little endian)',
  'utf-16be': 'UTF-16 (big endian)',
  'utf-32': 'UTF-32',
  'windows-1252': 'Windows-1252',
  latin1: 'Latin-1',
};

const remedy = (encoding: string, marked: boolean): string =>
  `The text looks like ${names[encoding]}${encoding.startsWith('utf') && !marked ? ' without a byte order mark' : ''}. ` +
  `Save it as UTF-8, for instance with: iconv -f ${encoding} -t utf-8 FILE > NEW`;

/** Bytes 0x80 to 0x9f are characters in Windows-1252, and none that anybody writes in Latin-1. */
const eightBit = (bytes: Uint8Array): string =>
  bytes.some((byte) => byte >= 0x80 && byte <= 0x9f) ? 'windows-1252' : 'latin1';

// So many bytes show whether every other one of western text is zero.
const sample = 512;

/** UTF-16 or UTF-32 by its zeros, in text of which each would be a character of its own; undefined for other bytes. */
function zerosOf(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | 'utf-32' | undefined {
  if (!bytes.includes(0)) return undefined;
  const head = bytes.subarray(0, sample);
  const zeros = [0, 0, 0, 0];
  head.forEach((byte, i) => (zeros[i % 4]! += byte === 0 ? 1 : 0));
  const quarter = Math.ceil(head.length / 4);
  const mostly = (...places: number[]): boolean => places.every((place) => zeros[place]! > 0.6 * quarter);
  if (mostly(1, 2, 3) || mostly(0, 1, 2)) return 'utf-32';
  if (mostly(1, 3) && zeros[0]! + zeros[2]! <= 0.1 * quarter) return 'utf-16le';
  if (mostly(0, 2) && zeros[1]! + zeros[3]! <= 0.1 * quarter) return 'utf-16be';
  return undefined;
}

/** The decoder of bytes that begin with UTF-16's byte order mark, to be handed piece by piece; null for any others. */
export function utf16DecoderFor(first: Uint8Array, file: string): Utf16Decoder | null {
  const encoding = markOf(first);
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? utf16Decoder(encoding, file) : null;
}

export interface Utf16Decoder {
  decode(piece: Uint8Array): string;
  end(): string;
}

function utf16Decoder(encoding: 'utf-16le' | 'utf-16be', file: string): Utf16Decoder {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const sound = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      throw new WhetstoneError('INVALID_UTF16', 'expected UTF-16 text, as the byte order mark says', {
        file,
        cause,
        hint: 'It is cut off or damaged, or another text was appended to it: save it anew, as UTF-8.',
      });
    }
  };
  return { decode: sound, end: () => sound() };
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
