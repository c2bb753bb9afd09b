// The two spellings of a setting: `loraAlpha` in TypeScript, `lora_alpha` in files and flags. Nothing else.

/** The TypeScript spelling of a name in snake case, as a type. */
export type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

export const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The record with every key respelled; values are left alone. */
export function mapKeys(record: object, respell: (name: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [respell(key), value as unknown]));
}
