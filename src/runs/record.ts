// run.yaml, the record of a run: read, written, and named where it is damaged. Knows no settings.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { hasCode, writeFileDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import { readYaml } from '../options/yaml.ts';
import { option } from '../words/option.ts';
import { reasonOf } from '../words/system-errors.ts';

/** run.yaml: option keys on top, so that the file is itself a valid --config, and the circumstances under `run`. */
export interface RunRecord {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly run: Readonly<Record<string, unknown>>;
  /** The file that it was read from. */
  readonly file?: string;
}

export const recordFile = (dir: string): string => join(dir, 'run.yaml');

export const writeRecord = (dir: string, { settings, run }: RunRecord): Promise<void> =>
  writeFileDurably(recordFile(dir), stringify({ ...settings, run }, { lineWidth: 0 }));

/** Throws WhetstoneError `BAD_RUN` for a file that cannot be read as a record. */
export async function readRecord(dir: string): Promise<RunRecord> {
  const file = recordFile(dir);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR'))
      throw new WhetstoneError('BAD_RUN', 'this is no run: it has no run.yaml', {
        file: dir,
        cause,
        hint: `Name the folder that "whetstone align" or "whetstone online" wrote (its ${option('out')}).`,
      });
    throw badRun(file, `the record of the run cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const content = readYaml(text, { file, code: 'BAD_RUN', hint: damaged });
  if (!isRecord(content)) throw badRun(file, 'expected settings by name, found something else');
  const { run, ...settings } = content;
  if (!isRecord(run)) throw badRun(file, 'expected a section "run"', { field: 'run' });
  return { settings, run, file };
}

/** For a circumstance that the record does not have as it should. */
export function recordFault(
  { file }: RunRecord,
  name: string,
  expected: string,
  found: unknown,
): WhetstoneError {
  const said = found === undefined ? 'nothing' : JSON.stringify(found);
  return badRun(file, `expected ${expected}, found ${said}`, { field: `run.${name}` });
}

const damaged = `The record is damaged. Restore it from a copy, or start anew with ${option('overwrite')}; the damaged run is moved aside, not deleted.`;

const badRun = (
  file: string | undefined,
  message: string,
  details: { readonly field?: string; readonly cause?: unknown } = {},
): WhetstoneError =>
  new WhetstoneError('BAD_RUN', message, {
    ...(file !== undefined && { file }),
    ...details,
    hint: damaged,
  });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
