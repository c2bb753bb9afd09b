// Reads the fields of a JSON request, each problem an error that names the field. Knows no particular field.
// A field that is null counts as one that is not there.
import type { Fields } from '../rows/fields.ts';
import { badRequest } from './api-error.ts';

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/** What a JSON value is, in words: "a string", "an array", "null". */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return `a ${typeof value}`;
}

export const invalidType = (param: string, expected: string, found: unknown): Error =>
  badRequest(
    `Invalid type for '${param}': expected ${expected}, but got ${describe(found)} instead.`,
    param,
    'invalid_type',
  );

export const invalidValue = (param: string, expected: string): Error =>
  badRequest(`Invalid value for '${param}': expected ${expected}.`, param, 'invalid_value');

/** The number in field `param`, or null. */
export function numberField(fields: Fields, param: string, range: NumberRange = {}): number | null {
  const value = fields[param] ?? null;
  if (value === null) return null;
  const noun = range.integer ? 'integer' : 'decimal';
  // JSON has no other numbers, but 1e999 is read as Infinity.
  if (typeof value !== 'number' || !Number.isFinite(value) || (range.integer && !Number.isSafeInteger(value)))
    throw invalidType(param, range.integer ? 'an integer (below 2^53)' : 'a number', value);
  const outside = (bound: number, side: 'above maximum' | 'below minimum', sign: string): Error =>
    badRequest(
      `Invalid '${param}': ${noun} ${side} value. Expected a value ${sign} ${bound}, but got ${value} instead.`,
      param,
      `${noun}_${side === 'above maximum' ? 'above_max' : 'below_min'}_value`,
    );
  if (range.max !== undefined && value > range.max) throw outside(range.max, 'above maximum', '<=');
  if (range.min !== undefined && value < range.min) throw outside(range.min, 'below minimum', '>=');
  return value;
}

export function booleanField(fields: Fields, param: string, otherwise = false): boolean {
  const value = fields[param] ?? otherwise;
  if (typeof value !== 'boolean') throw invalidType(param, 'a boolean', value);
  return value;
}

/** The text in field `param`, or null. */
export function textField(fields: Fields, param: string): string | null {
  const value = fields[param] ?? null;
  if (value !== null && typeof value !== 'string') throw invalidType(param, 'a string', value);
  return value;
}
