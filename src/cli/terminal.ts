// What the verbs may know of the terminal: where to write, how wide, whether in colour.
import picocolors from 'picocolors';
import { snakeCase } from '../options/names.ts';
import { spellOptions } from '../words/option.ts';
import { printable } from '../words/printable.ts';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type Colors = ReturnType<typeof picocolors.createColors>;

/** Colours for a terminal, none for pipes; NO_COLOR and FORCE_COLOR as everywhere. */
export function colorsFor(output: Output, env: NodeJS.ProcessEnv = process.env): Colors {
  const wanted = env['NO_COLOR']
    ? false
    : env['FORCE_COLOR']
      ? env['FORCE_COLOR'] !== '0'
      : output.isTTY === true;
  return picocolors.createColors(wanted && env['TERM'] !== 'dumb');
}

/** Columns of a terminal or the usual number; some terminals report none. */
export const widthOf = ({ columns = 0 }: Output, usual: number): number => (columns > 0 ? columns : usual);

/** A text of the library with its options as flags. */
export const withFlags = (text: string): string => spellOptions(text, (name) => `--${snakeCase(name)}`);

/** A text of the library, or of others, for the terminal: options as flags, and nothing that moves the cursor. */
export const readable = (text: string): string => printable(withFlags(text));

/** What `colorsFor` puts into texts: these sequences change the look of what follows, and nothing else. */
// eslint-disable-next-line no-control-regex
const looks = /(\x1b\[(?:0|[1-9]|2[1-9]|[34]\d|9\d|10\d)m)/;

/** Words with our own colours that may hold a text of others: whatever else moves the cursor becomes visible. */
export const safeWords = (words: string): string =>
  words
    .split(looks)
    .map((piece, i) => (i % 2 === 1 ? piece : printable(piece)))
    .join('');
