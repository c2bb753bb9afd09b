// Likelihood of one sequence of each example: the maximum-likelihood baseline, and what others are made of.
import type { ExampleSize, Normalization, Objective, Role } from './objective.ts';
import { tokenShares } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export interface LikelihoodOptions extends OptionsOf<'normalize'> {
  /** Whether rejected responses are learned from too, as if nothing had been said of them. */
  readonly includeRejected?: boolean;
}

/** -(1/N) sum log p(y_t | y<t, x) over satisfactory responses; rejected ones are skipped unless asked for. */
export function likelihood(options: LikelihoodOptions = {}): Objective {
  const { includeRejected = false } = options;
  const { normalize } = settle(options, ['normalize'], {}, { includeRejected: 'boolean' });
  return likelihoodOf(
    'likelihood',
    ({ rejected }) => (includeRejected || !rejected ? 'plain' : undefined),
    normalize,
  );
}

/**
 * Nothing but likelihood of one sequence of each example: that of the role which `choose` names. An example for
 * which it names none, or one that the example lacks, is skipped, and the means are over the others.
 */
export function likelihoodOf(
  name: string,
  choose: (example: ExampleSize) => Role | undefined,
  normalize: Normalization,
): Objective {
  return {
    name,
    weigh: (batch) => {
      const roles = batch.map(choose);
      const shares = tokenShares(
        batch.map(({ tokens }, i) => roles[i] && tokens[roles[i]]),
        normalize,
      );
      return roles.map((role, i) => ({
        likelihood: role && shares[i]! > 0 ? { [role]: shares[i]! } : {},
        comparison: 0,
      }));
    },
  };
}
