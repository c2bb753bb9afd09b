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
  /** The parts of the loss, as `loss_NAME`, beside other figures. */
  readonly [name: string]: unknown;
}

/** The whole lines; what stands after the last line end is left out. */
export const readSteps = (metrics: string): StepLine[] =>
  metrics
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as StepLine);

export const curveOf = (name: string, steps: readonly StepLine[]): TrainingCurve => ({
  name,
  steps: steps.map((line) => ({
    step: line.step,
    loss: line.loss,
    ...partsOf(line),
    learningRate: line.learning_rate,
    ...(line.flagged_fraction !== undefined && { flaggedFraction: line.flagged_fraction }),
  })),
});

function partsOf(line: StepLine): { parts?: Record<string, number> } {
  const found = Object.entries(line).flatMap(([key, value]) =>
    key.startsWith('loss_') && typeof value === 'number' ? [[key.slice('loss_'.length), value] as const] : [],
  );
  return found.length === 0 ? {} : { parts: Object.fromEntries(found) };
}
