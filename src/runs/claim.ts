// A folder taken for a run: its lock, its record run.yaml, and an old run moved aside. Knows nothing of what a run
// keeps beside its record.
import { readdir, rename, rmdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { WhetstoneError } from '../errors.ts';
import { explainWriting } from '../durable/explain.ts';
import { exists, ignore, makeFolder, remove, removeLeftovers } from '../durable/files.ts';
import { folderLock, lockFolder } from '../durable/lock.ts';
import type { Lock, LockOptions } from '../durable/lock.ts';
import { readRecord, writeRecord } from './record.ts';
import type { RunRecord } from './record.ts';
import type { OpenMode } from './resume.ts';
import { goesOnWith } from './versions.ts';
import { option } from '../words/option.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** Which verb a run belongs to, and goes on with. */
export type RunKind = 'align' | 'online' | 'train-judge';

export interface RunBeginning {
  readonly path: string;
  /** What the user should know: an old run moved aside. */
  readonly notes: readonly Note[];
}

/** A locked place for a run; nothing in it has been changed yet. */
export interface RunClaim {
  readonly path: string;
  /** What run.yaml says of the run to go on with; null for a new run. */
  readonly recorded: RunRecord | null;
  /** Starts a new run (moving an old one aside if the mode is overwrite) or opens the one to go on with. */
  readonly begin: (record: RunRecord) => Promise<RunBeginning>;
  /** Gives the place back; a folder that this claim made and left empty is removed. */
  readonly release: () => Promise<void>;
}

/**
 * Takes the folder `out` for a run. Throws WhetstoneError `RUN_EXISTS` if it holds a run and the mode is new,
 * `NOT_A_RUN` if it holds anything else, `RUN_LOCKED` if another process works in it, `BAD_RUN` if run.yaml
 * cannot be read or is to be gone on with and of another kind.
 */
export async function claimRun(
  out: string,
  mode: OpenMode,
  kind: RunKind = 'align',
  lockOptions: LockOptions = {},
): Promise<RunClaim> {
  const path = resolve(out);
  const found = await look(path);
  if (found === 'foreign') {
    throw new WhetstoneError('NOT_A_RUN', 'this exists and is not a run', {
      file: out,
      hint: `Choose another ${option('out')}.`,
    });
  }
  if (found === 'run' && mode === 'new') {
    throw new WhetstoneError('RUN_EXISTS', 'this already holds a run', {
      file: out,
      hint: `Go on with it with ${option('resume')}, or start anew with ${option('overwrite')} (the old run is moved aside, not deleted).`,
    });
  }
  const made = await makeFolder(path);
  const options: LockOptions = { ...lockOptions, goesOn: 'resume' };
  let lock = await lockFolder(path, options).catch(async (error: unknown) => {
    if (made) await rmdir(path).catch(() => undefined);
    throw error;
  });
  try {
    const recorded = found === 'run' && mode === 'resume' ? await readRecord(path) : null;
    if (recorded) requireKind(recorded, kind, out);
    return {
      path,
      recorded,
      begin: async (record) => {
        if (recorded) {
          // What may change between sessions holds for those to come as well.
          const now = { settings: record.settings, run: goesOnWith(record, recorded) };
          if (!isDeepStrictEqual({ settings: recorded.settings, run: recorded.run }, now))
            await writeRecord(path, now);
          await removeLeftovers(path);
          return { path, notes: lock.notes };
        }
        const notes = [...lock.notes];
        if (found === 'run') {
          const moved = await moveAside(path, lock);
          lock = moved.lock;
          notes.push(note('RUN_MOVED_ASIDE', `The old run is now ${moved.aside}.`));
        }
        await writeRecord(path, { settings: record.settings, run: { kind, ...record.run } });
        await removeLeftovers(path);
        return { path, notes };
      },
      release: async () => {
        await lock.release();
        if (made) await rmdir(path).catch(() => undefined); // only if nothing was begun in it
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function requireKind({ run }: RunRecord, kind: RunKind, out: string): void {
  const found = (run['kind'] as string | undefined) ?? 'align';
  if (found === kind) return;
  throw new WhetstoneError(
    'BAD_RUN',
    `expected a run of "whetstone ${kind}", found one of "whetstone ${found}"`,
    {
      file: out,
      hint: `Go on with it with "whetstone ${found}" and ${option('resume')}.`,
    },
  );
}

async function look(path: string): Promise<'nothing' | 'run' | 'foreign'> {
  try {
    if (!(await stat(path)).isDirectory()) return 'foreign';
  } catch (error) {
    ignore('ENOENT')(error);
    return 'nothing';
  }
  const names = await readdir(path);
  if (names.includes('run.yaml')) return 'run';
  // What a process killed before its run began leaves behind.
  const left = [folderLock, `.${folderLock}.`, '.run.yaml.tmp-'];
  return names.every((name) => left.some((start) => name.startsWith(start))) ? 'nothing' : 'foreign';
}

/** Renames the run at `path` to the first free PATH.old-N and takes `path` afresh. */
async function moveAside(path: string, lock: Lock): Promise<{ aside: string; lock: Lock }> {
  let n = 1;
  while (await exists(`${path}.old-${n}`)) n++;
  const aside = `${path}.old-${n}`;
  await explainWriting(path, () => rename(path, aside));
  await makeFolder(path);
  await lock.release(); // its file moved with the folder
  await remove(join(aside, folderLock));
  return { aside, lock: await lockFolder(path, { goesOn: 'resume' }) };
}
