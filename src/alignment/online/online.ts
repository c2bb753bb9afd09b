// An online run: round after round the model responds, a judge judges, the model learns from the judgments.
import { join } from 'node:path';
import { requireHeld } from '../../durable/held.ts';
import { WhetstoneError } from '../../errors.ts';
import type { Judge, JudgeUsage } from '../../judges/judge.ts';
import { prepare } from './prepare.ts';
import type { OnlineOptions, OnlinePlan, Prepared } from './prepare.ts';
import { allRounds } from './rounds.ts';
import type { OnlineResult } from './rounds.ts';
import { option } from '../../words/option.ts';

export type { OnlineOptions, OnlinePlan } from './prepare.ts';
export type { OnlineResult } from './rounds.ts';

export interface OnlineRun {
  /** Reads everything, opens model and judge, and takes the run directory, without a response. */
  prepare(): Promise<OnlinePlan>;
  /**
   * Goes through the rounds that are left; returns all rounds' summaries and the evaluation before the first.
   * Throws WhetstoneError `NOTHING_TO_LEARN`, `JUDGE_UNRELIABLE`, `STOPPED`, and what judge and training throw; the
   * run can be gone on with after each of them.
   */
  run(): Promise<OnlineResult>;
  /** What the judge has cost in this process; null before there is one. */
  usage(): JudgeUsage | null;
  dispose(): Promise<void>;
}

/**
 * Aligns a model online (arXiv 2312.14591, Sec. 4.4): it learns from judgments of its own responses, each round from
 * the adapter of the round before.
 *
 *     const run = alignOnline({ model, instructions: 'tasks.jsonl', judge: 'openai:gpt-4o', rounds: 4, perRound: 1000, out: 'run/' });
 *     const { rounds, adapter } = await run.run();
 *     await run.dispose();
 *
 * Everything that cost time or money is in RUN/events.jsonl before it counts. A run that was killed goes on with
 * `resume` and ends as if it had not been.
 */
export function alignOnline(options: OnlineOptions): OnlineRun {
  let preparing: Promise<Prepared> | undefined;
  let disposed: Promise<void> | undefined;
  let judge: Judge | undefined;
  const prepared = (): Promise<Prepared> => (preparing ??= prepare(options));
  const dispose = async (): Promise<void> => {
    const ready = await preparing?.catch(() => undefined);
    await ready?.close();
  };
  return {
    prepare: async () => (await prepared()).plan,
    run: async () => {
      const { begun } = await prepared();
      if (!begun) throw new Error('a run that is only rehearsed has no rounds');
      judge = begun.judge;
      try {
        return await allRounds(begun, options);
      } catch (error) {
        // A folder that was taken away explains whatever could not be read in it.
        await requireHeld(join(begun.path, 'rounds'));
        throw options.signal?.aborted ? stopped(error) : error;
      }
    },
    usage: () => judge?.usage() ?? null,
    dispose: () => (disposed ??= dispose()),
  };
}

/** An abort's own error; what else went wrong meanwhile is told as it is. */
function stopped(cause: unknown): unknown {
  if (cause instanceof WhetstoneError && cause.code !== 'STOPPED') return cause;
  return new WhetstoneError('STOPPED', 'the run was stopped', {
    cause,
    hint: `Everything that was done is kept; go on with ${option('resume')}.`,
  });
}
