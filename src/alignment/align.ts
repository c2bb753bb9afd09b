// One alignment run from files to adapter, for a program to prepare, iterate and end. What happens before the first
// step is prepare.ts, the steps are train.ts.
import type { OpenEngine } from '../engine/engine.ts';
import type { GivenTriplet } from '../judgments/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { openEventLog } from '../tensorboard/index.ts';
import { stepScalars } from './metrics.ts';
import type { StepRecord } from './metrics.ts';
import type { AlignmentPlan } from './plan.ts';
import { prepareRun } from './prepare.ts';
import type { Prepared } from './prepare.ts';
import type { AlignSettings } from './settings.ts';
import { train } from './train.ts';
import type { Note } from '../words/note.ts';

/** Settings that were given, and where the run goes. `model` and `data` may be left out when resuming. */
export interface AlignOptions extends Partial<AlignSettings> {
  /** Run directory; without one nothing is written and nothing can be resumed. */
  readonly out?: string;
  /** Go on with the run in `out`; starts it if there is none yet. */
  readonly resume?: boolean;
  /** Start anew although `out` holds a run, which is moved aside to OUT.old-N. */
  readonly overwrite?: boolean;
  /** Triplets in memory, in place of `data`; then there can be no `out`. */
  readonly triplets?: readonly GivenTriplet[];
  /** The rows were held to the check by who wrote the file, whose words it may have changed. */
  readonly checked?: boolean;
  /** Bytes that other models in this process hold, or may come to. */
  readonly beside?: number;
  /** In place of the objective that the settings describe; `method` still says which sequences examples have. */
  readonly objective?: Objective;
  /** Hears how many revisions of how many are there, while the model writes them for a method that needs some. */
  readonly onRevision?: (done: number, total: number) => void;
  /** Hears the same of its answers to the prompts of `retain`. */
  readonly onRetained?: (done: number, total: number) => void;
  /** Hears why taking the run directory takes its time: its last process cannot be checked from here. */
  readonly onNote?: (note: Note) => void;
  /** Stops after the step under way, with a checkpoint; `prepare` then throws `STOPPED` between revisions. */
  readonly signal?: AbortSignal;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
}

export interface AlignmentRun extends AsyncIterable<StepRecord, void, undefined> {
  /**
   * Reads everything, opens the engine and lets it write what revisions the method needs, without a step; iterating
   * does it first if it was not done.
   */
  prepare(): Promise<AlignmentPlan>;
  /** Writes the adapter as it is now, in PEFT layout. */
  saveAdapter(dir: string): Promise<void>;
  /** Ends the run and frees the engine; safe to call more than once. */
  dispose(): Promise<void>;
}

/**
 * Aligns a model with judged triplets. Iterating the result trains, one record per optimizer step; at the end
 * the adapter is in OUT/adapter.
 *
 *     const run = align({ model: 'model/', data: 'judged.jsonl', out: 'run/' });
 *     for await (const step of run) console.log(step.loss, step.flaggedFraction);
 *     await run.dispose();
 *
 * Throws WhetstoneError for everything that a user can put right.
 */
export function align(options: AlignOptions): AlignmentRun {
  let preparing: Promise<Prepared> | undefined;
  let disposed: Promise<void> | undefined;
  const prepared = (): Promise<Prepared> => (preparing ??= prepareRun(options));
  const dispose = async (): Promise<void> => {
    const ready = await preparing?.catch(() => undefined);
    await ready?.close();
  };
  return {
    prepare: async () => (await prepared()).plan,
    saveAdapter: async (dir) => (await prepared()).saveAdapter(dir),
    dispose: () => (disposed ??= dispose()),
    [Symbol.asyncIterator]: async function* () {
      const { plan, directory, training, saveAdapter } = await prepared();
      if (plan.finished) return;
      yield* logged(train({ ...training, ...(options.signal && { signal: options.signal }) }), plan);
      if (options.signal?.aborted) return;
      await directory?.saveAdapter(saveAdapter);
    },
  };
}

/** The steps, each told to TensorBoard as well where the settings name a folder for it. */
async function* logged(
  steps: AsyncGenerator<StepRecord, void, undefined>,
  { settings: { loggingDir }, doneSteps }: AlignmentPlan,
): AsyncGenerator<StepRecord, void, undefined> {
  if (loggingDir === null) return yield* steps;
  const log = await openEventLog(loggingDir);
  try {
    await log.start(doneSteps + 1);
    for await (const record of steps) {
      await log.add(record.step, stepScalars(record));
      yield record;
    }
  } finally {
    await log.close();
  }
}
