// CUT with CEPO's weights: how much likelier a token is after the judgment than after praise says how hard it is pushed down.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  exp,
  greater,
  less,
  maximum,
  minimum,
  mul,
  neg,
  not,
  stopGradient,
  sub,
  where,
} from '../graph/index.ts';
import { log1mExp } from './cut.ts';
import { objectiveSettings } from '../options/tables/method.ts';
import type { Objective, TokenLoss } from './objective.ts';
import { tokenShares } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type CepoCutOptions = OptionsOf<(typeof objectiveSettings)['cepo-cut'][number]>;
type Settings = Required<CepoCutOptions>;

/**
 * The contrast of CUT (arXiv 2312.14591, Eq. 5-7) with the token weights of CEPO (arXiv 2605.19436). With P- = p(y_t | y<t, x,
 * j-) after the judgment (role `judged`) and P+ = p(y_t | y<t, x, j+) after praise (`praised`), both of the present model and
 * without a gradient, and the advantage A = -1 of a rejected response:
 *
 *     d_t = log P+(y_t) - log P-(y_t),   w_t = exp(sign(A) d_t) = P-(y_t) / P+(y_t)
 *     |A_t| = (1 - l) + l clip(w_t, 1 - e, 1 + e)
 *     U = { t : w_t > lambda }
 *     L1 = -(1/N) [ sum over t not in U of log p(y_t | x) + sum over t in U of alpha |A_t| log(1 - p(y_t | x)) ]
 *
 * So |A_t| takes the place of CUT's weight p^gamma, and log(1 - p), which ends where a token has become unlikely, that of CEPO's
 * A_t log p, which does not. l (`contrastWeight`) falls linearly to 0 over `contrastSteps` optimizer steps, e is `contrastClip`;
 * 0.5, 25 and 0.5 are the paper's. After them it is CUT without a dynamic weight and with praise in the detection. Without
 * `detection` every token of a rejected response is in U. `alignN` adds the response's likelihood after its judgment, as in Eq.
 * 7. A satisfactory response has no P-: its weights are 1, which is its likelihood (`alignP`).
 */
export function cepoCut(options: CepoCutOptions = {}): Objective {
  const settings = settle(options, objectiveSettings['cepo-cut']);
  const { alignP, alignN, normalize, contrastWeight, contrastSteps } = settings;
  return {
    name: 'cepo-cut',
    partNames: { likelihood: 'l2', comparison: 'l1' },
    weigh: (batch) => {
      const shares = tokenShares(
        batch.map(({ tokens }) => tokens.plain!),
        normalize,
      );
      return batch.map(({ rejected }, i) => {
        const share = shares[i]!;
        if (!rejected) return { likelihood: { plain: alignP ? share : 0 }, comparison: 0 };
        return { likelihood: { judged: alignN ? share : 0 }, comparison: share };
      });
    },
    comparison: {
      over: 'tokens',
      witnesses: [
        { role: 'judged', model: 'present' },
        { role: 'praised', model: 'present' },
      ],
      schedule: (step) => contrastWeight * Math.max(0, 1 - step / contrastSteps),
      compare: (plain, [judged, praised], { scheduled }) =>
        contrast(plain, sub(stopGradient(judged!), stopGradient(praised!)), scheduled!, settings),
    },
  };
}

/** `against` is log w_t [tokens], `share` l. */
function contrast(
  plain: Tensor,
  against: Tensor,
  share: Tensor,
  { lambda, alpha, detection, contrastClip }: Settings,
): TokenLoss {
  const flagged = detection ? greater(against, Math.log(lambda)) : not(less(against, against));
  // Clipped as a logarithm, so that nothing overflows.
  const bounded = minimum(against, Math.log1p(contrastClip));
  const ratio = contrastClip < 1 ? maximum(bounded, Math.log1p(-contrastClip)) : bounded;
  const weight = add(sub(1, share), mul(share, exp(ratio)));
  return { loss: neg(where(flagged, mul(mul(weight, alpha), log1mExp(plain)), plain)), flagged };
}
