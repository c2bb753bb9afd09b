// Lengths and positions in Unicode code points, the unit of every character offset in Whetstone.
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';

/** A half-open range of code points, [start, end). */
export type Span = readonly [start: number, end: number];

/** Number of code points in `text`; a surrogate pair counts once. */
export function codePointLength(text: string): number {
  let pairs = 0;
  for (let i = 1; i < text.length; i++) {
    if (isLow(text.charCodeAt(i)) && isHigh(text.charCodeAt(i - 1))) pairs++;
  }
  return text.length - pairs;
}

/**
 * Throws `LONE_SURROGATE` if `text` holds half of a surrogate pair. Such a string has no UTF-8 form, so that
 * no tokenizer can give it back; it is refused rather than replaced, because a replacement would train the
 * model on a character that nobody wrote.
 */
export function requireUnicode(text: string, location: Place = {}): void {
  const at = text.search(/\p{Surrogate}/u);
  if (at < 0) return;
  const code = text.charCodeAt(at).toString(16).toUpperCase();
  const before = codePointLength(text.slice(0, at));
  throw new WhetstoneError(
    'LONE_SURROGATE',
    `character ${before + 1} of the text is half of a surrogate pair (U+${code}), which is not Unicode text`,
    {
      ...location,
      hint: 'The text was probably cut inside an emoji: remove the character or write U+FFFD for it.',
    },
  );
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
