// The lines of metrics.jsonl as curves. Knows their spelling; a line that is being written is not one yet.
import { WhetstoneError } from '../errors.ts';
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

/**
 * The whole lines; what stands after the last line end is left out. Throws WhetstoneError `BAD_RUN` with the line that is
 * none of a step.
 */
export const readSteps = (metrics: string, file: string): StepLine[] =>
  metrics
    .split('\n')
    .slice(0, -1)
    .map((text, i) => {
      const line = parseStep(text);
      if (line !== null) return line;
      throw new WhetstoneError('BAD_RUN', 'expected the figures of a step', {
        file,
        line: i + 1,
        hint: 'A kill cannot do this. Restore the file from a copy, or remove the line.',
      });
    });

/** Null for a line that is none of a step. */
export function parseStep(text: string): StepLine | null {
  let line: Partial<StepLine> | null;
  try {
    line = JSON.parse(text) as Partial<StepLine> | null;
  } catch {
    return null;
  }
  const { step, loss, learning_rate: rate, flagged_fraction: flagged = 0 } = line ?? {};
  // A loss that is not finite is null in JSON.
  const right = [step, loss ?? NaN, rate, flagged].every((value) => typeof value === 'number');
  return right ? ({ ...line, loss: loss ?? NaN } as StepLine) : null;
}

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
