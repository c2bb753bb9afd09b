// Optimizer steps: the gradient of a batch, clipping, AdamW, and the state that a run goes on from. Knows neither
// how a batch's gradient is computed nor who waits for a step.
import { WhetstoneError } from '../errors.ts';
import type { Objective } from '../objectives/objective.ts';
import { bytesInWords } from '../words/numbers.ts';
import { isOutOfMemory } from '../words/system-errors.ts';
import { compileAdamW } from './adamw.ts';
import { responseTokensOf, sizeOf } from './batch-plan.ts';
import type { Engine, StepMetrics, TokenExample, TrainingState } from './engine.ts';
import { lazily } from './lazily.ts';
import type { EngineModel } from './model.ts';
import { requireTrainable } from './sequence-check.ts';
import { openStepRunner } from './training-step.ts';
import type { BatchLoss, StepSettings } from './training-step.ts';
import { l2Norm } from './vectors.ts';

export interface Trainer {
  readonly step: Engine['step'];
  /** Of the last step before clipping, flat; a copy. */
  readonly gradient: () => Float32Array;
  readonly state: () => TrainingState;
  /** Throws `ENGINE_STATE` for the state of another model. */
  readonly restore: (state: TrainingState) => void;
  release(): Promise<void>;
}

/** Graphs are compiled, and memory for gradient and moments taken, when first needed. */
export function openTrainer(model: EngineModel, settings: StepSettings): Trainer {
  const { config, layout, values, threads } = model;
  const zeros = (): Float32Array => new Float32Array(layout.total);
  const gradient = lazily(zeros);
  const runner = lazily(() => openStepRunner(model, gradient(), settings));
  const optimizer = lazily(() => compileAdamW(layout, threads));
  let moments: Pick<TrainingState, 'firstMoment' | 'secondMoment'> | null = null;
  let steps = 0;

  const takeStep: Engine['step'] = async (batch, objective, optimizerSettings) => {
    // What lasts is taken before anything is computed, so that a lack of it shows at once.
    moments ??= { firstMoment: zeros(), secondMoment: zeros() };
    const adamW = await optimizer();
    const sums = await runner().run(batch, objective, steps);
    const gradNorm = l2Norm(gradient());
    requireFinite(sums, gradNorm);
    const scale = clippingScale(gradNorm, optimizerSettings.maxGradNorm);
    await adamW.update({ parameters: values, ...moments }, gradient(), scale, steps + 1, optimizerSettings);
    steps++;
    return metricsOf(batch, objective, sums, gradNorm);
  };

  return {
    step: async (batch, objective, optimizerSettings) => {
      requireSomethingToTrain(layout.total, batch);
      for (const example of batch) requireTrainable(example, config);
      try {
        return await takeStep(batch, objective, optimizerSettings);
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        // What the graph holds is what a checkpoint may need now; parameters and moments are those of the step before.
        await runner.existing?.release();
        throw outOfMemory(error as Error);
      }
    },
    gradient: () => gradient().slice(),
    state: () => ({
      parameters: values.slice(),
      firstMoment: moments?.firstMoment.slice() ?? zeros(),
      secondMoment: moments?.secondMoment.slice() ?? zeros(),
      step: steps,
    }),
    restore: ({ parameters, firstMoment, secondMoment, step }) => {
      requireState({ parameters, firstMoment, secondMoment }, layout.total);
      values.set(parameters);
      moments = { firstMoment: firstMoment.slice(), secondMoment: secondMoment.slice() };
      steps = step;
    },
    release: async () => {
      await runner.existing?.release();
      // A graph that could not be compiled has nothing to release; its error was thrown where it was needed.
      await (await optimizer.existing?.catch(() => null))?.release();
    },
  };
}

/** Throws `ENGINE_NOT_TRAINABLE`, and `ENGINE_BATCH` for a batch of nothing. */
export function requireSomethingToTrain(parameters: number, batch: readonly TokenExample[]): void {
  if (parameters === 0) {
    throw new WhetstoneError('ENGINE_NOT_TRAINABLE', 'this engine was opened without anything to train');
  }
  if (batch.length === 0) throw new WhetstoneError('ENGINE_BATCH', 'a step needs at least one example');
}

/** Throws `ENGINE_STATE` for the state of another model. */
export function requireState(
  { parameters, firstMoment, secondMoment }: Omit<TrainingState, 'step'>,
  total: number,
): void {
  if ([parameters, firstMoment, secondMoment].every(({ length }) => length === total)) return;
  throw new WhetstoneError(
    'ENGINE_STATE',
    `a state of ${parameters.length} values for a model with ${total} trainable ones`,
  );
}

/** ONNX Runtime says how much was asked for where its own allocator asked. */
function outOfMemory(error: Error): WhetstoneError {
  const size = Number(/requested buffer of size (\d+)/.exec(error.message)?.[1]);
  const asked = size > 0 ? `: ${bytesInWords(size)} more were refused` : '';
  return new WhetstoneError('OUT_OF_MEMORY', `there is not enough memory${asked}`, { cause: error });
}

const lossOf = ({ likelihood, comparison }: BatchLoss): number => likelihood + comparison;

/** Throws `NON_FINITE_LOSS`. */
export function requireFinite(sums: BatchLoss, gradNorm: number): void {
  const finite = Number.isFinite(lossOf(sums));
  if (finite && Number.isFinite(gradNorm)) return;
  throw new WhetstoneError('NON_FINITE_LOSS', `the ${finite ? 'gradient' : 'loss'} is not finite`, {
    hint: 'A lower learning_rate or a larger lambda usually helps; without detection CUT is known to diverge.',
  });
}

/** What the gradient is multiplied by, as in torch.nn.utils.clip_grad_norm_; a `maxGradNorm` of 0 clips nothing. */
export const clippingScale = (gradNorm: number, maxGradNorm: number): number =>
  maxGradNorm > 0 ? Math.min(1, maxGradNorm / (gradNorm + 1e-6)) : 1;

export function metricsOf(
  batch: readonly TokenExample[],
  objective: Objective,
  sums: BatchLoss,
  gradNorm: number,
): StepMetrics {
  const names = { likelihood: 'likelihood', comparison: 'comparison', ...objective.partNames };
  return {
    loss: lossOf(sums),
    parts: {
      ...(objective.comparison && { [names.comparison]: sums.comparison }),
      [names.likelihood]: sums.likelihood,
    },
    flaggedTokens: sums.flaggedTokens,
    comparedTokens: sums.comparedTokens,
    responseTokens: batch.reduce((sum, example) => sum + responseTokensOf(sizeOf(example)), 0),
    gradNorm,
    ...(sums.lossScale !== undefined && { lossScale: sums.lossScale }),
  };
}
