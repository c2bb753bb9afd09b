// What a program of the user's may answer to a pair: a number from 1 to 2. Knows values, not how they came.
import { describe } from '../../rows/fields.ts';
import type { Comparison } from '../comparer.ts';

/** The comparison of a value that stands for a preference; anything but a number from 1 to 2 is unscored. */
export function comparisonOf(id: string, value: unknown): Comparison {
  if (typeof value === 'number' && value >= 1 && value <= 2) return { id, preference: value };
  const expected = 'expected 1 (the first is better), 2 (the second is) or 1.5 (neither)';
  return { id, unscored: `${expected}; found ${describe(value)}` };
}
