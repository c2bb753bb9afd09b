// Where a verb's rows go: a file that the library keeps and that can be gone on with, a device or pipe, or the standard
// output; and how far it is, what to do after a stop. Knows no rows.
import { appendFile, readFile, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { journalOf } from '../durable/begun.ts';
import { explainWriting, growing } from '../durable/explain.ts';
import { WhetstoneError } from '../errors.ts';
import type { Screen } from './screen.ts';
import { stoppable } from './signals.ts';

export interface RowsOut {
  /** The file that the library writes; null where the rows are written here. */
  readonly file: string | null;
  /** Writes a row where it goes, unless the library does. */
  readonly write: (row: object) => Promise<void>;
}

/** Whether the rows go to the standard output: to be read as they are, or as data ("-"). */
export const toStandardOutput = (out: string | null | undefined): out is '-' | null =>
  out == null || out === '-';

/**
 * "-" is the standard output, and so is null, where rows are shown. Throws WhetstoneError `INVALID_OPTIONS` for a folder
 * and for `input` itself, and `NO_OUTPUT` where the rows would go to a standard output that is closed.
 */
export async function openRowsOut(
  out: string | null,
  input: string | null,
  screen: Screen,
): Promise<RowsOut> {
  if (toStandardOutput(out)) {
    await requireOutput();
    return { file: null, write: (row) => Promise.resolve(screen.row(row)) };
  }
  const info = await stat(out).catch(() => null);
  if (info?.isDirectory() || out.endsWith('/') || out.endsWith(sep))
    throw new WhetstoneError('INVALID_OPTIONS', 'expected a file to write, found a folder', { file: out });
  if (info && input !== null && (await realpath(out)) === (await realpath(input).catch(() => ''))) {
    throw new WhetstoneError('INVALID_OPTIONS', 'this would replace the input', {
      file: out,
      hint: 'Choose another name.',
    });
  }
  if (info && !info.isFile())
    return {
      file: null,
      write: (row) => explainWriting(out, () => appendFile(out, `${JSON.stringify(row)}\n`), growing),
    };
  return { file: out, write: () => Promise.resolve() };
}

/**
 * Node puts a null device that can be read and written in the place of a standard output that is closed; shells open the
 * null device for writing only.
 */
export async function requireOutput(): Promise<void> {
  if (process.platform !== 'linux') return;
  const device = await stat('/proc/self/fd/1').catch(() => null);
  const nullDevice = await stat('/dev/null').catch(() => null);
  if (device === null || nullDevice === null || device.rdev !== nullDevice.rdev) return;
  const flags = /^flags:\s*(\d+)/m.exec(await readFile('/proc/self/fdinfo/1', 'utf8').catch(() => ''));
  if (flags === null || (parseInt(flags[1]!, 8) & 3) !== 2) return;
  throw new WhetstoneError('NO_OUTPUT', 'the standard output is closed, so nothing would be kept', {
    hint: 'Give --out FILE, or send the output somewhere.',
  });
}

export interface KeptWork {
  /** The file or folder that is worked at; null where nothing is kept. */
  readonly out: string | null;
  /** One of the things counted: "response". */
  readonly noun: string;
}

export interface Reporting {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Runs `work` with a line that counts, and a signal that the first Ctrl+C aborts. Returns the exit code. */
export function runKept(
  { out, noun }: KeptWork,
  screen: Screen,
  work: (reporting: Reporting) => Promise<void>,
): Promise<number> {
  return stoppable(
    (signal) =>
      work({
        signal,
        onProgress: (done, total) => screen.progress({ what: noun, done, total }),
      }).finally(() => screen.endProgress()),
    (name) => {
      if (out === null) return;
      const kept = `${journalOf(out)} keeps the ${noun}s that are there`;
      screen.aside('stopping', `${name}: stopping. ${kept}; the same command with --resume goes on.`);
    },
  );
}
