// Direct preference optimization: one whole response against another.
import type { Tensor } from '../graph/index.ts';
import { add, exp, log, maximum, minimum, mul, neg, sigmoid, sub, withGradient } from '../graph/index.ts';
import type { Objective } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type DpoOptions = OptionsOf<'beta' | 'labelSmoothing'>;

/**
 * -log sigmoid(beta * (log p(y_w | x) / p_0(y_w | x) - log p(y_l | x) / p_0(y_l | x))): arXiv 2305.18290, Eq. 7,
 * y_w being `preferred` and y_l `plain`, p_0 the model that training began from. Log-probs are sums over a whole
 * response, not means. A batch is the mean over its pairs; an example without a `preferred` is none.
 *
 * With label smoothing e it is (1 - e) times that plus e times the same with y_w and y_l exchanged
 * (ericmitchell.ai/cdpo.pdf). beta defaults to the 0.1 of the paper's experiments.
 */
export function dpo(options: DpoOptions = {}): Objective {
  const { beta, labelSmoothing } = settle(options, ['beta', 'labelSmoothing']);
  return {
    name: 'dpo',
    partNames: { likelihood: 'likelihood', comparison: 'preference' },
    weigh: (batch) => {
      const pairs = batch.filter(({ tokens }) => tokens.preferred !== undefined).length;
      return batch.map(({ tokens }) => ({
        likelihood: {},
        comparison: tokens.preferred === undefined ? 0 : 1 / pairs,
      }));
    },
    comparison: {
      over: 'pairs',
      compare: (preferred, plain) => {
        const margin = mul(sub(preferred, plain), beta);
        if (labelSmoothing === 0) return softplus(neg(margin));
        return add(mul(softplus(neg(margin)), 1 - labelSmoothing), mul(softplus(margin), labelSmoothing));
      },
    },
  };
}

/** log(1 + e^x) = -log sigmoid(-x), which overflows nowhere; its derivative is sigmoid(x). */
function softplus(x: Tensor): Tensor {
  const value = add(maximum(x, 0), log(add(exp(minimum(x, neg(x))), 1)));
  return withGradient([value], [x], ([g]) => [g ? mul(g, sigmoid(x)) : null])[0]!;
}
