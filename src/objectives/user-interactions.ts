// Learning from what a user says next: each token of a response weighs by how much likelier or unlikelier it is to the model that
// knows the user's next message. Knows no messages.
import type { Tensor } from '../graph/index.ts';
import { add, exp, greater, maximum, minimum, mul, neg, stopGradient, sub } from '../graph/index.ts';
import { methodDefaults, objectiveSettings } from '../options/tables/method.ts';
import type { Objective, Witness } from './objective.ts';
import { weighTaught } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type UserInteractionsOptions = OptionsOf<(typeof objectiveSettings)['user-interactions'][number]>;

/**
 * The offline form of arXiv 2603.12273. o is the user's next message, which stands where a judgment stands in a row; its prompt
 * (role `forewarned`) holds x and o and not y:
 *
 *     A_t = log p(y_t | y<t, x, o) - log p(y_t | y<t, x),   both of the present model and without a gradient,
 *     L = -(1/N) sum over t of [ A_t log p(y_t | y<t, x) ] + beta KL(p || p_0),
 *
 * p_0 being the model that training began from. The divergence is estimated from the tokens of y as k3 = r - 1 - log r with
 * r = p_0(y_t) / p(y_t) (arXiv 2402.03300, Eq. 4): never below 0, and unbiased for responses that p has written. So it is the
 * contrast of `cut` with a graded weight of either sign in the place of a threshold, by a prompt that asks for a better response
 * and not for one that deserves what was said. A token is flagged where A_t < 0. `maxLogRatio` bounds |A_t|, in nats; the paper
 * has no bound.
 *
 * Responses that have a `forewarned` sequence count, whatever was said of them; satisfactory ones without one only with `alignP`,
 * by their plain likelihood. Means are over those that count.
 */
export function userInteractions(options: UserInteractionsOptions = {}): Objective {
  const settings = settle(
    options,
    objectiveSettings['user-interactions'],
    methodDefaults['user-interactions'],
  );
  const { beta, maxLogRatio } = settings;
  const told: Witness = { role: 'forewarned', model: 'present' };
  const start: Witness = { role: 'plain', model: 'initial' };
  return {
    name: 'user-interactions',
    partNames: { likelihood: 'likelihood', comparison: 'interaction' },
    weigh: weighTaught('forewarned', settings, 'all'),
    comparison: {
      over: 'tokens',
      witnesses: beta === 0 ? [told] : [told, start],
      compare: (plain, [knowing, initial]) => {
        const gain = sub(stopGradient(knowing!), stopGradient(plain));
        const bounded = maxLogRatio === null ? gain : maximum(minimum(gain, maxLogRatio), -maxLogRatio);
        const loss = neg(mul(bounded, plain));
        return {
          loss: initial ? add(loss, mul(k3(plain, stopGradient(initial)), beta)) : loss,
          flagged: greater(0, gain),
        };
      },
    },
  };
}

/** r - 1 - log r of r = e^(other - plain), nats; beyond e^20, which would overflow later, without a slope. */
function k3(plain: Tensor, other: Tensor): Tensor {
  const logRatio = minimum(sub(other, plain), 20);
  return sub(sub(exp(logRatio), logRatio), 1);
}
