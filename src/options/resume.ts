// What a run that goes on may have otherwise than it began, by the tables' `resume`. Knows no setting and no files.
import type { Problem } from './check.ts';
import { snakeCase } from './names.ts';
import type { Table } from './table.ts';

/** What is there can be gone on with or made anew; `what` is it, for the message: "a run". */
export const bothWays = (
  { resume, overwrite }: { readonly resume?: boolean; readonly overwrite?: boolean },
  what: string = 'a run',
): Problem[] =>
  resume && overwrite
    ? [{ keys: ['resume', 'overwrite'], message: `${what} can be gone on with or started anew, not both` }]
    : [];

/** The settings to go on with: the recorded ones, and of those given the ones that may change. */
export function settingsToResume<S extends object>(table: Table, given: Partial<S>, recorded: S): S {
  const changed = Object.entries(given).filter(([key]) => table[snakeCase(key)]?.resume !== undefined);
  return { ...recorded, ...Object.fromEntries(changed) };
}

/** One line for every given setting that differs from the recorded one and must not. */
export function settingDifferences<S extends object>(table: Table, given: Partial<S>, recorded: S): string[] {
  return Object.entries(given).flatMap(([key, value]) => {
    const name = snakeCase(key);
    if (value === undefined || table[name]?.resume !== undefined) return [];
    const before = recorded[key as keyof S];
    if (JSON.stringify(inOrder(before)) === JSON.stringify(inOrder(value))) return [];
    return [`${name}: the run has ${show(before)}, now ${show(value)}`];
  });
}

/** Lists name sets here: an adapter may spell the projections in another order than an option. */
const inOrder = (value: unknown): unknown =>
  Array.isArray(value) ? [...(value as unknown[])].sort() : value;

const show = (value: unknown): string => {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
};
