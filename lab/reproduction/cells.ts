// Results on disk, one file a cell, so that an interrupted suite goes on. Knows how to keep and to distrust a
// file; it does not know how a result comes about.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, makeFolder, writeFileDurably } from '../../src/durable/files.ts';
import type { Experiment, Result, Surroundings } from './experiment.ts';
import { canonicalJson, cellKey } from './experiment.ts';

export interface Cell<E extends Experiment = Experiment> {
  readonly result: Result<E>;
  /** Wall-clock seconds that computing it took. */
  readonly seconds: number;
}

export interface CellStore {
  readonly dir: string;
  keyOf(experiment: Experiment): string;
  /** The cell, null if there is none, or why the file cannot be trusted. */
  read<E extends Experiment>(experiment: E): Promise<Cell<E> | { readonly damaged: string } | null>;
  write<E extends Experiment>(experiment: E, cell: Cell<E>): Promise<void>;
}

/** The cells of OUT/cells. */
export async function openCells(out: string, surroundings: Surroundings): Promise<CellStore> {
  const dir = join(out, 'cells');
  await makeFolder(dir);
  const keyOf = (experiment: Experiment): string => cellKey(experiment, surroundings);
  const pathOf = (experiment: Experiment): string => join(dir, `${keyOf(experiment)}.json`);
  return {
    dir,
    keyOf,
    read: async <E extends Experiment>(experiment: E) => {
      const path = pathOf(experiment);
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return null;
        throw error;
      }
      const cell = parse(text);
      if (cell === null) return { damaged: `${path} is not a whole cell` };
      if (canonicalJson(cell.experiment) !== canonicalJson(experiment)) {
        return { damaged: `${path} holds another experiment` };
      }
      return { result: cell.result as Result<E>, seconds: cell.seconds };
    },
    write: async (experiment, { result, seconds }) => {
      const file = { experiment, surroundings, seconds, digest: digestOf(result), result };
      await writeFileDurably(pathOf(experiment), `${JSON.stringify(file)}\n`);
    },
  };
}

interface CellFile {
  readonly experiment: unknown;
  readonly seconds: number;
  readonly result: unknown;
}

function parse(text: string): CellFile | null {
  try {
    const file = JSON.parse(text) as Partial<CellFile & { digest: string }> | null;
    const whole = typeof file?.seconds === 'number' && digestOf(file.result ?? null) === file.digest;
    return whole ? (file as CellFile) : null;
  } catch {
    return null;
  }
}

const digestOf = (result: unknown): string =>
  createHash('sha256').update(canonicalJson(result)).digest('hex');
