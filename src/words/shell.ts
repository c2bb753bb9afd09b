// Words of a command line that a person can copy. Knows POSIX shells, and those of Windows as far as they agree.

/**
 * The word as the shell of a platform reads it: as it is where that is safe, else in quotes. On Windows these are double ones,
 * which cmd.exe and PowerShell both take; a path cannot hold one.
 */
export const wordFor =
  (platform: NodeJS.Platform) =>
  (word: string): string => {
    if (platform === 'win32') return /^[\w./\\:~+-]+$/.test(word) ? word : `"${word}"`;
    return /^[\w./~+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
  };

/** The word as the shell of this machine reads it. */
export const shellWord: (word: string) => string = wordFor(process.platform);
