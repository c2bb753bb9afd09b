// The training loop: batches in, optimizer steps, metrics and checkpoints out. Knows token examples and an
// engine; it does not know text, options or terminals.
import type { Engine, OptimizerSettings, StepMetrics, TokenExample } from '../engine/engine.ts';
import { longestWork, settingsWithLess } from '../engine/require-memory.ts';
import { WhetstoneError, briefly } from '../errors.ts';
import type { Objective } from '../objectives/objective.ts';
import { option } from '../words/option.ts';
import { isOutOfMemory } from '../words/system-errors.ts';
import type { BatchPlan } from './batches.ts';
import { stepRecord } from './metrics.ts';
import type { StepRecord } from './metrics.ts';
import type { Retained } from './retain.ts';
import type { RunDirectory } from './run-directory.ts';
import { learningRateAt } from './schedule.ts';
import type { Schedule } from './schedule.ts';

export interface TrainOptions {
  readonly engine: Pick<Engine, 'step' | 'trainingState' | 'restore' | 'describe' | 'estimateMemory'>;
  readonly examples: readonly TokenExample[];
  /** Examples that each step takes as well, by a plan of their own. */
  readonly retained?: Retained | null;
  readonly plan: BatchPlan;
  readonly objective: Objective;
  /** Parts of the loss worth recording; default all that the engine tells. */
  readonly parts?: readonly string[];
  readonly schedule: Schedule;
  readonly optimizer: Omit<OptimizerSettings, 'learningRate'>;
  /** Where metrics and checkpoints go; null trains in memory only. */
  readonly directory: Pick<RunDirectory, 'state' | 'metrics' | 'saveCheckpoint'> | null;
  /** Optimizer steps between checkpoints; there is always one at the end. */
  readonly saveSteps: number;
  /** Stops after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** How messages name a row; default "row N". */
  readonly describeRow?: (example: TokenExample) => string;
}

/**
 * Trains from the directory's newest checkpoint, or from the engine's present state, to the end of the plan, one
 * record per optimizer step. Leaving the loop early, an abort, a non-finite loss and a lack of memory all end with a checkpoint.
 *
 * Throws WhetstoneError `NON_FINITE_LOSS` with the rows of the batch, `OUT_OF_MEMORY` with the settings that take less, and
 * `DISK_FULL`.
 */
export async function* train(options: TrainOptions): AsyncGenerator<StepRecord, void, undefined> {
  const { engine, plan, directory } = options;
  if (directory?.state) await engine.restore(directory.state);
  let done = directory?.state?.step ?? 0;
  let saved = directory?.state ? done : -1;
  const save = async (): Promise<void> => {
    if (directory && saved !== done)
      await directory.saveCheckpoint(await engine.trainingState(), plan.stepsPerEpoch);
    saved = done;
  };
  let failed = false;
  try {
    while (done < plan.totalSteps && !options.signal?.aborted) {
      const record = await takeStep(options, done, save);
      await directory?.metrics.append(record);
      done += 1;
      if (done % options.saveSteps === 0 || done === plan.totalSteps) await save();
      yield record;
    }
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    if (!failed) await save();
  }
}

async function takeStep(options: TrainOptions, done: number, save: () => Promise<void>): Promise<StepRecord> {
  const { engine, plan, examples, retained, objective, schedule, optimizer, parts } = options;
  const lessons = plan.batch(done).map((row) => examples[row]!);
  const batch = [...lessons, ...(retained?.plan.batch(done).map((row) => retained.examples[row]!) ?? [])];
  const learningRate = learningRateAt(schedule, done);
  const began = performance.now();
  let metrics: StepMetrics;
  try {
    metrics = await engine.step(batch, objective, { ...optimizer, learningRate });
  } catch (error) {
    if (!(error instanceof WhetstoneError)) throw error;
    // In both cases the engine kept the parameters of the last good step.
    if (error.code === 'OUT_OF_MEMORY') throw await outOfMemory(error, done, batch, { ...options, save });
    if (error.code !== 'NON_FINITE_LOSS') throw error;
    await save();
    throw nonFinite(error, done, lessons, options);
  }
  const seconds = (performance.now() - began) / 1000;
  return stepRecord(metrics, {
    step: done + 1,
    epoch: plan.epochAfter(done + 1),
    learningRate,
    seconds,
    flags: objective.comparison?.over === 'tokens',
    ...(parts && { parts }),
  });
}

function nonFinite(
  cause: WhetstoneError,
  done: number,
  batch: readonly TokenExample[],
  options: TrainOptions,
): WhetstoneError {
  const rows = batch.map(options.describeRow ?? ((example) => `row ${example.index + 1}`));
  return new WhetstoneError(
    'NON_FINITE_LOSS',
    `step ${done + 1}: ${briefly(cause)}; the batch was ${rows.join(', ')}`,
    {
      hint: `${keptAfter(done, options)} Look at these rows.`,
      cause,
    },
  );
}

const keptAfter = (done: number, { directory }: TrainOptions): string =>
  directory
    ? `The state after step ${done} is saved as a checkpoint.`
    : `The parameters are those of step ${done}.`;

/** What a run is resumed with is what it began with: less takes a new one. */
async function outOfMemory(
  cause: WhetstoneError,
  done: number,
  batch: readonly TokenExample[],
  options: TrainOptions & { readonly save: () => Promise<void> },
): Promise<WhetstoneError> {
  const isSaved = await options.save().then(
    () => true,
    (error: unknown) => {
      if (isOutOfMemory(error)) return false;
      throw error;
    },
  );
  const kept = isSaved ? keptAfter(done, options) : 'The newest checkpoint is kept.';
  const sequences = batch.flatMap((example) => Object.values(example.sequences));
  const longest = Math.max(...sequences.map(({ ids }) => ids.length));
  const less = await settingsWithLess(options.engine, longestWork('train', sequences), [
    'baseDtype',
    'cutoffLen',
  ]);
  const anew = ` A new run takes less with ${less.length > 0 ? less.join(', or with ') : 'shorter responses or a smaller model'}.`;
  const resume = options.directory ? ` Close other programs and go on with ${option('resume')}.` : '';
  return new WhetstoneError(
    'OUT_OF_MEMORY',
    `step ${done + 1}: ${briefly(cause)}; the longest sequence of its batch has ${longest} tokens`,
    { hint: `${kept}${resume}${anew}`, cause },
  );
}
