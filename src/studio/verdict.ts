// What a page says of a response, read from a request. Knows its form; what it means is a room's.
import { badRequest } from '../serving/api-error.ts';
import { isFields } from '../rows/fields.ts';
import type { CodePoints, Verdict } from './api/chat.ts';

/** Throws ApiError for anything but a verdict or null. */
export function verdictOf(value: unknown): Verdict | null {
  if (value === null) return null;
  const verdict = isFields(value) ? value : {};
  const { kind, words, marks } = verdict;
  if (kind === 'perfect' || kind === 'skipped') return { kind };
  if (kind === 'wrong' && typeof words === 'string' && Array.isArray(marks) && marks.every(isCodePoints))
    return { kind, words, marks };
  throw badRequest(`Expected a verdict: perfect, skipped, or wrong with words and marks.`, 'verdict');
}

const isCodePoints = (value: unknown): value is CodePoints =>
  Array.isArray(value) && value.length === 2 && value.every((at) => Number.isSafeInteger(at));
