// Reads a JSON object from a file of a model: its text, and what to say where that fails. Knows no field.
import { readTextFile } from '../decode.ts';
import { WhetstoneError } from '../errors.ts';
import { findJsonFault } from '../rows/json-position.ts';
import { positionAt } from '../rows/text.ts';
import { unreadable } from './unreadable.ts';

export type Json = Readonly<Record<string, unknown>>;

/**
 * The JSON object in `file`. A byte order mark before it is skipped. Throws `code` for a file that is missing, may
 * not be read, or holds anything else; `hint` says what to do about a missing one.
 */
export async function readJsonObject(file: string, code: string, hint: string): Promise<Json> {
  let text: string;
  try {
    text = await readTextFile(file);
  } catch (cause) {
    if (cause instanceof WhetstoneError) throw cause;
    throw unreadable(file, code, cause, hint);
  }
  const value = parseJson(text, file, code);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WhetstoneError(code, 'must hold a JSON object', { file, hint: damaged });
  }
  return value as Json;
}

/** The JSON object in a file of a model's settings, empty where there is none. Throws `MODEL_CONFIG`. */
export async function readIfThere(file: string): Promise<Json> {
  try {
    return await readJsonObject(file, 'MODEL_CONFIG', 'Copy it again from where the model came from.');
  } catch (error) {
    const { code } = ((error as WhetstoneError).cause ?? {}) as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw error;
  }
}

const damaged = 'The file is damaged or incomplete; copy it again from where the model came from.';

function parseJson(text: string, file: string, code: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fault = findJsonFault(text);
    const message = fault?.message ?? (cause as Error).message;
    const position = fault && positionAt(text, fault.offset);
    throw new WhetstoneError(code, `is not valid JSON: ${message}`, { file, ...position, hint: damaged, cause });
  }
}
