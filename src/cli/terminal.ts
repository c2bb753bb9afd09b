// What the verbs may know of the terminal: where to write, how wide, whether in colour.
import picocolors from 'picocolors';
import { snakeCase } from '../options/names.ts';
import { spellOptions } from '../words/option.ts';
import { printable } from '../words/printable.ts';

export { percent, plural, thousands } from '../words/numbers.ts';
export { shellWord } from '../words/shell.ts';
export { printable };

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

/** A text of the library, or of others, for the terminal: options as flags, and nothing that moves the cursor. */
export const readable = (text: string): string =>
  printable(spellOptions(text, (name) => `--${snakeCase(name)}`));
