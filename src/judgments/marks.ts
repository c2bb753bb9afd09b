// The field "errors" of a row: where its response is marked as wrong. Knows rows and responses; not tokens.
import { describe, isFields } from '../rows/fields.ts';
import type { Fields, RowReader } from '../rows/fields.ts';
import { codePointLength } from '../rows/unicode.ts';
import type { Span } from '../rows/unicode.ts';

/**
 * `errors`, a list of { start, end } in code points of the response; start equal to end is a place where something is
 * missing. Absent and null (in tables: empty) are not marked: undefined. Tables have the list as JSON text. What does
 * not fit goes to the reader by its place in the list.
 */
export function readMarks(
  { errors }: Fields,
  responses: readonly { readonly output: string }[],
  reader: RowReader,
): readonly Span[] | undefined {
  const value = (typeof errors === 'string' ? parsed(errors) : errors) ?? null;
  if (value === null || responses.length === 0) return undefined;
  const [response, ...others] = responses;
  if (others.length > 0) {
    const found = `${responses.length} responses`;
    reader.problem('errors', 'one response in a row with marked errors', found);
    return undefined;
  }
  if (!Array.isArray(value)) {
    reader.problem('errors', 'a list of { "start", "end" }', describe(value));
    return undefined;
  }
  const length = codePointLength(response!.output);
  return (value as readonly unknown[]).flatMap((item, i) => readSpan(item, `errors[${i}]`, length, reader));
}

/** A span as rows and journals have it. */
export interface Mark {
  readonly start: number;
  readonly end: number;
}

export const marksOf = (spans: readonly Span[]): Mark[] => spans.map(([start, end]) => ({ start, end }));

/** Spans of what `marksOf` made, in a journal; null where it is anything else. */
export function spansOf(value: unknown): readonly Span[] | null {
  if (!Array.isArray(value)) return null;
  const spans = (value as readonly unknown[]).map((item): Span | null => {
    const { start, end } = isFields(item) ? item : {};
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
    return whole && 0 <= (start as number) && (start as number) <= (end as number)
      ? [start as number, end as number]
      : null;
  });
  return spans.every((span) => span !== null) ? spans : null;
}

function readSpan(item: unknown, path: string, length: number, reader: RowReader): Span[] {
  if (!isFields(item)) {
    reader.problem(path, 'an object with "start" and "end"', describe(item));
    return [];
  }
  const { start, end } = item;
  const within = (number: unknown, least: number): number is number =>
    Number.isInteger(number) && (number as number) >= least && (number as number) <= length;
  if (!within(start, 0)) {
    reader.problem(
      `${path}.start`,
      `a whole number from 0 to ${length}, the response's code points`,
      describe(start),
    );
    return [];
  }
  if (!within(end, start)) {
    reader.problem(`${path}.end`, `a whole number from ${start} to ${length}`, describe(end));
    return [];
  }
  return [[start, end]];
}

function parsed(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
