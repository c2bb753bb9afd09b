// A table of settings, and what follows from it: the type of the record that it describes, and the defaults. Knows no
// setting.
import type { Setting, ValueOf } from './kinds.ts';
import { camelCase } from './names.ts';
import type { CamelCase } from './names.ts';

/** Settings by name, in snake case. */
export type Table = Readonly<Record<string, Setting>>;

/** The record of all of a table's settings, by their TypeScript names. */
export type SettingsOf<T> = {
  readonly [Name in keyof T & string as CamelCase<Name>]: ValueOf<T[Name]>;
};

type HasDefault<S> = S extends { readonly default: unknown } | { readonly nullable: true } ? true : false;

/** Names of the settings that can be left out. */
type Optional<T> = { [Name in keyof T]: HasDefault<T[Name]> extends true ? Name : never }[keyof T];

/** What holds where nothing is given: of every setting that can be left out. */
export type DefaultsOf<T> = SettingsOf<Pick<T, Optional<T>>>;

/** Whether the setting can be left out. */
export const hasDefault = ({ default: value, nullable }: Setting): boolean =>
  value !== undefined || nullable === true;

export function defaultsOf<T extends Table>(table: T): DefaultsOf<T> {
  const entries = Object.entries<Setting>(table).filter(([, setting]) => hasDefault(setting));
  const values = entries.map(([name, setting]) => [camelCase(name), setting.default ?? null] as const);
  return Object.fromEntries(values) as DefaultsOf<T>;
}

/** Some of the table's settings. */
export function pick<T extends Table, Name extends keyof T & string>(
  table: T,
  names: readonly Name[],
): Pick<T, Name> {
  return Object.fromEntries(names.map((name) => [name, table[name]])) as Pick<T, Name>;
}

/** The table without some of its settings. */
export function without<T extends Table, Name extends keyof T & string>(
  table: T,
  names: readonly Name[],
): Omit<T, Name> {
  const rest = Object.entries(table).filter(([name]) => !(names as readonly string[]).includes(name));
  return Object.fromEntries(rest) as Omit<T, Name>;
}
