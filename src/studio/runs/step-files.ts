// Where the steps of a run are written, and the reading of what was written since. Knows files and lines, not what is
// shown of them.
import { open, readdir, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { parseStep } from '../../run-report/steps.ts';
import { plural } from '../../words/numbers.ts';
import { createStepTable } from './step-table.ts';
import type { StepTable } from './step-table.ts';

/** The files of steps of a run, in the order in which they were written: an online run has one a round. */
export async function stepFiles(dir: string, kind: string): Promise<string[]> {
  if (kind === 'train-judge') return [join(dir, 'training', 'metrics.jsonl')];
  if (kind !== 'online') return [join(dir, 'metrics.jsonl')];
  const names = await readdir(join(dir, 'rounds')).catch(() => []);
  return names
    .filter((name) => /^[1-9]\d{0,5}$/.test(name))
    .sort((a, b) => Number(a) - Number(b))
    .map((name) => join(dir, 'rounds', name, 'training', 'metrics.jsonl'));
}

export interface StepReader {
  readonly table: () => StepTable;
  /** Rows of the files that come before the last one that has any. */
  readonly before: () => number;
  /** What is wrong with the lines; null where nothing is. */
  readonly problem: () => string | null;
  /** Reads what was appended; a file that was written anew, as a run does that goes on, has all read again. Says whether anything changed. */
  readonly refresh: () => Promise<boolean>;
}

interface Followed {
  readonly path: string;
  readonly inode: number;
  /** Bytes that were read, and of them the ones behind the last line end. */
  read: number;
  rest: Buffer;
  lines: number;
}

const chunkBytes = 1 << 20;
const lineEnd = 10;
/** No step has as much to say. */
const longestLine = 1 << 20;

/** Reads nothing before the first `refresh`. */
export function openStepReader(files: () => Promise<readonly string[]>): StepReader {
  let table = createStepTable();
  let followed: Followed[] = [];
  let before = 0;
  let wrong = { count: 0, first: '' };

  const take = (file: Followed, line: string): void => {
    file.lines++;
    const step = parseStep(line);
    const count = table.count();
    const at = (step?.step ?? NaN) + (before === 0 ? 0 : table.stepAt(before - 1));
    if (step === null || (count > 0 && !(at > table.stepAt(count - 1)))) {
      wrong = { count: wrong.count + 1, first: wrong.first || `${file.path}:${file.lines}` };
      return;
    }
    table.append(at, step);
  };
  const readOn = async (file: Followed, size: number): Promise<void> => {
    const opened = await open(file.path, 'r');
    try {
      while (file.read < size) {
        const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size - file.read));
        const { bytesRead } = await opened.read(chunk, 0, chunk.length, file.read);
        if (bytesRead === 0) return;
        file.read += bytesRead;
        const text = Buffer.concat([file.rest, chunk.subarray(0, bytesRead)]);
        let start = 0;
        for (let end = text.indexOf(lineEnd); end >= 0; end = text.indexOf(lineEnd, start)) {
          take(file, text.toString('utf8', start, end));
          start = end + 1;
        }
        file.rest = text.length - start > longestLine ? Buffer.alloc(0) : text.subarray(start);
      }
    } finally {
      await opened.close();
    }
  };
  const begin = (): void => {
    table = createStepTable();
    followed = [];
    before = 0;
    wrong = { count: 0, first: '' };
  };
  const refresh = async (): Promise<boolean> => {
    const there: { path: string; stats: Stats }[] = [];
    for (const path of await files()) {
      const stats = await stat(path).catch(() => null);
      if (stats !== null) there.push({ path, stats });
    }
    const goesOn = followed.every((file, i) => {
      const now = there[i];
      return now?.path === file.path && now.stats.ino === file.inode && now.stats.size >= file.read;
    });
    let changed = !goesOn;
    if (!goesOn) begin();
    for (const [i, { path, stats }] of there.entries()) {
      if (followed[i] === undefined) {
        followed.push({ path, inode: stats.ino, read: 0, rest: Buffer.alloc(0), lines: 0 });
        before = table.count();
      }
      const file = followed[i]!;
      if (file.read === stats.size) continue;
      await readOn(file, stats.size);
      changed = true;
    }
    return changed;
  };
  let reading: Promise<boolean> | null = null;
  return {
    table: () => table,
    before: () => before,
    problem: () =>
      wrong.count === 0
        ? null
        : `${plural(wrong.count, 'line')} of its steps cannot be read and ${wrong.count === 1 ? 'is' : 'are'} left out, the first at ${wrong.first}. A kill cannot do this: restore the file from a copy.`,
    // Who asks while it is read waits for that reading.
    refresh: () => (reading ??= refresh().finally(() => (reading = null))),
  };
}
