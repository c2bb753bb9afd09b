// Escapes in texts that are hard to type on a command line: newlines, commas in lists. Knows no option.

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' };

/** What the escapes in a listed text may be, for --help. */
export const escapeHelp = '\\n, \\t, \\r, \\\\ and \\uXXXX stand for characters, \\u002c for a comma';

/** `text` with its escapes replaced; null if one is not among those of `escapeHelp`. */
export function readEscapes(text: string): string | null {
  let known = true;
  const read = text.replace(/\\(u[0-9A-Fa-f]{4}|[^]?)/g, (_, escape: string) => {
    const character =
      escape.length === 5 ? String.fromCharCode(parseInt(escape.slice(1), 16)) : escapes[escape];
    if (character === undefined) known = false;
    return character ?? '';
  });
  return known && read !== '' && !/\p{Surrogate}/u.test(read) ? read : null;
}
