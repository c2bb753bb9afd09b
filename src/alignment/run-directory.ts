// The run directory: run.yaml, metrics.jsonl, checkpoints/step-N, adapter/ and the lock on them.
// Knows what must survive a kill at any moment; it does not know how a step is computed.
import { mkdir, readFile, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import type { TrainingState } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { hasCode, ignore, removeLeftovers, writeDirectoryDurably, writeFileDurably } from '../durable/files.ts';
import { acquireLock } from '../durable/lock.ts';
import type { Lock } from '../durable/lock.ts';
import { openMetrics } from './metrics.ts';
import type { MetricsLog } from './metrics.ts';

export type OpenMode = 'new' | 'resume' | 'overwrite';

/** run.yaml: option keys on top, so that the file is itself a valid --config, and the circumstances under `run`. */
export interface RunRecord {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly run: Readonly<Record<string, unknown>>;
}

/** A locked place for a run; nothing in it has been changed yet. */
export interface RunClaim {
  readonly path: string;
  /** What run.yaml says of the run to go on with; null for a new run. */
  readonly recorded: RunRecord | null;
  /** Starts a new run (moving an old one aside if the mode is overwrite) or opens the one to go on with. */
  readonly begin: (record: RunRecord, saveTotalLimit: number) => Promise<RunDirectory>;
  /** Gives the place back; a folder that this claim made and left empty is removed. */
  readonly release: () => Promise<void>;
}

export interface RunDirectory {
  readonly path: string;
  /** The newest readable checkpoint; null at the beginning. */
  readonly state: TrainingState | null;
  readonly metrics: MetricsLog;
  /** What the user should know: a damaged checkpoint passed over, an old run moved aside. */
  readonly notes: readonly string[];
  /** Makes metrics and `state` durable, then removes checkpoints beyond the limit. */
  readonly saveCheckpoint: (state: TrainingState, stepsPerEpoch: number) => Promise<void>;
  readonly saveAdapter: (fill: (dir: string) => Promise<void>) => Promise<void>;
  /** Whether adapter/ is there, which it is from the end of training on. */
  readonly finished: () => Promise<boolean>;
}

/**
 * Takes the folder `out` for a run. Throws WhetstoneError `RUN_EXISTS` if it holds a run and the mode is new,
 * `NOT_A_RUN` if it holds anything else, `RUN_LOCKED` if another process works in it, `BAD_RUN` if run.yaml
 * cannot be read.
 */
export async function claimRun(out: string, mode: OpenMode): Promise<RunClaim> {
  const path = resolve(out);
  const found = await look(path);
  if (found === 'foreign') {
    throw new WhetstoneError('NOT_A_RUN', 'this exists and is not a run', {
      file: out,
      hint: 'Choose another --out.',
    });
  }
  if (found === 'run' && mode === 'new') {
    throw new WhetstoneError('RUN_EXISTS', 'this already holds a run', {
      file: out,
      hint: 'Go on with it with --resume, or start anew with --overwrite (the old run is moved aside, not deleted).',
    });
  }
  const made = (await mkdir(path, { recursive: true })) !== undefined;
  const lock = await acquireLock(join(path, 'run.lock'));
  let release = lock.release;
  try {
    const recorded = found === 'run' && mode === 'resume' ? await readRecord(path) : null;
    return {
      path,
      recorded,
      begin: async (record, saveTotalLimit) => {
        if (recorded) return openRun(path, saveTotalLimit, []);
        const notes: string[] = [];
        if (found === 'run') {
          const [aside, fresh] = await moveAside(path);
          release = fresh.release;
          notes.push(`The old run is now ${aside}.`);
        }
        await writeFileDurably(
          join(path, 'run.yaml'),
          stringify({ ...record.settings, run: record.run }, { lineWidth: 0 }),
        );
        return openRun(path, saveTotalLimit, notes);
      },
      release: async () => {
        await release();
        if (made) await rmdir(path).catch(() => undefined); // only if nothing was begun in it
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openRun(path: string, saveTotalLimit: number, notes: string[]): Promise<RunDirectory> {
  const checkpoints = join(path, 'checkpoints');
  await mkdir(checkpoints, { recursive: true });
  await removeLeftovers(path);
  await removeLeftovers(checkpoints);
  const state = await newestState(checkpoints, notes);
  const metrics = await openMetrics(join(path, 'metrics.jsonl'), state?.step ?? 0);
  return {
    path,
    state,
    metrics,
    notes,
    saveCheckpoint: async (next, stepsPerEpoch) => {
      await metrics.sync();
      await writeDirectoryDurably(join(checkpoints, `step-${next.step}`), (dir) =>
        writeCheckpoint(dir, next, stepsPerEpoch),
      );
      for (const step of (await savedSteps(checkpoints)).slice(Math.max(1, saveTotalLimit))) {
        const doomed = join(checkpoints, `.step-${step}.replaced-${process.pid}`);
        await rename(join(checkpoints, `step-${step}`), doomed); // so that no half-removed folder keeps the name
        await rm(doomed, { recursive: true, force: true });
      }
    },
    saveAdapter: (fill) => writeDirectoryDurably(join(path, 'adapter'), fill),
    finished: () => exists(join(path, 'adapter')),
  };
}

async function newestState(checkpoints: string, notes: string[]): Promise<TrainingState | null> {
  const steps = await savedSteps(checkpoints);
  for (const step of steps) {
    try {
      return await readCheckpoint(join(checkpoints, `step-${step}`));
    } catch (error) {
      if (!(error instanceof WhetstoneError) || error.code !== 'BAD_CHECKPOINT') throw error;
      notes.push(`${error.message}. Going back to the checkpoint before it.`);
    }
  }
  if (steps.length === 0) return null;
  throw new WhetstoneError('BAD_CHECKPOINT', 'no checkpoint of this run can be read', {
    file: checkpoints,
    hint: 'Start anew with --overwrite; the damaged run is moved aside, not deleted.',
  });
}

/** Steps that have a checkpoint, newest first. */
async function savedSteps(checkpoints: string): Promise<number[]> {
  const names = await readdir(checkpoints);
  return names
    .flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
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
  return names.every((name) => name.startsWith('run.lock') || name.startsWith('.run.yaml.tmp-'))
    ? 'nothing'
    : 'foreign';
}

async function readRecord(path: string): Promise<RunRecord> {
  const file = join(path, 'run.yaml');
  try {
    const { run, ...settings } = parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    if (typeof run === 'object' && run !== null) return { settings, run: run as Record<string, unknown> };
    throw new WhetstoneError('BAD_RUN', 'expected a section "run"', { file, field: 'run' });
  } catch (cause) {
    if (cause instanceof WhetstoneError) throw cause;
    throw new WhetstoneError('BAD_RUN', 'the record of the run cannot be read', {
      file,
      cause,
      hint: 'Start anew with --overwrite; the damaged run is moved aside, not deleted.',
    });
  }
}

/** Renames the run at `path` to the first free PATH.old-N and takes `path` afresh. */
async function moveAside(path: string): Promise<[string, Lock]> {
  let n = 1;
  while (await exists(`${path}.old-${n}`)) n++;
  const aside = `${path}.old-${n}`;
  await rename(path, aside);
  await mkdir(path, { recursive: true });
  const fresh = await acquireLock(join(path, 'run.lock'));
  await rm(join(aside, 'run.lock'), { force: true }); // it moved with the folder
  return [aside, fresh];
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
