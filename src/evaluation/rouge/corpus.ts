// ROUGE over many responses: plain means with bootstrap intervals over the responses. Knows scores, not texts.
import { bootstrapMean } from '../../statistics/bootstrap.ts';
import type { BootstrapSettings, Estimate } from '../../statistics/bootstrap.ts';
import type { RougeScore, RougeScores, RougeType } from './rouge.ts';

/** Means of precision, recall and F over responses; each interval is a percentile interval of the bootstrap. */
export type RougeEstimate = Readonly<Record<keyof RougeScore, Estimate>>;

const figures = ['precision', 'recall', 'f'] as const;

/**
 * For each ROUGE type the mean score of the responses, every response weighing the same. The mean F is the mean of
 * the responses' F, not the F of the means. Throws RangeError for no scores.
 */
export function rougeMeans<T extends RougeType>(
  scores: readonly RougeScores<T>[],
  settings: BootstrapSettings = {},
): Readonly<Record<T, RougeEstimate>> {
  const [first] = scores;
  if (first === undefined) throw new RangeError('the mean of no ROUGE scores is not defined');
  const estimate = (type: T): RougeEstimate =>
    Object.fromEntries(
      figures.map((figure) => [
        figure,
        bootstrapMean([Float64Array.from(scores, (score) => score[type][figure])], settings),
      ]),
    ) as RougeEstimate;
  return Object.fromEntries((Object.keys(first) as T[]).map((type) => [type, estimate(type)])) as Readonly<
    Record<T, RougeEstimate>
  >;
}
