// Where a verb's rows go: a file that the library keeps and that can be gone on with, a device or pipe, or the standard
// output; and how far it is, what to do after a stop. Knows no rows.
import { appendFile, readFile, realpath, stat } from 'node:fs/promises';
import { journalOf } from '../durable/begun.ts';
import { explainWriting, growing } from '../durable/explain.ts';
import { WhetstoneError } from '../errors.ts';
import { createCounter } from './progress.ts';
import { stoppable } from './signals.ts';
import type { Output } from './terminal.ts';

export interface RowsOut {
  /** The file that the library writes; null where the rows are written here. */
  readonly file: string | null;
  /** Writes a row where it goes, unless the library does. */
  readonly write: (row: object) => Promise<void>;
}

/**
 * "-" is the standard output, and so is null, where rows are shown. Throws WhetstoneError `INVALID_OPTIONS` for a folder
 * and for `input` itself, and `NO_OUTPUT` where the rows would go to a standard output that is closed.
 */
export async function openRowsOut(
  out: string | null,
  input: string | null,
  stdout: Output,
): Promise<RowsOut> {
  if (out === null || out === '-') {
    await requireOutput(stdout);
    return { file: null, write: (row) => Promise.resolve(void stdout.write(`${JSON.stringify(row)}\n`)) };
  }
  const info = await stat(out).catch(() => null);
  if (info?.isDirectory())
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
async function requireOutput(stdout: Output): Promise<void> {
  if (stdout !== process.stdout || process.platform !== 'linux') return;
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

/**
 * Runs `work` with a line that counts, and a signal that the first Ctrl+C aborts. Returns the exit code.
 */
export async function runKept(
  { out, noun }: KeptWork,
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
  work: (reporting: Reporting) => Promise<void>,
): Promise<number> {
  // Rows on the standard output are not to be mixed with progress, and a pipe is told nothing beside them.
  const teller = out !== null ? stdout : stderr.isTTY && !stdout.isTTY ? stderr : null;
  const counter = teller && createCounter(teller, noun);
  try {
    return await stoppable(
      (signal) =>
        work({
          signal,
          onProgress: (done, total) => {
            counter?.update(done, total);
            if (done === total) counter?.end();
          },
        }),
      (name) => {
        if (out === null) return;
        counter?.note(
          `${name}: stopping. ${journalOf(out)} keeps the ${noun}s that are there; the same command with --resume goes on.`,
        );
      },
    );
  } finally {
    counter?.end();
  }
}
