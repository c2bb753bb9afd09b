// Learning-rate schedules with transformers' names, formulas and defaults. Pure; knows nothing of a run.
import { WhetstoneError } from '../errors.ts';
import type { ValueOf } from '../options/kinds.ts';
import { optimization } from '../options/tables/training.ts';

export type ScheduleName = ValueOf<(typeof optimization)['lr_scheduler_type']>;
export const scheduleNames: readonly ScheduleName[] = optimization.lr_scheduler_type.choices;

export interface Schedule {
  readonly name: ScheduleName;
  /** Peak learning rate. */
  readonly learningRate: number;
  /** Optimizer steps of linear warm-up from 0; see `resolveWarmup` for shares of the run. */
  readonly warmupSteps: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
}

/**
 * Warm-up in steps. As in transformers' TrainingArguments, a value below 1 is a share of the run, rounded up.
 * Throws WhetstoneError `BAD_SCHEDULE` for negative and for non-whole numbers of steps.
 */
export function resolveWarmup(warmupSteps: number, totalSteps: number): number {
  if (!(warmupSteps >= 0) || (warmupSteps >= 1 && !Number.isInteger(warmupSteps))) {
    throw new WhetstoneError(
      'BAD_SCHEDULE',
      `expected warmup_steps to be a whole number or a share below 1, found ${warmupSteps}`,
    );
  }
  return warmupSteps >= 1 ? warmupSteps : Math.ceil(totalSteps * warmupSteps);
}

/**
 * Learning rate of one optimizer step, `step` counted from 0 (transformers' `lr_lambda(current_step)`): with
 * warm-up the first step has learning rate 0, and a run no longer than its warm-up never reaches the peak.
 */
export function learningRateAt(
  { name, learningRate, warmupSteps, totalSteps }: Schedule,
  step: number,
): number {
  if (name === 'constant') return learningRate;
  if (step < warmupSteps) return learningRate * (step / Math.max(1, warmupSteps));
  if (name === 'constant_with_warmup') return learningRate;
  const decay = Math.max(1, totalSteps - warmupSteps);
  if (name === 'linear') return learningRate * Math.max(0, (totalSteps - step) / decay);
  const progress = (step - warmupSteps) / decay;
  return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
}
