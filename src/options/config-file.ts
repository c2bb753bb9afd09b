// Reads a YAML config file into entries with their places. Knows YAML, not which options there are.
import { isMap, isNode, isScalar } from 'yaml';
import { readTextFile } from '../decode.ts';
import { WhetstoneError, problemsError } from '../errors.ts';
import type { ConfigEntry } from './read.ts';
import { parseYaml } from './yaml.ts';
import { isSystemError, reasonOf } from '../words/system-errors.ts';

/**
 * The top-level entries of `file`. The section `run`, which run.yaml adds for its own record, is left out.
 * Throws WhetstoneError `FILE_NOT_FOUND`, `INVALID_CONFIG`, which lists every syntax error with its position, and what
 * `decodeText` throws.
 */
export async function readConfigFile(file: string): Promise<ConfigEntry[]> {
  const text = await readTextFile(file).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw cause;
    throw new WhetstoneError('FILE_NOT_FOUND', `the config file cannot be read: ${reasonOf(cause)}`, {
      file,
      cause,
    });
  });
  const { root, faults, placeOf, valueOf } = parseYaml(text, { file, code: 'INVALID_CONFIG' });
  if (faults.length > 0) {
    const problems = faults.map(({ message, offset }) => ({
      ...placeOf(offset),
      problem: `not YAML: ${message}`,
    }));
    throw problemsError('INVALID_CONFIG', 'the config file cannot be read', problems);
  }
  if (root === null) return [];
  if (!isMap(root)) {
    throw new WhetstoneError('INVALID_CONFIG', 'expected options as "key: value" lines', {
      file,
      line: 1,
      column: 1,
    });
  }
  return root.items.flatMap(({ key, value }): ConfigEntry[] => {
    const name = String(isScalar(key) ? key.value : key);
    if (name === 'run') return [];
    const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
    return [{ key: name, value: isNode(value) ? valueOf(value) : value, place: placeOf(offset) }];
  });
}
