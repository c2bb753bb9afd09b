// Which rows each optimizer step takes: a pure function of (rows, batch size, seed, step), so that a resumed
// run needs no saved generator. Knows nothing of what a row is.

/** The rows of epoch `epoch`, counted from 0, in the order in which they are trained on. */
export type EpochOrder = (epoch: number) => ArrayLike<number>;

export interface BatchPlan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Rows of optimizer step `step`, counted from 0; the last batch of an epoch may be smaller. */
  readonly batch: (step: number) => number[];
  /** Epochs done after `step` optimizer steps, for instance 0.25. */
  readonly epochAfter: (step: number) => number;
}

export interface BatchSettings {
  readonly rows: number;
  readonly batchSize: number;
  /** May be a fraction; rounded up to whole steps, as transformers does. */
  readonly epochs: number;
  /** Overrides `epochs` where not null. */
  readonly maxSteps: number | null;
  readonly order: EpochOrder;
}

export function planBatches({ rows, batchSize, epochs, maxSteps, order }: BatchSettings): BatchPlan {
  const stepsPerEpoch = Math.ceil(rows / batchSize);
  let cached: { epoch: number; rows: ArrayLike<number> } | undefined;
  const rowsOf = (epoch: number): ArrayLike<number> => {
    if (cached?.epoch !== epoch) cached = { epoch, rows: order(epoch) };
    return cached.rows;
  };
  return {
    stepsPerEpoch,
    totalSteps: totalStepsOf({ stepsPerEpoch, epochs, maxSteps }),
    batch: (step) => {
      const ordered = rowsOf(Math.floor(step / stepsPerEpoch));
      const start = (step % stepsPerEpoch) * batchSize;
      return Array.from({ length: Math.min(batchSize, rows - start) }, (_, i) => ordered[start + i]!);
    },
    epochAfter: (step) => step / stepsPerEpoch,
  };
}

/** Optimizer steps of a run. */
export const totalStepsOf = ({
  stepsPerEpoch,
  epochs,
  maxSteps,
}: Pick<BatchPlan, 'stepsPerEpoch'> & Pick<BatchSettings, 'epochs' | 'maxSteps'>): number =>
  maxSteps ?? Math.ceil(stepsPerEpoch * epochs);
