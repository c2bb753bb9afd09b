// Perplexities of responses from their log-probs. Knows sums of log-probs and counts of tokens.
import { mean, standardDeviation } from '../../statistics/spread.ts';

export interface ScoredTokens {
  /** Sum of the tokens' log-probs, in nats. */
  readonly logProb: number;
  /** End token included; at least one. */
  readonly tokens: number;
}

/** exp(-sum of log-probs / tokens), every token weighing the same; NaN for no responses. */
export function perplexity(responses: readonly ScoredTokens[]): number {
  const logProb = responses.reduce((sum, response) => sum + response.logProb, 0);
  return Math.exp(-logProb / responses.reduce((sum, { tokens }) => sum + tokens, 0));
}

/** Each response's own perplexity, and their mean with sample standard deviation / sqrt(n): every response weighs the same. */
export function perplexityPerResponse(responses: readonly ScoredTokens[]): {
  readonly each: readonly number[];
  readonly mean: number;
  readonly stderr: number | null;
} {
  const each = responses.map((response) => perplexity([response]));
  const deviation = standardDeviation(each);
  return {
    each,
    mean: each.length === 0 ? NaN : mean(each),
    stderr: deviation === null ? null : deviation / Math.sqrt(each.length),
  };
}
