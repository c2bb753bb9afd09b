// Says why the system would not give a file's bytes, and what to do about it. Knows no format.
import { WhetstoneError } from '../errors.ts';
import { reasonOf } from '../words/system-errors.ts';

/** The error for `cause`, thrown where `file` was opened or read; `hint` is for a file that is not there. */
export function unreadable(file: string, code: string, cause: unknown, hint: string): WhetstoneError {
  const problem = codeOf(cause) === 'ENOENT' ? 'is missing' : `cannot be read: ${reasonOf(cause)}`;
  return new WhetstoneError(code, problem, { file, cause, hint: remedies[codeOf(cause)] ?? hint });
}

/** Whether it failed because there is nothing of this name. */
export const isMissing = (cause: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(cause));

const codeOf = (cause: unknown): string => String((cause as NodeJS.ErrnoException).code);

const permission =
  'Give yourself the right to read the file and to enter the folders above it (chmod, or ask its owner).';

/** What helps where fetching the file would not. */
const remedies: Readonly<Partial<Record<string, string>>> = {
  EACCES: permission,
  EPERM: permission,
  EIO: 'The disk or the network drive that holds it may have a fault.',
  ELOOP: 'Put the file in the place of the link, or download the model again.',
};
