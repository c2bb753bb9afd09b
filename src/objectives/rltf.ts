// Reinforcement learning from text feedback: responses weighed by how much better they are than the first attempts.
// How an example comes by its advantage is not known here.
import { exp, greater, maximum, minimum, mul, neg, stopGradient, sub } from '../graph/index.ts';
import { objectiveSettings } from '../options/tables/method.ts';
import type { Objective } from './objective.ts';
import { tokenShares } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type RltfSdOptions = OptionsOf<'normalize'>;

/**
 * RLTF-SD, arXiv 2602.02482: the model's second attempt y1, which has read the judgment of the first, is learned by the model
 * that has not:
 *
 *     L = -(1/N) sum A sum over t of log p(y1_t | y1<t, x),   A = R(x, y1) - mean of R(x, y0) over the first attempts at x,
 *
 * y1 being `preferred`. No importance weight corrects for y1 having been drawn after the judgment, as in the paper. A second
 * attempt that is worse than the first ones has A below 0 and becomes less likely; one with A = 0 is skipped. Means are over
 * all examples with a second attempt, so that the others keep their weight.
 */
export function rltfSd(options: RltfSdOptions = {}): Objective {
  const { normalize } = settle(options, ['normalize']);
  return {
    name: 'rltf-sd',
    weigh: (batch) => {
      const shares = tokenShares(
        batch.map(({ tokens }) => tokens.preferred),
        normalize,
      );
      return batch.map(({ advantage = 0 }, i) => ({
        likelihood: advantage === 0 || shares[i] === 0 ? {} : { preferred: advantage * shares[i]! },
        comparison: 0,
      }));
    },
  };
}

export type RltfFmOptions = OptionsOf<(typeof objectiveSettings)['rltf-fm'][number]>;

/**
 * RLTF-FM, arXiv 2602.02482: a policy loss, and prediction of the feedback beside it:
 *
 *     L = -(1/N) sum over t of min(r_t A, clip(r_t, 1 - e, 1 + e) A) - w (1/Q) sum over t of log p(j_t | j<t, y, x),
 *
 * r_t = p(y_t | y<t, x) / p_0(y_t | y<t, x), p_0 being the model that training began from, A = R(x, y) minus the mean reward of
 * the attempts at x. The clipped ratio (arXiv 1707.06347, Eq. 7) ends the push on a token that has moved far enough, which
 * responses that are learned from more than once need; e is `ratioClip`, w `feedbackWeight`. It flags the tokens of responses
 * with A below 0. Responses with A = 0 have no policy loss; means are over all of the batch's responses, and over those with a
 * judgment in words.
 */
export function rltfFm(options: RltfFmOptions = {}): Objective {
  const { feedbackWeight, ratioClip, normalize } = settle(options, objectiveSettings['rltf-fm']);
  return {
    name: 'rltf-fm',
    partNames: { likelihood: 'feedback', comparison: 'policy' },
    weigh: (batch) => {
      const ofResponses = tokenShares(
        batch.map(({ tokens }) => tokens.plain!),
        normalize,
      );
      const ofJudgments = tokenShares(
        batch.map(({ tokens }) => tokens.critique),
        normalize,
      );
      return batch.map(({ tokens, advantage = 0 }, i) => ({
        likelihood: tokens.critique === undefined ? {} : { critique: feedbackWeight * ofJudgments[i]! },
        comparison: advantage === 0 ? 0 : ofResponses[i]!,
      }));
    },
    comparison: {
      over: 'tokens',
      witnesses: [{ role: 'plain', model: 'initial' }],
      advantages: true,
      compare: (plain, [initial], { advantages }) => {
        // e^20 is far outside of any clip; what is beyond it would overflow.
        const ratio = exp(minimum(sub(plain, stopGradient(initial!)), 20));
        const clipped = maximum(minimum(ratio, 1 + ratioClip), 1 - ratioClip);
        const gain = minimum(mul(ratio, advantages!), mul(clipped, advantages!));
        return { loss: neg(gain), flagged: greater(0, advantages!) };
      },
    },
  };
}
