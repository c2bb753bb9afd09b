// Reads files of instructions without responses: rows of any format, or lines of text. Knows nothing of prompts.
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { isFields, optionalId, optionalText, text } from '../rows/fields.ts';
import type { RowReader } from '../rows/fields.ts';
import { FORMATS } from '../rows/input-file.ts';
import { invalidRows } from '../rows/problems.ts';
import type { RowProblem } from '../rows/problems.ts';
import { openRows } from '../rows/rows.ts';
import type { Row } from '../rows/rows.ts';

/** An instruction to respond to. */
export interface Instruction {
  readonly instruction: string;
  /** Further text that the instruction is about. */
  readonly input?: string;
  /** The source's own name for the row. */
  readonly id?: string | number;
  /** Counted from 1. */
  readonly row: number;
}

/**
 * Rows { instruction, input?, id? } of a JSON, JSONL, CSV, TSV or Parquet file, where a JSON row may also be the
 * instruction itself; of a .txt file the lines that are not empty.
 *
 * Throws WhetstoneError as `openRows` does, `INVALID_ROWS` with all rows that cannot be used, and `FILE_NOT_FOUND`
 * and `EMPTY_FILE` for text.
 */
export async function readInstructions(file: string): Promise<Instruction[]> {
  if (extname(file).toLowerCase() === '.txt') return readLines(file);
  const { format, rows } = await openRows(file);
  const found: Instruction[] = [];
  const problems: RowProblem[] = [];
  let count = 0;
  for await (const row of rows) {
    count++;
    const instruction = instructionOf(row, format === 'csv' || format === 'tsv', problems);
    if (instruction !== null) found.push(instruction);
  }
  if (problems.length > 0) throw invalidRows(file, problems, count);
  return found;
}

function instructionOf(
  { value, row, line }: Row,
  textOnly: boolean,
  problems: RowProblem[],
): Instruction | null {
  const problem = (field: string, expected: string, found: string): void =>
    void problems.push({ field, expected, found, row, ...(line !== undefined && { line }) });
  if (typeof value === 'string' && value.trim() !== '') return { instruction: value, row };
  if (!isFields(value)) {
    problem('', 'an object with "instruction", or a text', value === '' ? 'an empty text' : typeof value);
    return null;
  }
  const before = problems.length;
  const reader: RowReader = { textOnly, problem, skip: () => {} };
  const instruction = text(value, 'instruction', reader);
  if (instruction?.trim() === '') problem('instruction', 'a text', 'an empty one');
  const input = optionalText(value, 'input', reader);
  const id = optionalId(value, 'id', reader);
  if (problems.length > before) return null;
  return {
    instruction: instruction!,
    ...(input !== undefined && input !== '' && { input }),
    ...(id !== undefined && { id }),
    row,
  };
}

async function readLines(file: string): Promise<Instruction[]> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new WhetstoneError('FILE_NOT_FOUND', 'the file cannot be read', { file, cause });
  });
  const found = content
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((line, i) => (line.trim() === '' ? [] : [{ instruction: line, row: i + 1 }]));
  if (found.length > 0) return found;
  throw new WhetstoneError('EMPTY_FILE', 'expected instructions, found none', {
    file,
    hint: `A .txt file has one instruction a line; other formats are ${FORMATS.join(', ')}.`,
  });
}
