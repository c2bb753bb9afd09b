// Keeping to what the model said before: its own answers to prompts that no judgment is about, learned beside any objective.
import type { Objective } from './objective.ts';
import { tokenShares } from './objective.ts';
import type { Normalization } from './objective.ts';

/**
 * The objective with the likelihood of answers that are to stay as they are (arXiv 2402.10893, C3PO, whose further terms are the
 * likelihood of the initial model's completions of prompts outside the scope of the feedback):
 *
 *     L' = L - w (1/N) sum over t of log p(z_t | z<t, x'),
 *
 * z being what the model that training began from answered to x', and N its tokens. Examples with a sequence `retained` are such
 * answers and nothing else; L is that of the other examples of the batch alone. Means are as `normalize` says, over such answers.
 */
export function retaining(
  objective: Objective,
  { weight, normalize }: { readonly weight: number; readonly normalize: Normalization },
): Objective {
  return {
    ...objective,
    weigh: (batch) => {
      const lessons = objective.weigh(batch.filter(({ tokens }) => tokens.retained === undefined));
      const shares = tokenShares(
        batch.map(({ tokens }) => tokens.retained),
        normalize,
      );
      let next = 0;
      return batch.map(({ tokens }, i) =>
        tokens.retained === undefined
          ? lessons[next++]!
          : { likelihood: { retained: weight * shares[i]! }, comparison: 0 },
      );
    },
  };
}
