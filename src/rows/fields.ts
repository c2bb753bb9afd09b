// Reads typed fields out of untrusted rows and notes every field that does not fit. It knows no layout.
import type { RowSource } from './rows.ts';
import { maybeMeant } from './names.ts';

/** What is wrong with one field of one row. */
export interface Problem {
  /** Path of the field in the row, such as `completions[1].response`; empty for the row as a whole. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** What a row is called where it came from. Whole numbers beyond 2^53 are bigints; `jsonText` writes them as they were. */
export type RowId = string | number | bigint;

export type Fields = Readonly<Record<string, unknown>>;

/** Gathers what a layout finds in one row. */
export interface RowReader {
  readonly source: RowSource;
  /** True if numbers come as text (CSV). */
  readonly textOnly: boolean;
  problem(field: string, expected: string, found: string): void;
  /** Leaves out a part of the row that holds nothing to learn from; `reason` is counted and reported. */
  skip(reason: string): void;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string, which may be empty; null, after a problem, if it is anything else. */
export function text(fields: Fields, name: string, reader: RowReader, path: string = name): string | null {
  const value = fields[name];
  if (typeof value === 'string') return value;
  reader.problem(path, 'a string', describeValue(fields, name));
  return null;
}

/** A string; absent and null count as undefined. */
export function optionalText(
  fields: Fields,
  name: string,
  reader: RowReader,
  path: string = name,
): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  reader.problem(path, 'a string or null', describeValue(fields, name));
  return undefined;
}

/** A string or null (in CSV: empty); the field has to be there, so that a misspelt name is not taken for praise. */
export function textOrNull(
  fields: Fields,
  name: string,
  reader: RowReader,
  path: string = name,
): string | null {
  const value = fields[name];
  if (reader.textOnly && value === '') return null;
  if (typeof value === 'string' || value === null) return value;
  reader.problem(path, 'a string, or null if the response is satisfactory', describeValue(fields, name));
  return null;
}

/** A finite number; absent, null and (in CSV) empty count as undefined. */
export function optionalNumber(
  fields: Fields,
  name: string,
  reader: RowReader,
  path: string = name,
): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null || (reader.textOnly && value === '')) return undefined;
  const number =
    reader.textOnly && typeof value === 'string'
      ? parseNumber(value)
      : typeof value === 'bigint'
        ? Number(value)
        : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  reader.problem(path, 'a number or null', describeValue(fields, name));
  return undefined;
}

/** A name of the row: text or a number, a bigint where a number cannot hold it; absent, null and empty count as undefined. */
export function optionalId(fields: Fields, name: string, reader: RowReader): RowId | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  reader.problem(name, 'a string or a number', describeValue(fields, name));
  return undefined;
}

/** An array of objects; empty, after a problem, if it is anything else. Elements that are no objects are problems. */
export function records(
  fields: Fields,
  name: string,
  reader: RowReader,
  path: string = name,
): readonly { readonly fields: Fields; readonly path: string }[] {
  const value = fields[name];
  if (!Array.isArray(value)) {
    reader.problem(path, 'an array', describeValue(fields, name));
    return [];
  }
  return value.flatMap((item: unknown, i) => {
    const itemPath = `${path}[${i}]`;
    if (isFields(item)) return [{ fields: item, path: itemPath }];
    reader.problem(itemPath, 'an object', describe(item));
    return [];
  });
}

/** An object; null, after a problem, if it is anything else. */
export function record(fields: Fields, name: string, reader: RowReader, path: string = name): Fields | null {
  const value = fields[name];
  if (isFields(value)) return value;
  reader.problem(path, 'an object', describeValue(fields, name));
  return null;
}

/** A number written as text, such as "8" or "7.5"; NaN if it is none. */
export function parseNumber(value: string): number {
  return /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*$/i.test(value) ? Number(value) : NaN;
}

function describeValue(fields: Fields, name: string): string {
  if (name in fields) return describe(fields[name]);
  const similar = Object.keys(fields).find((key) => maybeMeant(key, name));
  return similar === undefined ? 'no such field' : `no such field, but ${JSON.stringify(similar)}`;
}

/** The kind of a value and, if it is short, the value. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') {
    return value.length <= 30 ? `the string ${JSON.stringify(value)}` : 'a string';
  }
  if (typeof value === 'bigint') return `the number ${value}`;
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} ${value}`;
  return `an ${typeof value === 'object' ? 'object' : 'unknown value'}`;
}
