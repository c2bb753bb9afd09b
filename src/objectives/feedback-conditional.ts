// The feedback-conditional policy: Hindsight's likelihood, taken as the posterior of a response given feedback.
import { methodDefaults } from '../options/tables/method.ts';
import { hindsight } from './hindsight.ts';
import type { Objective } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type FeedbackConditionalOptions = OptionsOf<'normalize'>;

/**
 * -sum log p(y_t | y<t, x, j) over responses with any feedback: the offline stage of arXiv 2509.22638.
 *
 * The likelihood is Hindsight's and so are the sequences; two things differ. The paper maximizes E log p(y | x, j)
 * of whole responses, without 1/N, so each token weighs the same by default, and long responses count for more.
 * And the model is meant to be prompted with praise for good: its result is p(y | x, praise), where Hindsight in
 * arXiv 2312.14591 is asked with the plain prompt. The paper's online stage is this objective again on responses
 * that were generated under praise and judged afresh.
 */
export function feedbackConditional(options: FeedbackConditionalOptions = {}): Objective {
  const { normalize } = settle(options, ['normalize'], methodDefaults['feedback-conditional']);
  return { ...hindsight({ normalize }), name: 'feedback-conditional' };
}
