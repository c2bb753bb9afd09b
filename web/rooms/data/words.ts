// How the Data room puts numbers and names.

export const count = (value: number): string => value.toLocaleString('en');
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

export function bytes(value: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let size = value;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit === 0 ? size : Number(size.toPrecision(3))} ${units[unit]!}`;
}

/** Characters of a name that nobody sees, or that turn others around, by their codes. */
export const visible = (name: string): string =>
  name.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16).padStart(4, '0')}}`,
  );

/** What stands behind the last slash, either kind of it. */
export const lastPart = (path: string): string => /[^/\\]*[/\\]?$/.exec(path)![0];
