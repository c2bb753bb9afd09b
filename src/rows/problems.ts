// What is wrong with the rows of a file, told all at once. Knows no layout.
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';
import { describe, isFields } from './fields.ts';
import type { Fields, Problem, RowReader } from './fields.ts';
import type { Row, RowFile, RowSource } from './rows.ts';

const SHOWN_PROBLEMS = 10;

/** A problem and the row that has it. */
export interface RowProblem extends Problem {
  readonly source: RowSource;
}

/** What was found in the rows of a file besides what they say. */
export interface Findings {
  readonly problems: RowProblem[];
  /** Parts of rows that were left out, counted by reason. */
  readonly skipped: Record<string, number>;
}

/** A reader of one row that puts what it finds among `findings`. */
export const readerOf = (
  { source }: Row,
  { textOnly }: Pick<RowFile, 'textOnly'>,
  { problems, skipped }: Findings,
): RowReader => ({
  source,
  textOnly,
  problem: (field, expected, found) => void problems.push({ source, field, expected, found }),
  skip: (reason) => void (skipped[reason] = (skipped[reason] ?? 0) + 1),
});

/** The row's fields; null, after a problem, if it is no object. */
export function fieldsOf({ value }: Row, reader: RowReader): Fields | null {
  if (isFields(value)) return value;
  reader.problem('', 'an object', describe(value));
  return null;
}

/** One error for all problems of a file, of which there is at least one. */
export function invalidRows(problems: readonly RowProblem[], rows: number): WhetstoneError {
  const { file } = problems[0]!.source;
  const badRows = new Set(problems.map(({ source }) => source.row)).size;
  const [only] = problems.length === 1 ? problems : [];
  return new WhetstoneError('INVALID_ROWS', `${badRows} of ${rows} rows cannot be used`, {
    file,
    ...(only && placeOf(only)),
    problems: problems.map((problem) => ({ ...placeOf(problem), problem: expectation(problem) })),
    shown: SHOWN_PROBLEMS,
    hint: 'Correct these rows, or run "whetstone data check" on the file to see all that is wrong with it.',
  });
}

const placeOf = ({ source: { row, line }, field }: RowProblem): Place => ({
  row,
  ...(line !== undefined && line !== row && { line }),
  ...(field && { field }),
});

const expectation = ({ expected, found }: RowProblem): string => `expected ${expected}, found ${found}`;

/** "row 3 (line 7), field "output": expected a string, found null". */
export function describeProblem({ source: { row, line }, field, expected, found }: RowProblem): string {
  const place = `row ${row}${line === undefined || line === row ? '' : ` (line ${line})`}`;
  return `${place}${field && `, field "${field}"`}: expected ${expected}, found ${found}`;
}
