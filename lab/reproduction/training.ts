// One training run of an experiment: judged answers in, an adapter folder and the facts of the run out.
// A loss that is not finite is a fact, not a failure. Knows `align`; it does not know what is measured afterwards.
import { computeOf } from '../../src/engine/open-weights.ts';
import { WhetstoneError, briefly } from '../../src/errors.ts';
import { mean } from '../../src/evaluation/index.ts';
import { withModel } from '../../src/generation/index.ts';
import type { OpenedModel } from '../../src/generation/index.ts';
import type { Triplet } from '../../src/judgments/triplet.ts';
import type { Bench } from './bench.ts';
import type { JudgedAnswer, MethodSettings, Model, TrainingFacts } from './experiment.ts';

export interface TrainRequest {
  readonly model: Model;
  /** Where it lies, if not where the bench says. */
  readonly modelDir?: string;
  readonly triplets: readonly Triplet[];
  readonly settings: MethodSettings;
  readonly seed: number;
  /** Adapter to go on from. */
  readonly adapter?: string;
  /** Where to write the new adapter. */
  readonly into: string;
}

/**
 * Trains and writes the adapter. Where a step's loss is not finite the adapter is that of the step before.
 * Throws what `align` throws for settings and data.
 */
export async function trainAdapter(bench: Bench, request: TrainRequest): Promise<TrainingFacts> {
  const { settings, adapter, triplets, seed, into } = request;
  const began = performance.now();
  const run = bench.align({
    ...settings,
    adapter,
    model: request.modelDir ?? bench.modelDir(request.model),
    template: bench.template,
    triplets,
    seed,
    threads: bench.threads ?? undefined,
    signal: bench.signal,
  });
  const losses: number[] = [];
  const flagged: number[] = [];
  let diverged: TrainingFacts['diverged'] = null;
  try {
    const { rows } = await run.prepare();
    try {
      for await (const { loss, flaggedFraction } of run) {
        losses.push(Number(loss.toPrecision(6)));
        flagged.push(flaggedFraction);
      }
    } catch (error) {
      if (!(error instanceof WhetstoneError) || error.code !== 'NON_FINITE_LOSS') throw error;
      diverged = { step: losses.length + 1, message: briefly(error) };
    }
    bench.signal?.throwIfAborted();
    const seconds = (performance.now() - began) / 1000;
    await run.saveAdapter(into);
    return {
      examples: rows.used,
      steps: losses.length,
      seconds,
      losses,
      flagged: flagged.length === 0 ? 0 : mean(flagged),
      diverged,
    };
  } finally {
    await run.dispose();
  }
}

/** Judged answers as triplets, in order; `instructions[i]` is what `answers[i]` answer. */
export function toTriplets(
  instructions: readonly { readonly instruction: string }[],
  answers: readonly (readonly JudgedAnswer[])[],
): Triplet[] {
  return answers.flatMap((responses, i) =>
    responses.map(({ output, judgment, score, errors }) => ({
      instruction: instructions[i]!.instruction,
      output,
      judgment,
      score,
      ...(judgment !== null && { errors }),
      source: { file: 'the world', row: i + 1 },
    })),
  );
}

/** A model of the bench for `use`, with an adapter if there is one, computed with what the settings say of that. */
export function withBenchModel<T>(
  { template, threads, modelDir }: Bench,
  model: Model,
  adapter: string | null,
  use: (opened: OpenedModel) => Promise<T>,
  settings: MethodSettings = {},
): Promise<T> {
  return withModel({ model: modelDir(model), adapter, template, ...computeOf(settings), threads }, use);
}
