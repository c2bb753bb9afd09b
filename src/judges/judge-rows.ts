// Reads responses that are to be judged out of a data file. Knows the fields of a row, no judge.
import { refuseMisspelt } from '../rows/columns.ts';
import { promptOf } from '../rows/conversation.ts';
import { optionalId, optionalText } from '../rows/fields.ts';
import type { Fields, RowReader } from '../rows/fields.ts';
import type { Format } from '../rows/input-file.ts';
import { readEach } from '../rows/read-each.ts';
import { readExchange } from '../rows/read-prompt.ts';
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
 * Rows of instruction, input?, output, or of messages, and optionally id and revision, in any format that `openRows`
 * reads. Requests are named by the rows' own ids where every row has one and no two are equal, else by the rows'
 * numbers.
 *
 * Throws WhetstoneError as `openRows` does, and `INVALID_ROWS` for everything wrong with the rows at once.
 */
export async function readJudgeRows(file: string, format?: Format): Promise<JudgeRowFile> {
  let judgedBefore = 0;
  const said: (string | null)[] = [];
  const read = (value: Fields, reader: RowReader): Omit<Triplet, 'judgment'> => {
    const { judgment, score } = value;
    if (isGiven(judgment) || isGiven(score)) judgedBefore++;
    said.push(typeof judgment === 'string' && judgment.trim() !== '' ? judgment : null);
    return { ...readFields(value, reader), source: reader.source };
  };
  const triplets = await readEach(file, read, format);
  const ids = triplets.map(({ id }) => (id === undefined ? null : String(id)));
  const named = !ids.includes(null) && new Set(ids).size === ids.length;
  const rows = triplets.map((triplet, i): JudgeRow => {
    const { output, source } = triplet;
    const id = named ? ids[i]! : String(source.row);
    const words = said[i];
    return { triplet, request: { id, ...promptOf(triplet), output, ...(words && { said: words }) } };
  });
  return { rows, judgedBefore };
}

function readFields(value: Fields, reader: RowReader): Omit<Triplet, 'judgment' | 'source'> {
  const id = optionalId(value, 'id', reader);
  const revision = optionalText(value, 'revision', reader);
  refuseMisspelt(value, reader, { required: ['instruction', 'output'], optional: ['input', 'revision'] });
  return {
    ...(id !== undefined && { id }),
    ...readExchange(value, reader),
    ...(revision !== undefined && !(reader.textOnly && revision === '') && { revision }),
  };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
