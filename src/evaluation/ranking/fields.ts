// Reads typed columns out of benchmark rows; a column that does not fit ends the reading with its place. Knows no
// benchmark.
import { WhetstoneError } from '../../errors.ts';
import { describe, isFields } from '../../rows/fields.ts';
import { isMisspelling } from '../../rows/names.ts';
import type { Fields } from '../../rows/fields.ts';

export interface BenchmarkRow {
  readonly fields: Fields;
  readonly file: string;
  /** From 1. */
  readonly row: number;
}

/** The error of a row that is not in its benchmark's layout: `BENCHMARK_ROW`. */
export function badField(row: BenchmarkRow, field: string, expected: string, found: string): WhetstoneError {
  return new WhetstoneError('BENCHMARK_ROW', `expected ${expected}, found ${found}`, {
    file: row.file,
    row: row.row,
    field,
    hint: 'Columns are those of the data set on the hub: docs/evaluation.md lists them.',
  });
}

/** A string, which may be empty. `path` leads through nested objects: "choices.text". */
export function textAt(row: BenchmarkRow, path: string): string {
  const value = valueAt(row, path);
  if (typeof value === 'string') return value;
  throw badField(row, path, 'a string', foundAt(row, path));
}

/** A list of strings with at least one. */
export function textsAt(row: BenchmarkRow, path: string): string[] {
  const value = valueAt(row, path);
  if (!Array.isArray(value)) throw badField(row, path, 'a list of strings', foundAt(row, path));
  if (value.length === 0) throw badField(row, path, 'at least one choice', 'an empty list');
  return value.map((item: unknown, i) => {
    if (typeof item === 'string') return item;
    throw badField(row, `${path}[${i}]`, 'a string', describe(item));
  });
}

/** As many strings as there are `choices`. */
export function labelsAt(row: BenchmarkRow, path: string, choices: readonly string[]): readonly unknown[] {
  const value = valueAt(row, path);
  if (!Array.isArray(value)) throw badField(row, path, 'a list', foundAt(row, path));
  if (value.length === choices.length) return value as unknown[];
  throw badField(row, path, `${choices.length} labels, one for each choice`, `${value.length}`);
}

/** A whole number below `count`, as a number or, as the hub has it in places, in digits. */
export function indexAt(row: BenchmarkRow, path: string, count: number): number {
  const value = valueAt(row, path);
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < count) return number;
  const expected = `a whole number from 0 to ${count - 1}, the index of the right choice`;
  throw badField(row, path, expected, foundAt(row, path));
}

function valueAt(row: BenchmarkRow, path: string): unknown {
  let value: unknown = row.fields;
  for (const name of path.split('.')) value = isFields(value) ? value[name] : undefined;
  return value;
}

export function foundAt(row: BenchmarkRow, path: string): string {
  let within: unknown = row.fields;
  const names = path.split('.');
  for (const [i, name] of names.entries()) {
    if (!isFields(within)) return `${names.slice(0, i).join('.')} is ${describe(within)}`;
    if (!(name in within)) {
      const similar = Object.keys(within).find((key) => isMisspelling(key, name));
      return similar === undefined ? 'no such column' : `no such column, but ${JSON.stringify(similar)}`;
    }
    within = within[name];
  }
  return describe(within);
}
