// Settings as run.yaml has them, and back: snake case, the table's order, paths from the root. Knows no setting.
import { resolve } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { wrongValue } from './check.ts';
import { checkValue } from './kinds.ts';
import { camelCase } from './names.ts';
import type { SettingsOf, Table } from './table.ts';

/** The settings that the table has, as a record keeps them. */
export function settingsForRecord(table: Table, settings: object): Record<string, unknown> {
  const given = new Map<string, unknown>(Object.entries(settings));
  const entries = Object.entries(table).flatMap(([name, { path }]) => {
    const value = given.get(camelCase(name));
    if (value === undefined) return [];
    return [[name, path && typeof value === 'string' ? resolve(value) : value] as const];
  });
  return Object.fromEntries(entries);
}

/**
 * The settings of a record, by TypeScript names; what the table does not have, an older version's, is left out. Throws
 * WhetstoneError `DAMAGED_RECORD` for values that no run can have had.
 */
export function settingsOfRecord<T extends Table>(
  table: T,
  record: Readonly<Record<string, unknown>>,
): Partial<SettingsOf<T>> {
  const settings: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table as Table)) {
    const value = record[name];
    if (value === undefined) continue;
    const checked = checkValue(setting, value);
    if (!checked.ok)
      throw new WhetstoneError('DAMAGED_RECORD', wrongValue(setting, checked.expected, value), {
        field: name,
        hint: 'A record is not changed by hand; a method of your own has to be added before its run goes on.',
      });
    settings[camelCase(name)] = checked.value;
  }
  return settings as Partial<SettingsOf<T>>;
}
