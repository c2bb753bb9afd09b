// "-" in place of a file: the standard input, kept in a temporary file while a verb works, since rows are read more than
// once and some formats from their end; and where the standard streams cannot stand for what a verb reads or writes.
// Knows formats by their first bytes; it does not know what rows mean.
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { temporaryFolder, writeTemporary } from '../durable/temporary.ts';
import { WhetstoneError } from '../errors.ts';
import type { Problem } from '../options/check.ts';
import type { Setting } from '../options/kinds.ts';
import { camelCase } from '../options/names.ts';
import type { Table } from '../options/table.ts';
import { reasonOf } from '../words/system-errors.ts';

/** What a person calls the temporary file. */
export const standardInputName = 'standard input';

/** The settings that "-" was given for and that cannot be a stream: for those, what is wrong. */
export function streamProblems(table: Table, values: object): Problem[] {
  return named(table, values).flatMap(({ key, setting }) => {
    if (setting.stream !== undefined || !(setting.path || key === 'out')) return [];
    const message =
      key === 'out'
        ? `"-" cannot be written: this verb keeps several files, or goes on with them`
        : `"-" cannot be read here: it is needed again, for instance when a run goes on; keep it in a file`;
    return [{ keys: [key], message }];
  });
}

/**
 * Runs `work` with the values, in which a file stands for each "-" that is the standard input. `called` hears how that
 * file is to be called.
 *
 * Throws WhetstoneError `EMPTY_FILE` and `FILE_NOT_READABLE`, and what `work` throws.
 */
export async function withStandardInput<V extends object, R>(
  table: Table,
  values: V,
  called: (path: string, name: string) => void,
  work: (values: V) => Promise<R>,
): Promise<R> {
  const found = named(table, values).find(({ setting }) => setting.stream && setting.stream !== 'out');
  if (found === undefined) return work(values);
  const { format } = values as { readonly format?: string | null };
  const bytes = unpacked(await readAll());
  const extension = format ?? sniff(bytes, found.setting.stream === 'lines');
  const folder = await temporaryFolder('input');
  const path = join(folder, `standard-input.${extension}`);
  const release = removedAtTheEnd(folder);
  try {
    await writeTemporary(path, bytes);
    called(path, standardInputName);
    return await work({ ...values, [found.key]: path });
  } finally {
    release();
    await rm(folder, { recursive: true, force: true });
  }
}

const named = (table: Table, values: object): { key: string; setting: Setting }[] => {
  const given = new Map<string, unknown>(Object.entries(values));
  return Object.entries(table)
    .map(([name, setting]) => ({ key: camelCase(name), setting }))
    .filter(({ key }) => given.get(key) === '-');
};

async function readAll(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of process.stdin) pieces.push(piece as Buffer);
  } catch (cause) {
    throw new WhetstoneError('FILE_NOT_READABLE', `cannot be read: ${reasonOf(cause)}`, {
      file: standardInputName,
      cause,
    });
  }
  const bytes = Buffer.concat(pieces);
  if (bytes.length > 0) return bytes;
  throw new WhetstoneError('EMPTY_FILE', 'expected rows, found nothing', {
    file: standardInputName,
    hint: 'Send the rows into it (command | whetstone ...), or name a file in place of "-".',
  });
}

function unpacked(bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new WhetstoneError('FILE_NOT_READABLE', 'what begins like a gzip file cannot be unpacked', {
      file: standardInputName,
      cause,
      hint: 'It is damaged or cut off: fetch it again.',
    });
  }
}

/** The extension of the format that the bytes are in, as far as they tell; text of no other format is lines or CSV. */
function sniff(bytes: Buffer, lines: boolean): string {
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet';
  // Without the zero bytes of UTF-16 the first characters are the same.
  const begin = bytes
    .subarray(0, 1 << 16)
    .toString('latin1')
    .replace(/\0/g, '');
  const text = begin.replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*/, '');
  const line = /^[^\r\n]*/.exec(text)![0];
  if (text.startsWith('[')) return 'json';
  if (text.startsWith('{')) return isWhole(line) || line.length === text.length ? 'jsonl' : 'json';
  if (text.startsWith('"') && lines && isWhole(line)) return 'jsonl';
  if (lines) return 'txt';
  return line.includes('\t') && !line.includes(',') ? 'tsv' : 'csv';
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** Removes the folder also where a signal ends the process that nobody else listens to. Returns what undoes it. */
function removedAtTheEnd(folder: string): () => void {
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (name: NodeJS.Signals): void => {
    if (process.listenerCount(name) > 1) return;
    release();
    remove();
    process.kill(process.pid, name);
  };
  const release = (): void => {
    for (const name of names) process.off(name, onSignal);
    process.off('exit', remove);
  };
  for (const name of names) process.on(name, onSignal);
  process.on('exit', remove);
  return release;
}

/** Verbs that a person or a pipe reads; the others leave files, and go on when nobody reads any more. */
const spoken = new Set(['score', 'generate', 'data', 'world', 'completion', 'help']);

/** Ends the process where what it says can go nowhere: quietly where the reader has seen enough, else with a word. */
export function watchStreams(args: readonly string[]): void {
  const verb = args.find((arg) => !arg.startsWith('-'));
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') {
        const where = stream === process.stdout ? 'standard output' : 'standard error';
        process.stderr.write(`error ${where}: ${reasonOf(error)}\n`);
        process.exit(1);
      }
      // A reader that has seen enough (| head) is no failure.
      if (verb === undefined || spoken.has(verb)) process.exit(0);
    });
  }
}
