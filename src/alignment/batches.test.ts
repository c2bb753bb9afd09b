import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBatches } from './batches.ts';

const rotate = (rows: number) => (epoch: number) =>
  Array.from({ length: rows }, (_, i) => (i + epoch) % rows);

describe('planBatches', () => {
  it('visits every row once an epoch, in the order given, whatever the batch size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 3 }),
        (rows, batchSize, epochs) => {
          const plan = planBatches({ rows, batchSize, epochs, maxSteps: null, order: rotate(rows) });
          expect(plan.totalSteps).toBe(plan.stepsPerEpoch * epochs);
          for (let epoch = 0; epoch < epochs; epoch++) {
            const seen = Array.from({ length: plan.stepsPerEpoch }, (_, i) =>
              plan.batch(epoch * plan.stepsPerEpoch + i),
            ).flat();
            expect(seen).toEqual(rotate(rows)(epoch));
          }
        },
      ),
    );
  });

  it('gives the same batch whichever steps were asked for before', () => {
    const settings = { rows: 7, batchSize: 3, epochs: 3, maxSteps: null, order: rotate(7) };
    const forwards = planBatches(settings);
    const all = Array.from({ length: 9 }, (_, step) => forwards.batch(step));
    const backwards = planBatches(settings);
    for (let step = 8; step >= 0; step--) expect(backwards.batch(step)).toEqual(all[step]);
  });

  it('rounds fractional epochs up and lets max_steps win', () => {
    const base = { rows: 10, batchSize: 4, order: rotate(10) };
    expect(planBatches({ ...base, epochs: 0.5, maxSteps: null }).totalSteps).toBe(2);
    expect(planBatches({ ...base, epochs: 0.5, maxSteps: 20 }).totalSteps).toBe(20);
    expect(planBatches({ ...base, epochs: 1, maxSteps: null }).epochAfter(3)).toBe(1);
  });
});
