// Reads files of instructions without responses: rows of any format, or lines of text. Knows nothing of prompts.
import { extname } from 'node:path';
import { readTextFile } from '../decode.ts';
import { WhetstoneError } from '../errors.ts';
import { refuseMisspelt } from '../rows/columns.ts';
import { promptOf } from '../rows/conversation.ts';
import type { PromptFields } from '../rows/conversation.ts';
import { isFields, optionalId } from '../rows/fields.ts';
import type { RowId, RowReader } from '../rows/fields.ts';
import { FORMATS } from '../rows/input-file.ts';
import { invalidRows, readerOf } from '../rows/problems.ts';
import type { Findings } from '../rows/problems.ts';
import { readPrompt } from '../rows/read-prompt.ts';
import { openRows } from '../rows/rows.ts';
import type { Row } from '../rows/rows.ts';
import { isSystemError, reasonOf } from '../words/system-errors.ts';

/** An instruction to respond to. */
export interface Instruction extends PromptFields {
  /** The source's own name for the row. */
  readonly id?: RowId;
  /** Counted from 1. */
  readonly row: number;
}

/**
 * Rows { instruction, input?, id? }, or { messages, id? } that end with the user, of a JSON, JSONL, CSV, TSV or Parquet
 * file, where a JSON row may also be the instruction itself; of a .txt file the lines that are not empty.
 *
 * Throws WhetstoneError as `openRows` does, `INVALID_ROWS` with all rows that cannot be used, and `FILE_NOT_FOUND`,
 * `EMPTY_FILE` and `INVALID_UTF8` for text.
 */
export async function readInstructions(file: string): Promise<Instruction[]> {
  if (extname(file).toLowerCase() === '.txt') return readLines(file);
  const opened = await openRows(file);
  const findings: Findings = { problems: [], skipped: {} };
  const found: Instruction[] = [];
  let count = 0;
  for await (const row of opened.rows) {
    count++;
    const before = findings.problems.length;
    const instruction = instructionOf(row, readerOf(row, opened, findings));
    if (instruction !== null && findings.problems.length === before) found.push(instruction);
  }
  if (findings.problems.length > 0) throw invalidRows(findings.problems, count);
  return found;
}

/** Null, after a problem, for a row that is neither an object nor a text. */
function instructionOf({ value, source: { row } }: Row, reader: RowReader): Instruction | null {
  if (typeof value === 'string' && value.trim() !== '') return { instruction: value, row };
  if (!isFields(value)) {
    const found = value === '' ? 'an empty text' : typeof value;
    reader.problem('', 'an object with "instruction" or "messages", or a text', found);
    return null;
  }
  const prompt = readPrompt(value, reader);
  if (prompt.instruction.trim() === '' && value['instruction'] !== undefined)
    reader.problem('instruction', 'a text', 'an empty one');
  const id = optionalId(value, 'id', reader);
  refuseMisspelt(value, reader, { required: ['instruction'], optional: ['input'] });
  return {
    ...promptOf({ ...prompt, input: prompt.input || undefined }),
    ...(id !== undefined && { id }),
    row,
  };
}

async function readLines(file: string): Promise<Instruction[]> {
  const content = await readTextFile(file).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw cause;
    throw new WhetstoneError('FILE_NOT_FOUND', `the file cannot be read: ${reasonOf(cause)}`, {
      file,
      cause,
    });
  });
  const found = content
    .split(/\r?\n/)
    .flatMap((line, i) => (line.trim() === '' ? [] : [{ instruction: line, row: i + 1 }]));
  if (found.length > 0) return found;
  throw new WhetstoneError('EMPTY_FILE', 'expected instructions, found none', {
    file,
    hint: `A .txt file has one instruction a line; other formats are ${FORMATS.join(', ')}.`,
  });
}
