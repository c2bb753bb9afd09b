// The runs of a folder: found wherever they lie below it, each at a glance. Knows folders, not who looks.
import { readdir } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import { reasonOf } from '../../words/system-errors.ts';
import { isRun } from '../../runs/adapter-folder.ts';
import type { RunsState } from '../api/runs.ts';
import { glanceAt, readHead } from './glance.ts';

/** Folders within folders that are looked into; RUNS/studio/MODEL/trainings/N is the deepest of ours. */
const deepest = 4;
const mostFolders = 5000;
const mostShown = 500;

/** The folder itself, where that is a run. */
const itself = '.';

/** Where the run of that name lies. Throws WhetstoneError `NO_SUCH_RUN` for a name that leads out of the folder. */
export function placeOfRun(folder: string, name: string): string {
  const root = resolve(folder);
  const dir = resolve(root, name);
  if (dir === root ? name === itself : dir.startsWith(root.endsWith(sep) ? root : root + sep)) return dir;
  throw noSuchRun(name);
}

export const noSuchRun = (name: string): WhetstoneError =>
  new WhetstoneError('NO_SUCH_RUN', `there is no run "${name}" in this folder`, {
    hint: 'It may have been renamed or removed. The list of runs has those that are there.',
  });

/** What a run is called where there is little room. */
export const titleOf = (folder: string, name: string): string =>
  name === itself ? basename(resolve(folder)) : name;

/** Names of the runs below the folder; what lies within a run is part of it. */
export async function findRuns(folder: string): Promise<string[]> {
  if (await isRun(folder)) return [itself];
  const found: string[] = [];
  let looked = 0;
  const look = async (below: string, depth: number): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!(entry.isDirectory() || entry.isSymbolicLink()) || /^\.|^node_modules$/.test(entry.name)) continue;
      if (++looked > mostFolders) return;
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (await isRun(join(folder, name))) found.push(name);
      else if (depth < deepest && entry.isDirectory()) await look(name, depth + 1);
    }
  };
  await look('', 1);
  return found;
}

export async function readRuns(folder: string): Promise<RunsState> {
  const names = await findRuns(folder);
  const rows = await Promise.all(
    names.map(async (name) => {
      const head = await readHead(join(folder, name), name);
      return head === null ? null : glanceAt(head).catch((error: unknown) => unreadable(name, error));
    }),
  );
  const runs = rows.flatMap((row) => row ?? []).sort((a, b) => b.changed.localeCompare(a.changed));
  return { folder, runs: runs.slice(0, mostShown), more: Math.max(0, runs.length - mostShown) };
}

/** Files that are there and cannot be read are told of in their row, not in place of all others. */
const unreadable = (name: string, error: unknown): RunsState['runs'][number] => ({
  ...{
    name,
    kind: '',
    method: null,
    model: null,
    data: null,
    standing: 'stopped',
    step: 0,
    totalSteps: null,
  },
  ...{ round: null, loss: null, trend: [], changed: new Date(0).toISOString() },
  problem: `It cannot be read: ${reasonOf(error)}`,
});
