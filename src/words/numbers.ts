// Numbers in words and figures, as every text has them. Knows no unit of its own.

/** 12,345 */
export const thousands = (n: number): string => n.toLocaleString('en-US');

/** "1 row", "2 rows"; `many` where the plural is not made with an s. */
export const plural = (n: number, noun: string, many: string = `${noun}s`): string =>
  `${thousands(n)} ${n === 1 ? noun : many}`;

const units = ['kB', 'MB', 'GB', 'TB'] as const;

/** "812 bytes", "4.1 kB", "1.50 GB": what is there is never shown as nothing. Units of 1000. */
export function bytesInWords(bytes: number): string {
  if (bytes < 1000) return plural(Math.ceil(bytes), 'byte');
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power >= 3 && value < 100 ? 2 : 1)} ${units[power - 1]}`;
}

/** "12.3%" of a share between 0 and 1; `none` where there is no such share. */
export const percent = (share: number | null, decimals = 1, none = '-'): string =>
  share === null || !Number.isFinite(share) ? none : `${(100 * share).toFixed(decimals)}%`;
