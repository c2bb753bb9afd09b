// An objective's comparison compiled alone: log-probs and witnesses in; loss, flags and the loss's slope by each log-prob
// out. For an engine whose model runs elsewhere. Knows no model.
import type { Tensor } from '../graph/index.ts';
import { add, dim, grad, input, mul, neg, sum } from '../graph/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { outputsDim } from './arrangement.ts';
import type { Job } from './batch-plan.ts';
import { responseLength } from './engine.ts';
import { lossFeeds } from './loss-feeds.ts';
import type { Session } from './session.ts';
import { compile } from './session.ts';
import { feeds, traceComparison } from './step-graph.ts';
import type { Testimony } from './testimony.ts';

export interface ComparisonGraph {
  /**
   * `logprobs` [outputs] of the jobs' predicted tokens, one job after the other; `step` counts from 0. Outputs: `comparison` [outputs] or [pairs],
   * `flagged` [outputs] over tokens, and `slope` [outputs], the derivative of the whole loss by each log-prob.
   */
  run(
    jobs: readonly Job[],
    logprobs: Float32Array,
    testimony: Testimony,
    step: number,
  ): Promise<Readonly<Record<string, Float32Array>>>;
  release(): Promise<void>;
}

/** Throws `ENGINE_LOAD`. The objective must compare tokens or pairs. */
export async function compileComparison(objective: Objective): Promise<ComparisonGraph> {
  const session: Session = await compile(traceAlone(objective), { threads: 1 });
  return {
    run: (jobs, logprobs, testimony, step) => {
      const outputs = jobs.reduce((total, { sequence }) => total + responseLength(sequence), 0);
      return session.run({
        ...lossFeeds(jobs, objective.comparison, testimony, { vocabSize: 0, step }),
        logprobs: { data: logprobs, dims: [outputs] },
      });
    },
    release: () => session.release(),
  };
}

function traceAlone({ comparison }: Objective): Record<string, Tensor> {
  const logprobs = input('logprobs', 'float32', [dim(outputsDim)]);
  const likelihood = neg(sum(mul(input(feeds.likelihoodWeight, 'float32', [dim(outputsDim)]), logprobs)));
  const compared = traceComparison(comparison!, logprobs, null);
  const [slope] = grad(add(likelihood, sum(compared.comparison)), [logprobs]);
  return { ...compared, slope: slope! };
}
