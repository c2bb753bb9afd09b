// Reads a YAML config file into entries with their places. Knows YAML, not which options there are.
import { readFile } from 'node:fs/promises';
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml';
import { WhetstoneError, problemsError } from '../errors.ts';
import type { ConfigEntry } from './read.ts';
import { reasonOf } from '../words/system-errors.ts';

/**
 * The top-level entries of `file`. The section `run`, which run.yaml adds for its own record, is left out.
 * Throws WhetstoneError `FILE_NOT_FOUND` and `INVALID_CONFIG`, which lists every syntax error with its position.
 */
export async function readConfigFile(file: string): Promise<ConfigEntry[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new WhetstoneError('FILE_NOT_FOUND', `the config file cannot be read: ${reasonOf(cause)}`, {
      file,
      cause,
    });
  });
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const placeOf = (offset: number): { file: string; line: number; column: number } => {
    const { line, col } = counter.linePos(offset);
    return { file, line, column: col };
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => ({
      ...placeOf(pos[0]),
      problem: `not YAML: ${message}`,
    }));
    throw problemsError('INVALID_CONFIG', 'the config file cannot be read', problems);
  }
  if (document.contents === null) return [];
  if (!isMap(document.contents)) {
    throw new WhetstoneError('INVALID_CONFIG', 'expected options as "key: value" lines', {
      file,
      line: 1,
      column: 1,
    });
  }
  return document.contents.items
    .map(({ key, value }): ConfigEntry => {
      const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
      const plain: unknown = isNode(value) ? value.toJS(document) : value;
      return { key: String(isScalar(key) ? key.value : key), value: plain, place: placeOf(offset) };
    })
    .filter(({ key }) => key !== 'run');
}
