// What the operating system's error codes mean, in words. Knows neither which file was meant nor what to do about it.

const meanings: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBADF: 'it is closed',
  EBUSY: 'another program is using it',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'there is something at this path already',
  EFBIG: 'the file would be larger than is allowed here',
  EIO: 'the disk or the device failed',
  EISDIR: 'a folder is there, not a file',
  ELOOP: 'the path runs in a circle of symbolic links',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENFILE: 'too many files are open',
  ENOENT: 'no such file or folder',
  ENOMEM: 'there is not enough memory',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'part of the path is a file, not a folder',
  ENOTEMPTY: 'the folder is not empty',
  EPERM: 'this is not permitted',
  EROFS: 'the file system is read-only',
  EXDEV: 'it would have to move to another disk',
};

/** Whether the operating system reports this failure, so that it lies in the circumstances and not in the program. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && 'code' in error;

/** What is wrong, in words: "permission denied". Without a code that is known, the error's own message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return meanings[code] ?? error.message;
}

/** "PATH: permission denied", for an error of the operating system that nobody put into words on its way. */
export function describeSystemError(error: NodeJS.ErrnoException): string {
  const path = error.path === undefined ? '' : `${withoutTemporary(error.path)}: `;
  return `${path}${reasonOf(error)}`;
}

/** The path that a file written beside its place is meant for: "dir/.name.tmp-123" is "dir/name". */
const withoutTemporary = (path: string): string =>
  path.replace(/(^|[\\/])\.([^\\/]+)\.(?:tmp|replaced)-\d+(?=$|[\\/])/, '$1$2');
