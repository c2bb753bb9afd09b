// What the operating system says against a write, as an error that names the user's own file, what is kept, and what to
// do. Knows no contents.
import { join, relative, resolve, sep } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { bytesInWords } from '../words/numbers.ts';
import { isSystemError, reasonOf, withoutTemporary, writeRemedyOf } from '../words/system-errors.ts';
import { waysOn } from './held.ts';

export interface About {
  /** What became of what was there: a full sentence. */
  readonly kept?: string;
  /** Where it is written until it is whole, other than hidden beside its place. */
  readonly until?: string;
  /** A place in the work that is to go on, where that is not what is written. */
  readonly within?: string;
}

const untouched = 'What was there before is untouched.';

/** For files that grow: their lines are on disk as they come. */
export const growing: About = { kept: 'What it held before is kept.' };

/** For folders that are there as long as nobody takes them away. */
export const movable: About = { kept: 'If it was moved, what it held is kept.' };

const full = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Runs `write`, which makes or changes what is at `path`. Throws WhetstoneError `DISK_FULL` and `WRITE_FAILED` where the
 * operating system does not let it, with the name that the user knows; what it says of other files passes.
 */
export const explainWriting = <T>(path: string, write: () => Promise<T>, about: About = {}): Promise<T> =>
  explained(path, write, 'written', about);

/** As `explainWriting`, for what takes `path` away. */
export const explainRemoving = <T>(path: string, remove: () => Promise<T>): Promise<T> =>
  explained(path, remove, 'removed', { kept: 'All else is as it was.' });

/** The error of a disk that has less than the `needed` bytes, before anything is written to it. */
export const noRoom = (file: string, needed: number, free: number): WhetstoneError => {
  const cause = { code: 'ENOSPC' };
  const problem = `the disk is full: ${bytesInWords(needed)} are needed and ${bytesInWords(free)} are free`;
  return new WhetstoneError('DISK_FULL', problem, { file, hint: hintOf(untouched, cause, file) });
};

const hintOf = (kept: string, cause: { readonly code?: string | undefined }, path: string): string =>
  `${kept} ${writeRemedyOf(cause)}, then ${waysOn(path)}.`;

async function explained<T>(
  path: string,
  work: () => Promise<T>,
  done: string,
  { kept = untouched, until = path, within = path }: About,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Said already, but of the name that it has until it is whole.
    const said = error instanceof WhetstoneError && until !== path ? error : null;
    const cause = said ? said.cause : error;
    if (!isSystemError(cause)) throw error;
    const file = placeOf(said ? said.place.file : (cause.dest ?? cause.path), path, until);
    if (file === null) throw error;
    throw new WhetstoneError(
      full.has(String(cause.code)) ? 'DISK_FULL' : 'WRITE_FAILED',
      said?.problem ?? `this could not be ${done}: ${reasonOf(cause)}`,
      { file, cause, hint: hintOf(kept, cause, within) },
    );
  }
}

/**
 * What of `path` an error is about that names `named`, as a person knows it; null where it is about something else.
 */
function placeOf(named: string | undefined, path: string, until: string): string | null {
  const place = withoutTemporary(path);
  if (named === undefined) return place; // a write through an open file
  const found = withoutTemporary(resolve(named));
  for (const at of [path, until].map((each) => withoutTemporary(resolve(each)))) {
    if (isInside(found, at)) return join(place, relative(at, found));
    if (isInside(at, found)) return place;
  }
  return null;
}

const isInside = (inner: string, outer: string): boolean =>
  inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
