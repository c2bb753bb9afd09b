// Scores of one ranked document, and figures over many, as lm-evaluation-harness computes them (lm_eval/api/task.py,
// lm_eval/api/metrics.py). Knows log-likelihoods and which choices are true.
import { codePointLength } from '../../tokens/index.ts';
import { mean, standardDeviation } from '../../statistics/spread.ts';

export type RankingMetric = 'acc' | 'acc_norm' | 'mc1' | 'mc2';

export interface Ranked {
  readonly choices: readonly string[];
  readonly truth: readonly boolean[];
  /** In nats, one for each choice. */
  readonly logLikelihoods: readonly number[];
}

/**
 * `acc` and `mc1`: 1 where the likeliest choice is the first true one. `acc_norm`: likewise, with log-likelihoods
 * divided by the choices' lengths in code points. Of equals the first counts. `mc2`: the true choices' share of the
 * likelihood of all.
 */
export function rankingScore(metric: RankingMetric, { choices, truth, logLikelihoods }: Ranked): number {
  switch (metric) {
    case 'acc':
    case 'mc1':
      return Number(largest(logLikelihoods) === truth.indexOf(true));
    case 'acc_norm':
      return Number(
        largest(logLikelihoods.map((value, i) => value / codePointLength(choices[i]!))) ===
          truth.indexOf(true),
      );
    case 'mc2': {
      // The largest is taken out of both sums, so that neither comes to nothing.
      const most = Math.max(...logLikelihoods);
      const likelihoods = logLikelihoods.map((value) => Math.exp(value - most));
      const all = likelihoods.reduce((sum, value) => sum + value, 0);
      return likelihoods.reduce((sum, value, i) => sum + (truth[i] ? value : 0), 0) / all;
    }
  }
}

function largest(values: readonly number[]): number {
  let best = 0;
  for (const [i, value] of values.entries()) if (value > values[best]!) best = i;
  return best;
}

export interface MeanFigure {
  readonly value: number;
  /** Null where a part has fewer than two documents. */
  readonly stderr: number | null;
}

/** Mean of the scores with sample standard deviation / sqrt(n). */
export function meanFigure(scores: readonly number[]): MeanFigure {
  const deviation = standardDeviation(scores);
  return { value: mean(scores), stderr: deviation === null ? null : deviation / Math.sqrt(scores.length) };
}

/** Mean of the parts' means, each part weighing the same, with the standard error that follows from those of the parts. */
export function meanOfParts(parts: readonly (readonly number[])[]): MeanFigure {
  const figures = parts.map(meanFigure);
  const errors = figures.map(({ stderr }) => stderr);
  const known = errors.every((error) => error !== null);
  return {
    value: mean(figures.map(({ value }) => value)),
    stderr: known ? Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0)) / parts.length : null,
  };
}

/** Mean over all documents of several parts, with the standard error of the pooled variance within the parts. */
export function pooledFigure(parts: readonly (readonly number[])[]): MeanFigure {
  const all = parts.flat();
  const variances = parts.map((scores) => {
    const deviation = standardDeviation(scores);
    return deviation === null ? null : (scores.length - 1) * deviation ** 2;
  });
  const known = variances.every((variance) => variance !== null);
  const pooled = known ? variances.reduce((sum, v) => sum + v, 0) / (all.length - parts.length) : null;
  return { value: mean(all), stderr: pooled === null ? null : Math.sqrt(pooled / all.length) };
}
