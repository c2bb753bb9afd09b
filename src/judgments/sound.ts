// The one rule of which rows are refused, whoever reads them: those in which the check finds an error. Knows files,
// findings and triplets, not what is done with them.
import { replaceFile } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { RowProblem } from '../rows/problems.ts';
import { option } from '../words/option.ts';
import { plural } from '../words/numbers.ts';
import { shellWord } from '../words/shell.ts';
import { errorsIn, FINDING_TITLES } from './findings.ts';
import type { FindingCode } from './findings.ts';
import { readTriplets } from './read.ts';
import type { ReadOptions, TripletFile } from './read.ts';
import type { Triplet, TripletSource } from './triplet.ts';

/** A row, or a part of one, that is not used, and why. */
export interface LeftOut extends Omit<TripletSource, 'file'> {
  readonly field: string;
  readonly code: FindingCode;
  readonly reason: string;
}

export interface SoundOptions extends Omit<ReadOptions, 'onProblem'> {
  /** Leaves out what is refused otherwise. */
  readonly skipInvalid?: boolean | undefined;
}

export interface SoundTriplets extends Omit<TripletFile, 'problems'> {
  /** Rows that were left out; one may have several reasons. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * The triplets of a file in which `whetstone data check` finds no error.
 *
 * Throws WhetstoneError as `readTriplets` does, and `INVALID_ROWS` for rows with errors unless they are to be left out;
 * `NO_ROWS` if none is left.
 */
export async function readSoundTriplets(
  path: string,
  { skipInvalid = false, ...options }: SoundOptions = {},
): Promise<SoundTriplets> {
  const { problems, ...read } = await readTriplets(path, { ...options, onProblem: 'collect' });
  const unreadable = problems.map(asLeftOut);
  const { sound, leftOut } = separateSound(read.triplets, unreadable);
  if (leftOut.length > 0 && !skipInvalid) throw refused(leftOut, read.rows, path);
  if (sound.length === 0) {
    throw new WhetstoneError('NO_ROWS', `none of ${plural(read.rows, 'row')} can be used`, {
      file: path,
      hint: 'Run "whetstone data check" on the file to see what is wrong with each.',
    });
  }
  return { ...read, triplets: sound, leftOut };
}

/** Throws `INVALID_ROWS` for triplets in memory, or of `file`, in which the check finds an error. */
export function requireSound(triplets: readonly Triplet[], file?: string): void {
  const { leftOut } = separateSound(triplets, []);
  if (leftOut.length > 0) throw refused(leftOut, triplets.length, file);
}

/** Whether the check finds no error in a triplet's texts. */
export const isSound = (triplet: Triplet): boolean => errorsIn(triplet).length === 0;

/** What could not be read, as a row that is left out. */
export const asLeftOut = ({ source: { row, line }, field, expected, found }: RowProblem): LeftOut => ({
  row,
  ...(line !== undefined && { line }),
  field,
  code: 'invalid-row',
  reason: `expected ${expected}, found ${found}`,
});

/** Those in which the check finds no error, and why the others, and rows that could not be read, are left out. */
export function separateSound(
  triplets: readonly Triplet[],
  unreadable: readonly LeftOut[],
): { readonly sound: readonly Triplet[]; readonly leftOut: readonly LeftOut[] } {
  const leftOut: LeftOut[] = [...unreadable];
  const sound = triplets.filter((triplet) => {
    const errors = errorsIn(triplet).map(({ row, line, part, field, code, message, excerpt }): LeftOut => ({
      row,
      ...(line !== undefined && { line }),
      ...(part !== undefined && { part }),
      field,
      code,
      reason: `${FINDING_TITLES[code]}: ${message}${excerpt && ` | ${excerpt}`}`,
    }));
    leftOut.push(...errors);
    return errors.length === 0;
  });
  return { sound, leftOut: leftOut.sort((a, b) => a.row - b.row) };
}

/** How many rows, or parts of rows, a list is about. */
export const rowsIn = (leftOut: readonly LeftOut[]): number =>
  new Set(leftOut.map(({ row, part = '' }) => `${row} ${part}`)).size;

const shown = 10;

function refused(leftOut: readonly LeftOut[], rows: number, file?: string): WhetstoneError {
  const count = rowsIn(leftOut);
  const name = file === undefined ? 'FILE' : shellWord(file);
  return new WhetstoneError('INVALID_ROWS', `${count} of ${plural(rows, 'row')} cannot be used`, {
    ...(file !== undefined && { file }),
    problems: leftOut.map(({ reason, row, line, part, field }) => ({
      row,
      ...(line !== undefined && line !== row && { line }),
      ...(part !== undefined && { part }),
      ...(field && { field }),
      problem: reason,
    })),
    shown,
    hint:
      `"whetstone data check ${name}" shows everything that is wrong with them. Correct these rows, or leave them out: ` +
      `"whetstone data convert ${name} --out sound.jsonl --skip_invalid", or ${option('skipInvalid')} where there is one.`,
  });
}

/** Writes what was left out and why, an object a line, beside what was made of the rest. Throws as `replaceFile`. */
export async function writeLeftOut(file: string, leftOut: readonly LeftOut[]): Promise<void> {
  await replaceFile(file, async (append) => {
    for (const each of leftOut) await append(`${JSON.stringify(each)}\n`);
  });
}
