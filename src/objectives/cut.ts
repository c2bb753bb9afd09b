// Contrastive Unlikelihood Training: arXiv 2312.14591, Eq. 5-7, and the arithmetic of its released code.
import type { Tensor } from '../graph/index.ts';
import {
  add,
  and,
  constant,
  div,
  equal,
  exp,
  greater,
  less,
  log,
  minimum,
  mul,
  neg,
  not,
  or,
  stopGradient,
  sub,
  tanh,
  where,
  withGradient,
} from '../graph/index.ts';
import { presetDefaults, objectiveSettings } from '../options/tables/method.ts';
import type { Objective, TokenLoss } from './objective.ts';
import { tokenShares } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

/** `paper` is Eq. 5-7; `released-code` the arithmetic of the authors' release, which has no factor p^gamma. */
export type CutOptions = OptionsOf<(typeof objectiveSettings.cut)[number]>;

/** The CUT objective; by default the paper's equations with every part on. */
export function cut(options: CutOptions = {}): Objective {
  const { gamma } = presetDefaults['released-code'];
  const settings = settle(
    options,
    objectiveSettings.cut,
    options.preset === 'released-code' ? { gamma } : {},
  );
  const { preset, l1, alignP, alignN, normalize, detection, flaggedBy } = settings;
  return {
    name: preset === 'paper' ? 'cut' : 'cut (released code)',
    partNames: { likelihood: 'l2', comparison: 'l1' },
    weigh: (batch) => {
      const shares = tokenShares(
        batch.map(({ tokens }) => tokens.plain!),
        normalize,
      );
      return batch.map(({ rejected }, i) => {
        const share = shares[i]!;
        if (!rejected) return { likelihood: { plain: alignP ? share : 0 }, comparison: 0 };
        // The release halves the sum of both losses where a micro-batch holds a rejected response.
        const part = preset === 'released-code' && l1 ? share / 2 : share;
        return { likelihood: { judged: alignN ? part : 0 }, comparison: l1 ? part : 0 };
      });
    },
    comparison: {
      over: 'tokens',
      witnesses: [{ role: 'judged', model: 'present' }],
      marks: detection && flaggedBy !== 'judgment',
      compare: (plain, [judged], { marks }) => contrast(plain, stopGradient(judged!), marks, settings),
    },
  };
}

function contrast(
  plain: Tensor,
  judged: Tensor,
  marks: Tensor | undefined,
  settings: Required<CutOptions>,
): TokenLoss {
  const { preset, alpha, dynamicWeight } = settings;
  const gamma = dynamicWeight ? settings.gamma : 0;
  const flagged = wrongTokens(plain, judged, marks, settings);
  const [unlikelihood, kept] =
    preset === 'paper'
      ? [log1mExp(plain), plain]
      : [log(guarded(sub(1, exp(plain)))), log(guarded(exp(plain)))];
  const weight = gamma === 0 ? constant(alpha, plain.dtype) : mul(exp(mul(judged, gamma)), alpha);
  // Kept apart from the unlikelihood of tokens that are not flagged, whose probability may be 1. (Eq. 6)
  return { loss: neg(where(flagged, mul(weight, unlikelihood), kept)), flagged };
}

/** The tokens U, bool [tokens]. Marks take the place of Eq. 5 or join it; a response without any has Eq. 5 alone. */
function wrongTokens(
  plain: Tensor,
  judged: Tensor,
  marks: Tensor | undefined,
  { lambda, detection, flaggedBy }: Required<CutOptions>,
): Tensor {
  if (!detection) return not(less(plain, plain));
  // p(y_t | x, j-) > lambda * p(y_t | x), in log space. (Eq. 5)
  const detected = greater(judged, add(stopGradient(plain), Math.log(lambda)));
  if (flaggedBy === 'judgment' || marks === undefined) return detected;
  const zero = constant(0, marks.dtype);
  const marked = greater(marks, zero);
  const asked = flaggedBy === 'both' ? detected : and(detected, not(less(marks, zero)));
  return or(marked, asked);
}

/**
 * Log-probs above this count as this: log(1 - p) stays finite where rounding has made p equal to 1. Computed
 * log-probs have an absolute error of about 1e-7, so no value that means anything is touched.
 */
const largestLogProb = -1e-10;

/**
 * log(1 - e^x) for x <= 0 without cancellation: 1 - e^x = -tanh(x / 2) (1 + e^x). At x = 0, where it would be
 * minus infinity, it is held at log(1e-10) with derivative 0.
 */
export function log1mExp(x: Tensor): Tensor {
  const safe = minimum(x, largestLogProb);
  const p = exp(safe);
  const complement = neg(mul(tanh(mul(safe, 0.5)), add(p, 1)));
  return withGradient([log(complement)], [safe], ([g]) => [g ? neg(mul(g, div(p, complement))) : null])[0]!;
}

/** A factor as the released code takes its logarithm: 1e-5 is added where it is exactly 0. */
function guarded(factor: Tensor): Tensor {
  return add(factor, where(equal(factor, 0), constant(1e-5, factor.dtype), constant(0, factor.dtype)));
}
