// What is wrong with the rows of a file, told all at once. Knows no layout.
import { WhetstoneError } from '../errors.ts';
import type { Place } from '../errors.ts';
import type { Problem } from './fields.ts';

const SHOWN_PROBLEMS = 10;

/** A problem and the row that has it, counted from 1. */
export interface RowProblem extends Problem {
  readonly row: number;
  readonly line?: number;
}

/** One error for all problems of a file. */
export function invalidRows(file: string, problems: readonly RowProblem[], rows: number): WhetstoneError {
  const badRows = new Set(problems.map(({ row }) => row)).size;
  const [only] = problems.length === 1 ? problems : [];
  return new WhetstoneError('INVALID_ROWS', `${badRows} of ${rows} rows cannot be used`, {
    file,
    ...(only && placeOf(only)),
    problems: problems.map((problem) => ({ ...placeOf(problem), problem: expectation(problem) })),
    shown: SHOWN_PROBLEMS,
    hint: 'Correct these rows, or run "whetstone data check" on the file to see all that is wrong with it.',
  });
}

const placeOf = ({ row, line, field }: RowProblem): Place => ({
  row,
  ...(line !== undefined && line !== row && { line }),
  ...(field && { field }),
});

const expectation = ({ expected, found }: RowProblem): string => `expected ${expected}, found ${found}`;

/** "row 3 (line 7), field "output": expected a string, found null". */
export function describeProblem({ row, line, field, expected, found }: RowProblem): string {
  const place = `row ${row}${line === undefined || line === row ? '' : ` (line ${line})`}`;
  return `${place}${field && `, field "${field}"`}: expected ${expected}, found ${found}`;
}
