// What a request changes about the logits before a token is chosen: biases, penalties, tokens that may not come yet.
// Knows one row and the tokens before it; how one is drawn is another's.
import type { Sampling } from './engine.ts';

/** What a sequence has so far, as far as its sampling asks. */
export interface Past {
  /** Tokens of prompt and response. */
  readonly seen: ReadonlySet<number>;
  /** How often each token stands in the response. */
  readonly counts: ReadonlyMap<number, number>;
  /** Tokens of the response. */
  readonly length: number;
}

/** Whether `shapeLogits` may change a logit at any time. */
export const shapes = (sampling: Sampling): boolean => {
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0, minTokens = 0 } = sampling;
  const biased = (sampling.logitBias?.size ?? 0) > 0;
  return (
    repetitionPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0 || minTokens > 0 || biased
  );
};

/**
 * Changes logits [vocab] in place, in vLLM's order: biases, end tokens that come too early, the penalty for repetition,
 * for frequency, for presence.
 */
export function shapeLogits(
  logits: Float32Array,
  sampling: Sampling,
  { seen, counts, length }: Past,
  endTokens: ReadonlySet<number>,
): void {
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0, minTokens = 0 } = sampling;
  for (const [id, bias] of sampling.logitBias ?? []) logits[id]! += bias;
  if (length < minTokens) for (const id of endTokens) logits[id] = -Infinity;
  if (repetitionPenalty !== 1) penalizeRepetition(logits, seen, repetitionPenalty);
  if (frequencyPenalty === 0 && presencePenalty === 0) return;
  for (const [id, count] of counts) logits[id]! -= frequencyPenalty * count + presencePenalty;
}

/**
 * Divides positive and multiplies negative logits [vocab] of the tokens in `seen`, in place
 * (arXiv 1909.05858, Sec. 4.1, as transformers applies it).
 */
export function penalizeRepetition(logits: Float32Array, seen: Iterable<number>, penalty: number): void {
  for (const id of seen) logits[id]! *= logits[id]! > 0 ? 1 / penalty : penalty;
}
