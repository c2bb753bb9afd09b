// Reads responses that are to be judged out of a data file. Knows the fields of a row, no judge.
import { describe, isFields, optionalId, optionalText, text } from '../judgments/fields.ts';
import type { Fields, RowReader } from '../judgments/fields.ts';
import type { Format } from '../judgments/input-file.ts';
import { invalidRows } from '../judgments/read.ts';
import type { RowProblem } from '../judgments/read.ts';
import { openRows } from '../judgments/rows.ts';
import type { Triplet } from '../judgments/triplet.ts';
import type { JudgeRequest } from './judge.ts';

export interface JudgeRow {
  readonly request: JudgeRequest;
  /** What is kept of the row beside its judgment. */
  readonly triplet: Omit<Triplet, 'judgment'>;
}

export interface JudgeRowFile {
  readonly rows: readonly JudgeRow[];
  /** Rows that have a judgment or a score, which the new judgment takes the place of. */
  readonly judgedBefore: number;
}

/**
 * Rows of instruction, input?, output, and optionally id and revision, in any format that `openRows` reads. Requests
 * are named by the rows' own ids where every row has one and no two are equal, else by the rows' numbers.
 *
 * Throws WhetstoneError as `openRows` does, and `INVALID_ROWS` for everything wrong with the rows at once.
 */
export async function readJudgeRows(file: string, format?: Format): Promise<JudgeRowFile> {
  const opened = await openRows(file, format);
  const problems: RowProblem[] = [];
  const triplets: Omit<Triplet, 'judgment'>[] = [];
  let judgedBefore = 0;
  let count = 0;
  for await (const { value, row, line } of opened.rows) {
    count++;
    const place = { row, ...(line !== undefined && { line }) };
    if (!isFields(value)) {
      problems.push({ field: '', expected: 'an object', found: describe(value), ...place });
      continue;
    }
    const reader: RowReader = {
      textOnly: opened.format === 'csv' || opened.format === 'tsv',
      problem: (field, expected, found) => problems.push({ field, expected, found, ...place }),
      skip: () => {},
    };
    if (isGiven(value['judgment']) || isGiven(value['score'])) judgedBefore++;
    triplets.push({ ...readFields(value, reader), source: { file, ...place } });
  }
  if (problems.length > 0) throw invalidRows(file, problems, count);
  const ids = triplets.map(({ id }) => (id === undefined ? null : String(id)));
  const named = !ids.includes(null) && new Set(ids).size === ids.length;
  const rows = triplets.map((triplet, i): JudgeRow => {
    const { instruction, input, output, source } = triplet;
    const id = named ? ids[i]! : String(source.row);
    return { triplet, request: { id, instruction, ...(input !== undefined && { input }), output } };
  });
  return { rows, judgedBefore };
}

function readFields(value: Fields, reader: RowReader): Omit<Triplet, 'judgment' | 'source'> {
  const id = optionalId(value, 'id', reader);
  const input = optionalText(value, 'input', reader);
  const revision = optionalText(value, 'revision', reader);
  return {
    ...(id !== undefined && { id }),
    instruction: text(value, 'instruction', reader) ?? '',
    ...(input !== undefined && { input }),
    output: text(value, 'output', reader) ?? '',
    ...(revision !== undefined && !(reader.textOnly && revision === '') && { revision }),
  };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
