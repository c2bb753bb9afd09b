// What the loss of a batch is multiplied by on its way back through halves: a power of two, so that undoing it changes no
// digit. It follows from the batch alone, so that a run that was stopped goes on with the same bytes.
import type { BatchPlan } from './batch-plan.ts';

/** What the derivative of the loss by a token's log-prob is brought to: far above what vanishes, far below what overflows. */
const wanted = 256;

/** How far the scale goes down where a gradient overflows, and how often. */
const reduction = 16;
const reductions = 5;

/** Scales to try, largest first: the next one where a gradient is not finite. */
export function lossScales({ alone, compared }: BatchPlan): readonly number[] {
  const weights = [...alone, ...compared.flat()].flatMap(({ likelihood, comparison }) => [
    Math.abs(likelihood),
    comparison,
  ]);
  const largest = weights.reduce((a, b) => Math.max(a, b), 0);
  const first = largest > 0 ? 2 ** Math.floor(Math.log2(wanted / largest)) : 1;
  return Array.from({ length: reductions + 1 }, (_, i) => first / reduction ** i);
}
