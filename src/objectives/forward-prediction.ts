// Forward Prediction: the model learns to give the response and to predict its judgment.
import type { Objective } from './objective.ts';
import { tokenShares } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type ForwardPredictionOptions = OptionsOf<'normalize'>;

/**
 * -(1/N) sum log p(y_t | y<t, x) - (1/Q) sum log p(j_t | j<t, y, x): arXiv 2312.14591, Eq. 1, after arXiv
 * 1604.06045.
 *
 * Every response counts, rejected or not, and every judgment that the data has in words (role `critique`); an
 * example without one has the first term only. Normalized by triplets, a batch is the mean of that over its
 * examples. By tokens, it is the mean over all response tokens plus the mean over all judgment tokens, the latter
 * scaled by the fraction of examples that have a judgment; of equal lengths both are the same.
 */
export function forwardPrediction(options: ForwardPredictionOptions = {}): Objective {
  const { normalize } = settle(options, ['normalize']);
  return {
    name: 'forward-prediction',
    weigh: (batch) => {
      const critiques = batch.map(({ tokens }) => tokens.critique);
      const ofResponses = tokenShares(
        batch.map(({ tokens }) => tokens.plain!),
        normalize,
      );
      const ofCritiques = tokenShares(critiques, normalize);
      const judged = critiques.filter((tokens) => tokens !== undefined).length / batch.length;
      return batch.map((_, i) => ({
        likelihood: {
          plain: ofResponses[i]!,
          ...(critiques[i] === undefined ? {} : { critique: judged * ofCritiques[i]! }),
        },
        comparison: 0,
      }));
    },
  };
}
