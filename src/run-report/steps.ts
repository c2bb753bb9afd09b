// The lines of metrics.jsonl as curves. Knows their spelling; a line that is being written is not one yet.
import type { TrainingCurve } from '../report/index.ts';

/** What a report shows of a step. */
export interface StepLine {
  readonly step: number;
  /** Nats. */
  readonly loss: number;
  /** Absent where the objective flags no tokens. */
  readonly flagged_fraction?: number;
  readonly learning_rate: number;
}

/** The whole lines; what stands after the last line end is left out. */
export const readSteps = (metrics: string): StepLine[] =>
  metrics
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as StepLine);

export const curveOf = (name: string, steps: readonly StepLine[]): TrainingCurve => ({
  name,
  steps: steps.map(({ step, loss, flagged_fraction, learning_rate }) => ({
    step,
    loss,
    learningRate: learning_rate,
    ...(flagged_fraction !== undefined && { flaggedFraction: flagged_fraction }),
  })),
});
