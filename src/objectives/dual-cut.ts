// DualCUT: contrastive unlikelihood with a second witness, which also finds what to keep.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  and,
  constant,
  exp,
  greater,
  mul,
  neg,
  sigmoid,
  stopGradient,
  sub,
  where,
} from '../graph/index.ts';
import { log1mExp } from './cut.ts';
import { methodDefaults, objectiveSettings } from '../options/tables/method.ts';
import type { Objective, TokenLoss } from './objective.ts';
import { tokenShares } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

/** The paper names the lambdas, sigmas and scales and gives no values. `lambda` stands for those of its four not given. */
export type DualCutOptions = OptionsOf<(typeof objectiveSettings)['dual-cut'][number]>;
type Settings = Required<DualCutOptions>;

/**
 * DualCUT: arXiv 2412.20297 (FaGeL), Eq. 5-9. With p- = p(y_t | y<t, x, j-) after the judgment (role `judged`),
 * p+ = p(y_t | y<t, x, j+) after praise (`praised`) and p = p(y_t | y<t, x), all three of the current model:
 *
 *     U- = { p- > lambda_1 p+ and p- > lambda_2 p and p- > sigma_1 }
 *     U+ = { p+ > lambda_3 p- and p+ > lambda_4 p and p+ > sigma_2 }
 *     L = -(1/N) [ sum over U- of scale- log(1 - p) + sum over U+ of scale+ log p + sum over the rest of log p ]
 *     scale- = alpha sigmoid(p- / p - lambda_2), scale+ = beta sigmoid(p+ / p - lambda_4) + 1
 *
 * Sets and scales carry no gradient. Flagged tokens are those of U-. The paper judges every response both ways and
 * says nothing of satisfactory ones: there is no j- for them, so both sets are empty and L is their likelihood,
 * which `alignP` switches off. Unlike CUT it has no likelihood after the judgment.
 */
export function dualCut(options: DualCutOptions = {}): Objective {
  const settings = settle(options, objectiveSettings['dual-cut'], methodDefaults['dual-cut']);
  const { alignP, normalize } = settings;
  return {
    name: 'dual-cut',
    partNames: { likelihood: 'likelihood', comparison: 'contrast' },
    weigh: (batch) => {
      const shares = tokenShares(
        batch.map(({ tokens }) => tokens.plain!),
        normalize,
      );
      return batch.map(({ rejected }, i) =>
        rejected
          ? { likelihood: {}, comparison: shares[i]! }
          : { likelihood: { plain: alignP ? shares[i]! : 0 }, comparison: 0 },
      );
    },
    comparison: {
      over: 'tokens',
      witnesses: [
        { role: 'judged', model: 'present' },
        { role: 'praised', model: 'present' },
      ],
      compare: (plain, [judged, praised]) =>
        contrast(plain, stopGradient(judged!), stopGradient(praised!), settings),
    },
  };
}

function contrast(plain: Tensor, judged: Tensor, praised: Tensor, settings: Settings): TokenLoss {
  const { lambda, sigma1, sigma2, alpha, beta } = settings;
  const lambda1 = settings.lambda1 ?? lambda;
  const lambda2 = settings.lambda2 ?? lambda;
  const lambda3 = settings.lambda3 ?? lambda;
  const lambda4 = settings.lambda4 ?? lambda;
  const p = stopGradient(plain);
  const exceeds = (a: Tensor, factor: number, b: Tensor): Tensor => greater(a, add(b, Math.log(factor)));
  /** Where a witness stands out from the other one and from the plain prompt. */
  const stands = (a: Tensor, other: Tensor, factors: [number, number], floor: number): Tensor =>
    and(
      and(exceeds(a, factors[0], other), exceeds(a, factors[1], p)),
      greater(a, constant(Math.log(floor), a.dtype)),
    );
  const bad = stands(judged, praised, [lambda1, lambda2], sigma1);
  const good = stands(praised, judged, [lambda3, lambda4], sigma2);
  const scale = (a: Tensor, most: number, factor: number): Tensor =>
    mul(sigmoid(sub(exp(sub(a, p)), factor)), most);
  // Where lambda_1 lambda_3 >= 1 no token is in both sets; below, both terms count, as in the paper's sum.
  const ofLikelihood = where(
    good,
    add(scale(praised, beta, lambda4), 1),
    where(bad, constant(0, p.dtype), constant(1, p.dtype)),
  );
  const unlikelihood = mul(scale(judged, alpha, lambda2), log1mExp(plain));
  const loss = neg(add(mul(ofLikelihood, plain), where(bad, unlikelihood, constant(0, p.dtype))));
  return { loss, flagged: bad };
}
