// Python's string methods where JavaScript's differ, for prompts that have to agree byte for byte with tools written
// in Python. Knows Unicode, nothing of prompts.

/** What `str.isspace` holds for: JavaScript's white space but for U+FEFF, and the controls 1C to 1F and 85. */
const space = /[\t-\r\u{1c}-\u{20}\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u; // eslint-disable-line no-control-regex

/** Whether there is white space at a position of a text; false behind its end. */
export const isSpaceAt = (text: string, at: number): boolean => at < text.length && space.test(text[at]!);

/** `str.rstrip()`. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && isSpaceAt(text, end - 1)) end--;
  return text.slice(0, end);
}

/** `str.lstrip()`. */
export function lstrip(text: string): string {
  let start = 0;
  while (isSpaceAt(text, start)) start++;
  return text.slice(start);
}

/** `str.strip()`. */
export const strip = (text: string): string => lstrip(rstrip(text));

/** `str.capitalize()`: the first character in title case, all others in lower case. */
export function capitalize(text: string): string {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  if (text === '') return '';
  // In one piece, because a sigma's form depends on what stands before it.
  return titleCase(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** Letters that are two letters in one: upper, title and lower case stand side by side. */
const digraphs = [0x1c4, 0x1c7, 0x1ca, 0x1f1];

/** A character's title case (UnicodeData.txt and SpecialCasing.txt), which JavaScript does not have. */
export function titleCase(character: string): string {
  const code = character.codePointAt(0)!;
  const digraph = digraphs.find((from) => code >= from && code <= from + 2);
  if (digraph !== undefined) return String.fromCharCode(digraph + 1);
  // Georgian has capitals, but no words that begin with one.
  if ((code >= 0x10d0 && code <= 0x10fa) || (code >= 0x10fd && code <= 0x10ff)) return character;
  // An apostrophe and its n, of which upper and title case make a capital.
  if (code === 0x149) return character.toUpperCase();
  const [head = '', ...rest] = character.toUpperCase();
  if (code >= 0x1f80 && code <= 0x1fff && rest.at(-1) === '\u0399') return greekTitle(code, head, rest);
  return head + rest.join('').toLowerCase();
}

/** Greek vowels with an iota below, which capitals keep there; in upper case it becomes a letter of its own. */
function greekTitle(code: number, head: string, rest: readonly string[]): string {
  if (code < 0x1fb0) return String.fromCharCode(code | 8);
  const plain: Readonly<Record<number, number>> = { 0x1fb3: 0x1fbc, 0x1fc3: 0x1fcc, 0x1ff3: 0x1ffc };
  const single = plain[code] ?? (Object.values(plain).includes(code) ? code : undefined);
  if (single !== undefined) return String.fromCharCode(single);
  return `${head}${rest.slice(0, -1).join('')}\u0345`;
}
