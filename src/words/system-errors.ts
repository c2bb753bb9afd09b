// What the operating system's error codes mean, in words, and what helps where a file cannot be written. Knows neither
// which file was meant nor why it is written.

interface Meaning {
  readonly reason: string;
  /** What helps where it kept a file or folder from being written: a clause without its full stop. */
  readonly remedy: string;
}

const otherPlace = 'choose another place';
const permission = `Give yourself the right to write there (chmod, or ask the owner of the folder), or ${otherPlace}`;
const openFiles: Meaning = {
  reason: 'too many files are open',
  remedy: 'Raise the limit of open files (ulimit -n), or close other programs',
};
const network = (reason: string): Meaning => ({
  reason,
  remedy: `See that the network drive is connected, or ${otherPlace}`,
});

const meanings: Readonly<Record<string, Meaning>> = {
  EACCES: { reason: 'permission denied', remedy: permission },
  EBADF: { reason: 'it is closed', remedy: 'Open it again' },
  EBUSY: { reason: 'another program is using it', remedy: 'Close that program' },
  EDQUOT: {
    reason: 'the disk quota is used up',
    remedy: 'Remove files of yours from that disk, or ask for a larger quota',
  },
  EEXIST: { reason: 'there is something at this path already', remedy: 'Choose another name' },
  EFBIG: {
    reason: 'the file would be larger than is allowed here',
    remedy: `Raise the limit of file sizes (ulimit -f), or choose a place on a file system that takes larger files`,
  },
  EIO: {
    reason: 'the disk or the device failed',
    remedy: `Have the disk or the network drive looked at, or ${otherPlace}`,
  },
  EISDIR: { reason: 'a folder is there, not a file', remedy: 'Choose another name, or move the folder away' },
  ELOOP: {
    reason: 'the path runs in a circle of symbolic links',
    remedy: 'Choose a path without that circle, or remove one of its links',
  },
  EMFILE: openFiles,
  ENAMETOOLONG: { reason: 'the name is too long', remedy: 'Choose a shorter one' },
  ENFILE: openFiles,
  ENOENT: {
    reason: 'no such file or folder',
    remedy: 'Put the folder that it belongs into back in its place; something has removed or renamed it',
  },
  ENOMEM: { reason: 'there is not enough memory', remedy: 'Close other programs' },
  ENOSPC: { reason: 'the disk is full', remedy: 'Free some space on that disk' },
  ENOTCONN: network('the network drive is not connected'),
  ENOTDIR: {
    reason: 'part of the path is a file, not a folder',
    remedy: 'Choose a path that leads through folders alone',
  },
  ENOTEMPTY: { reason: 'the folder is not empty', remedy: 'Choose another name' },
  ENXIO: { reason: 'no device or reader is there', remedy: 'Choose another place' },
  EPERM: { reason: 'this is not permitted', remedy: permission },
  EROFS: {
    reason: 'the file system is read-only',
    remedy: 'Choose a place that can be written, or mount the disk so that it can be',
  },
  ESTALE: network('the network drive has lost track of it'),
  ETIMEDOUT: network('the network drive does not answer'),
  ETXTBSY: { reason: 'it is a program that is running', remedy: 'End that program' },
  EXDEV: {
    reason: 'it would have to move to another disk',
    remedy: 'Choose a place whose folders are on one disk',
  },
};

/** What Node throws for them; two paths where a file moves or is copied. */
export type SystemError = NodeJS.ErrnoException & { readonly dest?: string };

/** Whether the operating system reports this failure, so that it lies in the circumstances and not in the program. */
export const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'syscall' in error && 'code' in error;

const meaningOf = (error: unknown): Meaning | undefined =>
  typeof error === 'object' && error !== null && 'code' in error ? meanings[String(error.code)] : undefined;

/** What is wrong, in words: "permission denied". Without a code that is known, the error's own message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return meaningOf(error)?.reason ?? error.message;
}

/** What helps where the error kept something from being written: "Free some space on that disk". */
export const writeRemedyOf = (error: unknown): string =>
  meaningOf(error)?.remedy ?? 'See what the system has against it';

/** "PATH: permission denied", for an error of the operating system that nobody put into words on its way. */
export function describeSystemError(error: NodeJS.ErrnoException): string {
  const path = error.path === undefined ? '' : `${withoutTemporary(error.path)}: `;
  return `${path}${reasonOf(error)}`;
}

/** The path that what is written beside its place is meant for: "dir/.name.tmp-123" is "dir/name". */
export const withoutTemporary = (path: string): string =>
  path.replace(/(^|[\\/])\.([^\\/]+)\.(?:tmp|replaced)-\d+(?=$|[\\/])/g, '$1$2');

/** What V8, Node and ONNX Runtime say where memory is refused; none of them has a code of its own for it. */
const refusedMemory =
  /array buffer allocation failed|bad_?alloc|bad alloc|(?:cannot|failed to|could not) allocate|out of memory|failed to map segment|invalid (?:typed )?array (?:buffer )?length/i;

/** Whether something ended because memory was refused: by the system, or by a limit such as "ulimit -v". */
export function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return code === 'ENOMEM' || code === 'ERR_MEMORY_ALLOCATION_FAILED' || refusedMemory.test(error.message);
}
