// What a training run keeps in its folder: metrics.jsonl, checkpoints/step-N, adapter/.
// Knows what must survive a kill at any moment; it does not know how a step is computed.
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingState } from '../engine/engine.ts';
import { WhetstoneError, briefly } from '../errors.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { explainRemoving, explainWriting, movable } from '../durable/explain.ts';
import { exists, makeFolder, remove, removeLeftovers, writeDirectoryDurably } from '../durable/files.ts';
import type { RunBeginning } from '../runs/claim.ts';
import { openMetrics } from './metrics.ts';
import type { MetricsLog } from './metrics.ts';
import { option } from '../words/option.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

export interface RunDirectory {
  readonly path: string;
  /** The newest readable checkpoint; null at the beginning. */
  readonly state: TrainingState | null;
  readonly metrics: MetricsLog;
  /** What the user should know: a damaged checkpoint passed over, an old run moved aside. */
  readonly notes: readonly Note[];
  /** Makes metrics and `state` durable, then removes checkpoints beyond the limit. */
  readonly saveCheckpoint: (state: TrainingState, stepsPerEpoch: number) => Promise<void>;
  readonly saveAdapter: (fill: (dir: string) => Promise<void>) => Promise<void>;
  /** Whether adapter/ is there, which it is from the end of training on. */
  readonly finished: () => Promise<boolean>;
}

/** Opens what a run keeps in its claimed folder, at its newest checkpoint. Throws WhetstoneError `BAD_CHECKPOINT`. */
export async function openRunDirectory(
  { path, notes: before }: RunBeginning,
  saveTotalLimit: number,
): Promise<RunDirectory> {
  const notes = [...before];
  const checkpoints = join(path, 'checkpoints');
  await makeFolder(checkpoints);
  await removeLeftovers(checkpoints);
  const state = await newestState(checkpoints, notes);
  const metrics = await openMetrics(join(path, 'metrics.jsonl'), state?.step ?? 0);
  const prune = async (): Promise<void> => {
    for (const step of (await savedSteps(checkpoints)).slice(Math.max(1, saveTotalLimit))) {
      const doomed = join(checkpoints, `.step-${step}.replaced-${process.pid}`);
      const spent = join(checkpoints, `step-${step}`);
      await explainRemoving(spent, () => rename(spent, doomed)); // so that no half-removed folder keeps the name
      await remove(doomed);
    }
  };
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
      await prune();
    },
    saveAdapter: async (fill) => {
      await prune(); // what could not be removed when it was time
      await writeDirectoryDurably(join(path, 'adapter'), fill);
    },
    finished: () => exists(join(path, 'adapter')),
  };
}

async function newestState(checkpoints: string, notes: Note[]): Promise<TrainingState | null> {
  const steps = await savedSteps(checkpoints);
  for (const step of steps) {
    try {
      return await readCheckpoint(join(checkpoints, `step-${step}`));
    } catch (error) {
      if (!(error instanceof WhetstoneError) || error.code !== 'BAD_CHECKPOINT') throw error;
      notes.push(note('CHECKPOINT_DAMAGED', `${briefly(error)}. Going back to the checkpoint before it.`));
    }
  }
  if (steps.length === 0) return null;
  throw new WhetstoneError('BAD_CHECKPOINT', 'no checkpoint of this run can be read', {
    file: checkpoints,
    hint: `Start anew with ${option('overwrite')}; the damaged run is moved aside, not deleted.`,
  });
}

/** Steps that have a checkpoint, newest first. */
async function savedSteps(checkpoints: string): Promise<number[]> {
  const names = await explainWriting(checkpoints, () => readdir(checkpoints), movable);
  return names
    .flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
}
