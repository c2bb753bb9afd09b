// Reads a file of instructions for generate: text lines, JSON or JSONL. Knows nothing of prompts.
import { readFile } from 'node:fs/promises';
import { WhetstoneError } from '../errors.ts';
import type { PromptText } from '../tokens/index.ts';

/**
 * A .json array or a .jsonl/.ndjson file of rows that are a string or have "instruction" and optionally "input";
 * any other file has one instruction a line, empty lines left out.
 *
 * Throws WhetstoneError `FILE_NOT_FOUND`, `BAD_JSON`, `INVALID_ROWS` and `EMPTY_FILE`.
 */
export async function readInstructions(file: string): Promise<PromptText[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new WhetstoneError('FILE_NOT_FOUND', 'the file cannot be read', { file, cause });
  });
  const content = text.replace(/^\uFEFF/, '');
  const prompts = /\.json$/i.test(file)
    ? fromArray(parse(content, file), file)
    : /\.(jsonl|ndjson)$/i.test(file)
      ? lines(content).map(({ line, at }) => promptOf(parse(line, file, at), { file, line: at }))
      : lines(content).map(({ line }) => ({ instruction: line }));
  if (prompts.length === 0)
    throw new WhetstoneError('EMPTY_FILE', 'expected instructions, found none', { file });
  return prompts;
}

const lines = (text: string): { line: string; at: number }[] =>
  text
    .split(/\r?\n/)
    .map((line, i) => ({ line, at: i + 1 }))
    .filter(({ line }) => line.trim() !== '');

function parse(text: string, file: string, line?: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `not JSON: ${(cause as Error).message}`;
    throw new WhetstoneError('BAD_JSON', message, { file, cause, ...(line !== undefined && { line }) });
  }
}

function fromArray(value: unknown, file: string): PromptText[] {
  if (!Array.isArray(value))
    throw new WhetstoneError('INVALID_ROWS', 'expected an array of instructions', { file });
  return value.map((row, i) => promptOf(row, { file, row: i + 1 }));
}

function promptOf(row: unknown, place: { file: string; row?: number; line?: number }): PromptText {
  if (typeof row === 'string') return { instruction: row };
  const { instruction, input } = (row ?? {}) as { instruction?: unknown; input?: unknown };
  if (typeof instruction !== 'string') {
    throw new WhetstoneError('INVALID_ROWS', 'expected a text', { ...place, field: 'instruction' });
  }
  if (input === undefined || input === null) return { instruction };
  if (typeof input !== 'string')
    throw new WhetstoneError('INVALID_ROWS', 'expected a text', { ...place, field: 'input' });
  return { instruction, input };
}
