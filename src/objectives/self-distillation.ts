// Self-distillation from feedback: the model that has read the judgment teaches the one that has not.
import type { Tensor } from '../graph/index.ts';
import { add, exp, greater, log, maximum, minimum, mul, stopGradient, sub, sum } from '../graph/index.ts';
import { methodDefaults, objectiveSettings } from '../options/tables/method.ts';
import type { Comparison, Objective, TokenLoss, Witness } from './objective.ts';
import { weighTaught } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

/** `divergence` belongs to the full form; `importanceClip` and `maxLogRatio` to the sampled one. */
export type SelfDistillationOptions = OptionsOf<(typeof objectiveSettings)['self-distillation'][number]>;
type Settings = Required<SelfDistillationOptions>;

/**
 * Self-distillation from a judged attempt, after arXiv 2601.20802 (SDPO) and not its published form:
 *
 *     L = (1/N) sum over t of KL( p(. | x, y<t) || stopgrad p_T(. | x, y, j, y<t) ),
 *
 * with the teacher p_T having read the attempt y, its judgment and the request to do it again (role `revising`), so
 * that it can also copy y; the published form is sdpo.ts. Here its weights are those that training began from, or
 * the present ones, and `full` compares the whole vocabulary: KL(student || teacher), KL(teacher || student), or both
 * to their even mixture, averaged (the paper's experiments use the last). `sampled` needs log-probs of
 * the response's tokens only: stopgrad(r (log p(y_t) - log p_T(y_t))) log p(y_t) with r = min(p / p_0, clip), whose
 * gradient has, unclipped and over responses sampled from p_0, the expectation of the KL's at each position. Its
 * value is not the divergence. It flags the tokens that the teacher finds less likely than the student does. The
 * authors' experiments clip r at 2, the default here; p_0 stands in for the policy that they sample with.
 *
 * Rejected responses that have a `revising` sequence count, satisfactory ones only with `alignP`, by their plain
 * likelihood; means are over those that count.
 */
export function selfDistillation(options: SelfDistillationOptions = {}): Objective {
  const settings = settle(
    options,
    objectiveSettings['self-distillation'],
    methodDefaults['self-distillation'],
  );
  const { teacher, form } = settings;
  const witness: Witness = { role: 'revising', model: teacher === 'current' ? 'present' : 'initial' };
  return {
    name: 'self-distillation',
    partNames: { likelihood: 'likelihood', comparison: 'distillation' },
    weigh: weighTaught('revising', settings),
    comparison: form === 'sampled' ? overTokens(witness, settings) : overDistributions(witness, settings),
  };
}

function overTokens(teacher: Witness, { importanceClip, maxLogRatio }: Settings): Comparison {
  const start: Witness = { role: 'plain', model: 'initial' };
  return {
    over: 'tokens',
    witnesses: importanceClip === null ? [teacher] : [teacher, start],
    compare: (plain, [taught, sampled]): TokenLoss => {
      const p = stopGradient(plain);
      const ratio = sub(p, stopGradient(taught!));
      const bounded = maxLogRatio === null ? ratio : maximum(minimum(ratio, maxLogRatio), -maxLogRatio);
      const importance = sampled && importanceClip !== null ? importanceOf(p, sampled, importanceClip) : null;
      const coefficient = importance ? mul(importance, bounded) : bounded;
      return { loss: mul(coefficient, plain), flagged: greater(ratio, 0) };
    },
  };
}

/** min(p / p_0, clip); the minimum is taken first, so that nothing overflows. */
function importanceOf(p: Tensor, sampled: Tensor, clip: number): Tensor {
  return exp(minimum(sub(p, stopGradient(sampled)), Math.log(clip)));
}

function overDistributions(witness: Witness, { divergence }: Settings): Comparison {
  return {
    over: 'distributions',
    witness,
    divergence,
    compare: (plain, taught) => {
      const teacher = stopGradient(taught);
      switch (divergence) {
        case 'reverse-kl':
          return kl(plain, teacher);
        case 'forward-kl':
          return kl(teacher, plain);
        case 'jensen-shannon': {
          const mixture = logAddExp(sub(plain, Math.LN2), sub(teacher, Math.LN2));
          return mul(add(kl(plain, mixture), kl(teacher, mixture)), 0.5);
        }
      }
    },
  };
}

/** sum over the last axis of e^a (a - b), nats. */
const kl = (a: Tensor, b: Tensor): Tensor => sum(mul(exp(a), sub(a, b)), { axes: [-1] });

/** log(e^a + e^b). */
function logAddExp(a: Tensor, b: Tensor): Tensor {
  const most = stopGradient(maximum(a, b));
  return add(most, log(add(exp(sub(a, most)), exp(sub(b, most)))));
}
