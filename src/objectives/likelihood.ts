// Plain likelihood of satisfactory responses: the maximum-likelihood baseline.
import { less, mul, neg } from '../graph/index.ts';
import type { Normalization, Objective } from './objective.ts';
import { tokenShares } from './objective.ts';

export interface LikelihoodOptions {
  /** Whether rejected responses are learned from too, as if nothing had been said of them. */
  readonly includeRejected?: boolean;
  readonly normalize?: Normalization;
}

/** -(1/N) sum log p(y_t | y<t, x) over satisfactory responses; rejected ones are skipped unless asked for. */
export function likelihood({
  includeRejected = false,
  normalize = 'triplets',
}: LikelihoodOptions = {}): Objective {
  return {
    name: 'likelihood',
    weigh: (batch) => {
      const used = batch.filter(({ rejected }) => includeRejected || !rejected);
      const shares = tokenShares(used, normalize);
      let next = 0;
      return batch.map(({ rejected }) => ({
        plainLikelihood: includeRejected || !rejected ? shares[next++]! : 0,
        judgedLikelihood: 0,
        contrast: 0,
      }));
    },
    contrast: (plain) => ({ loss: mul(neg(plain), 0), flagged: less(plain, plain) }),
  };
}
