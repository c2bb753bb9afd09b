// Texts in the encodings that people's programs write, and what is said of those that cannot be read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText, decodeUtf8, utf16DecoderFor } from './decode.ts';

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
const utf32le = (text: string): Buffer =>
  Buffer.concat(
    Array.from(text, (point) => {
      const unit = Buffer.alloc(4);
      unit.writeUInt32LE(point.codePointAt(0)!);
      return unit;
    }),
  );

describe('decodeText', () => {
  const text = 'Größe: 5 €\r\n漢字 😀\n';

  it.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${text}`)],
    ['UTF-16 LE with a mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 BE with a mark', utf16be(`\ufeff${text}`)],
  ])('reads %s', (_, bytes) => {
    expect(decodeText(bytes, 'f')).toBe(text);
  });

  it.each([
    [
      'Latin-1',
      Buffer.from('Hello\nFähre\n', 'latin1'),
      /^f:2: .*byte 0xe4 as byte 2 of the line[^]*iconv -f latin1 /,
    ],
    [
      'Windows-1252',
      Buffer.from('a\nb\n5 \x80 \xfcber', 'latin1'),
      /^f:3: .*0x80 as byte 3 of[^]*iconv -f windows-1252/,
    ],
    [
      'UTF-16 LE without a mark',
      Buffer.from('plain: x\n', 'utf16le'),
      /^f:1: [^]*little endian\) without a byte order mark[^]*iconv -f utf-16le/,
    ],
    [
      'UTF-16 BE without a mark',
      utf16be('Grüße\n'),
      /^f:1: [^]*big endian\) without a byte order mark[^]*iconv -f utf-16be/,
    ],
    ['UTF-32 with a mark', utf32le('\ufeffa b'), /UTF-32[^]*iconv -f utf-32/],
    ['UTF-32 without a mark', utf32le('a b c d'), /UTF-32[^]*iconv -f utf-32/],
    ['a character that is cut off', Buffer.from('abc€').subarray(0, -1), /0xe2 as byte 4/],
    [
      'UTF-16 cut in a unit',
      Buffer.from('\ufeffab', 'utf16le').subarray(0, -1),
      /expected UTF-16 text[^]*cut off/,
    ],
    ['UTF-16 with half a pair', Buffer.from('\ufeff\ud83d!', 'utf16le'), /expected UTF-16 text/],
  ])('refuses %s with its place and what to do', (_, bytes, message) => {
    expect(() => decodeText(bytes, 'f')).toThrow(message);
  });

  it('counts lines from where the bytes begin, and leaves a zero in UTF-8 text alone', () => {
    expect(() => decodeUtf8(Buffer.from('a\n\xff', 'latin1'), 'f', 7)).toThrow(/^f:8: /);
    expect(decodeUtf8(Buffer.from('a\0b, and much more text'), 'f')).toBe('a\0b, and much more text');
  });

  it('reads any text in any piece sizes of UTF-16 as it was written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        (text, size, big) => {
          const bytes = big ? utf16be(`\ufeff${text}`) : Buffer.from(`\ufeff${text}`, 'utf16le');
          const decoder = utf16DecoderFor(bytes, 'f')!;
          let found = '';
          for (let at = 0; at < bytes.length; at += size)
            found += decoder.decode(bytes.subarray(at, at + size));
          expect(found + decoder.end()).toBe(text);
          expect(decodeText(Buffer.from(text), 'f')).toBe(text.replace(/^\ufeff/, ''));
        },
      ),
    );
  });
});
