// Judged triplets whose errors may be marked in their responses. Knows the rows' field "errors"; every other field is
// that of a triplet.
import { WhetstoneError } from '../../errors.ts';
import { describe, isFields } from '../../rows/fields.ts';
import type { Fields, RowReader } from '../../rows/fields.ts';
import { labelOf, requireSound } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { readJudgedRows } from '../../judgments/read.ts';
import { codePointLength } from '../../tokens/index.ts';
import type { Span } from '../../tokens/index.ts';

export interface MarkedTriplet {
  readonly triplet: Triplet;
  /** Code points of the response, [start, end), in the order of the file; null where nobody has marked any. */
  readonly errors: readonly Span[] | null;
}

/**
 * Reads triplets in any layout, and from their rows `errors`, a list of { start, end } in code points of the response;
 * start equal to end is a place where something is missing. Absent and null are not marked; the rows of satisfactory
 * responses may have an empty list.
 *
 * Throws WhetstoneError as `readSoundTriplets` does, `INVALID_ROWS` for all marks that are none, and `SEVERAL_RESPONSES` for
 * marks in a row of several responses.
 */
export async function readMarkedTriplets(file: string): Promise<readonly MarkedTriplet[]> {
  const { found } = await readJudgedRows(file, (triplets, fields, reader): MarkedTriplet[] => {
    const marks = marksOf(fields);
    if (marks !== null && triplets.length > 1) {
      throw new WhetstoneError('SEVERAL_RESPONSES', 'a row with marked errors has to have one response', {
        ...reader.source,
        field: 'errors',
        hint: 'Write a row of instruction, output, judgment and errors for each response.',
      });
    }
    return triplets.map((triplet) => ({
      triplet,
      errors: marks === null ? null : readSpans(marks, triplet, reader),
    }));
  });
  requireSound(
    found.map(({ triplet }) => triplet),
    file,
  );
  return found;
}

/** Null where nobody has marked any. Tables have lists as JSON text. */
function marksOf({ errors }: Fields): unknown {
  return (typeof errors === 'string' ? parsed(errors) : errors) ?? null;
}

function readSpans(value: unknown, triplet: Triplet, { problem }: Pick<RowReader, 'problem'>): Span[] {
  if (!Array.isArray(value)) {
    problem('errors', 'a list of { "start", "end" }', describe(value));
    return [];
  }
  const list = value as readonly unknown[];
  if (list.length > 0 && labelOf(triplet) === 'align-p')
    problem('errors', 'no errors in a satisfactory response', String(list.length));
  const length = codePointLength(triplet.output);
  return list.flatMap((item, i): Span[] => {
    if (!isFields(item)) {
      problem(`errors[${i}]`, 'an object with "start" and "end"', describe(item));
      return [];
    }
    const { start, end } = item;
    const within = (number: unknown, least: number): number is number =>
      Number.isInteger(number) && (number as number) >= least && (number as number) <= length;
    if (!within(start, 0)) {
      problem(
        `errors[${i}].start`,
        `a whole number from 0 to ${length}, the response's code points`,
        describe(start),
      );
      return [];
    }
    if (!within(end, start)) {
      problem(`errors[${i}].end`, `a whole number from ${start} to ${length}`, describe(end));
      return [];
    }
    return [[start, end]];
  });
}

function parsed(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
