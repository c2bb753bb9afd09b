// Words of a command line that a person can copy. Knows POSIX shells.

/** The word as a shell reads it: as it is where that is safe, else in quotes. */
export const shellWord = (word: string): string =>
  /^[\w./~+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
