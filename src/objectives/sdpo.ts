// SDPO as published: the model that has read what was said of an attempt, and not the attempt, teaches the one that has not.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  constant,
  exp,
  kthLargest,
  less,
  log,
  maximum,
  mul,
  not,
  stopGradient,
  sub,
  sum,
  where,
} from '../graph/index.ts';
import { methodDefaults, objectiveSettings } from '../options/tables/method.ts';
import type { Objective } from './objective.ts';
import { weighTaught } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type SdpoOptions = OptionsOf<(typeof objectiveSettings.sdpo)[number]>;

/**
 * SDPO, arXiv 2601.20802:
 *
 *     L = (1/N) sum over t of r_t JSD_a( p(. | x, y<t), p_T(. | x, s, j, y<t) ),   m = (1 - a) p + a p_T,
 *     JSD_a(p, p_T) = (1 - a) KL(p || m) + a KL(p_T || m),   r_t = min(p(y_t) / p_0(y_t), clip),
 *
 * where the teacher p_T has read the instruction, a correct answer s of another attempt where there is one, and the feedback j,
 * but not y (role `informed`), and has no gradient. Distributions are compared over the student's `topTokens` likeliest tokens and
 * one bucket for the rest; tokens as likely as the last of them are among them. r_t has no gradient; p_0, the model that training
 * began from, stands in for the policy that y was drawn from. a is `mixture`; 0.5, 100 tokens and a clip of 2 are the paper's.
 * Its teacher is a moving average of the student; here it has the weights that training began from, or the present ones.
 *
 * Rejected responses count, satisfactory ones only with `alignP`, by their plain likelihood; means are over those that count.
 */
export function sdpo(options: SdpoOptions = {}): Objective {
  const settings = settle(options, objectiveSettings.sdpo, methodDefaults.sdpo);
  const { teacher, mixture, topTokens, importanceClip } = settings;
  return {
    name: 'sdpo',
    partNames: { likelihood: 'likelihood', comparison: 'distillation' },
    weigh: weighTaught('informed', settings),
    comparison: {
      over: 'distributions',
      witness: { role: 'informed', model: teacher === 'current' ? 'present' : 'initial' },
      ...(importanceClip !== null && { importanceClip }),
      divergence: 'jensen-shannon-of-top',
      divergenceSettings: { mixture, top: topTokens },
      compare: (plain, taught) => divergenceOfTop(plain, stopGradient(taught), mixture, topTokens),
    },
  };
}

/** What a bucket without a token counts as having. */
const least = 1e-10;

/** JSD_a over the likeliest tokens of `plain` and one bucket for the others: log-probs [tokens, vocab] in, nats [tokens] out. */
function divergenceOfTop(plain: Tensor, taught: Tensor, mixture: number, top: number): Tensor {
  const among = not(less(stopGradient(plain), kthLargest(plain, top)));
  const zero = constant(0, plain.dtype);
  const [p, q] = [exp(plain), exp(taught)];
  const inside = sum(where(among, terms([p, plain], [q, taught], mixture), zero), { axes: [-1] });
  const rest = (values: Tensor): Tensor => maximum(sum(where(among, zero, values), { axes: [-1] }), least);
  const [p0, q0] = [rest(p), rest(q)];
  return add(inside, terms([p0, log(p0)], [q0, log(q0)], mixture));
}

/** (1 - a) p log(p / m) + a q log(q / m), each given with its logarithm. */
function terms([p, logP]: [Tensor, Tensor], [q, logQ]: [Tensor, Tensor], mixture: number): Tensor {
  const most = stopGradient(maximum(logP, logQ));
  const inShares = add(mul(exp(sub(logP, most)), 1 - mixture), mul(exp(sub(logQ, most)), mixture));
  const logM = add(most, log(inShares));
  return add(mul(mul(p, sub(logP, logM)), 1 - mixture), mul(mul(q, sub(logQ, logM)), mixture));
}
