// A judged answer as it is kept: the canonical row, with what else a judge marked. Knows rows, no file.
import { canonicalRow, requireSound } from '../judgments/index.ts';
import type { Triplet } from '../judgments/index.ts';
import { canonical } from '../judgments/layouts/canonical.ts';
import { WhetstoneError } from '../errors.ts';
import type { Fields, Problem } from '../rows/fields.ts';
import { isFields } from '../rows/fields.ts';
import { promptOf } from '../rows/conversation.ts';

/** From and to, in code points of the response; `to` is behind the last. */
export type Mark = readonly [from: number, to: number];

/** A response with what somebody thinks of it. */
export interface GivenJudgment extends Omit<Triplet, 'source' | 'id'> {
  /** Names the judgment, so that it is kept once however often it is sent; default the next of "j1", "j2" and so on. */
  readonly id?: string | undefined;
  /** What the judgment is about, where somebody marked it. */
  readonly spans?: readonly Mark[];
  /** The version that gave the response. */
  readonly version?: number;
  /** The answer's own name, such as the id of a chat completion. */
  readonly answer?: string;
  /** Who judged. */
  readonly by?: string;
}

export interface Judgment extends GivenJudgment {
  readonly id: string;
  /** When it was given, ISO 8601. */
  readonly at: string;
  /** When it was taken back; null while it holds. */
  readonly withdrawn: string | null;
}

/** What the journal has of a judgment: a canonical row, and the rest beside it. */
export interface JudgmentLine {
  readonly id: string;
  readonly row: object;
  readonly spans?: readonly Mark[];
  readonly version?: number;
  readonly answer?: string;
  readonly by?: string;
}

const source = { file: 'a judgment', row: 1 };

/** The triplet that a training learns from. */
export const tripletOf = (given: GivenJudgment): Triplet => ({
  ...promptOf(given),
  output: given.output,
  judgment: given.judgment,
  ...(given.score !== undefined && { score: given.score }),
  ...(given.revision !== undefined && { revision: given.revision }),
  ...(given.spans !== undefined && given.spans.length > 0 && { errors: given.spans }),
  ...(given.id !== undefined && { id: given.id }),
  source,
});

export function lineOf(given: GivenJudgment, id: string): JudgmentLine {
  const { spans, version, answer, by } = given;
  const row = canonicalRow(tripletOf({ ...given, id: undefined, spans: [] }));
  return {
    id,
    row,
    ...(spans !== undefined && spans.length > 0 && { spans }),
    ...(version !== undefined && { version }),
    ...(answer !== undefined && { answer }),
    ...(by !== undefined && { by }),
  };
}

/** What a line of the journal says; null where it is no judgment. */
export function judgmentOfLine(line: Fields): Omit<Judgment, 'at' | 'withdrawn'> | null {
  const { id, row, spans, version, answer, by } = line;
  if (typeof id !== 'string' || !isFields(row)) return null;
  const { triplet, problems } = readRow(row);
  if (problems.length > 0) return null;
  if (spans !== undefined && !areMarks(spans)) return null;
  return {
    ...triplet,
    id,
    ...(spans !== undefined && { spans: spans }),
    ...(typeof version === 'number' && { version }),
    ...(typeof answer === 'string' && { answer }),
    ...(typeof by === 'string' && { by }),
  };
}

/** A canonical row, and what is wrong with it. */
export function readRow(row: Fields): {
  readonly triplet: Omit<Triplet, 'source' | 'id'>;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const reader = {
    source,
    textOnly: false,
    problem: (field: string, expected: string, found: string) =>
      void problems.push({ field, expected, found }),
    skip: () => undefined,
  };
  const [{ id: _, part: __, ...triplet }] = canonical.convert(row, reader) as [
    Omit<Triplet, 'source'> & { readonly part?: string },
  ];
  return { triplet, problems };
}

const areMarks = (value: unknown): value is readonly Mark[] =>
  Array.isArray(value) &&
  value.every(
    (mark) =>
      Array.isArray(mark) &&
      mark.length === 2 &&
      mark.every((at) => Number.isSafeInteger(at)) &&
      (mark as number[])[0]! >= 0 &&
      (mark as number[])[0]! < (mark as number[])[1]!,
  );

/**
 * Throws WhetstoneError `INVALID_ROWS` for a row in which `whetstone data check` finds an error, and `INVALID_OPTIONS`
 * for marks that do not lie in the response.
 */
export function requireJudgment(given: GivenJudgment): void {
  requireSound([tripletOf(given)]);
  const { spans, output } = given;
  if (spans === undefined) return;
  const length = Array.from(output).length;
  if (areMarks(spans) && spans.every(([, to]) => to <= length)) return;
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `expected spans as pairs [from, to] within the ${length} code points of the response, found ${JSON.stringify(spans)?.slice(0, 60)}`,
    { field: 'spans' },
  );
}
