// What the verbs may know of the terminal: where to write, how wide, whether in colour.
import picocolors from 'picocolors';

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

/** Text of others made safe for a terminal: control characters, which could move the cursor, become visible. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : '\u{fffd}';
  });

/** 12,345 */
export const thousands = (n: number): string => n.toLocaleString('en-US');

/** "1 row", "2 rows" */
export const plural = (n: number, noun: string): string => `${thousands(n)} ${noun}${n === 1 ? '' : 's'}`;
