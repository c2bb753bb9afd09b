// What an objective is: pure functions from token log-probs to a loss, written over traced tensors.
// It knows nothing of models, text or optimizers; the engine decides how sequences are run.
import type { Tensor } from '../graph/index.ts';

/** What an objective may know of a triplet when it weighs it. */
export interface TripletSize {
  /** Response tokens, end token included. */
  readonly tokens: number;
  /** Whether the judgment rejects the response (Align-N) or finds it satisfactory (Align-P). */
  readonly rejected: boolean;
}

/**
 * Weights of one triplet's response tokens in the batch's loss; each multiplies a per-token loss in nats.
 * A weight of 0 means that the sequence need not be run for this part.
 */
export interface TokenWeights {
  /** Of -log p(y_t | y<t, x). */
  readonly plainLikelihood: number;
  /** Of -log p(y_t | y<t, x, j-). */
  readonly judgedLikelihood: number;
  /** Of `contrast`. */
  readonly contrast: number;
}

export interface Contrast {
  /** Loss of each token, [tokens]. */
  readonly loss: Tensor;
  /** Which tokens the judgment is about, bool [tokens]. */
  readonly flagged: Tensor;
}

export interface Objective {
  readonly name: string;
  /** The weights of each triplet of a whole batch, however the engine cuts it into micro-batches. */
  weigh(batch: readonly TripletSize[]): TokenWeights[];
  /**
   * Compares the same tokens after the plain prompt and after the prompt with the judgment: log-probs [tokens].
   * Gradients flow through `plain` only, so a triplet's judged sequence can be run and let go first.
   */
  contrast(plain: Tensor, judged: Tensor): Contrast;
}

/** How per-token losses are averaged. */
export type Normalization =
  /** Each triplet is the mean over its own response tokens, a batch the mean over its triplets. */
  | 'triplets'
  /** Every response token of the batch weighs the same. */
  | 'tokens';

/** Weight of one response token of each triplet under a normalization. */
export function tokenShares(batch: readonly TripletSize[], normalize: Normalization): number[] {
  const total = batch.reduce((sum, { tokens }) => sum + tokens, 0);
  return batch.map(({ tokens }) => (normalize === 'tokens' ? 1 / total : 1 / (tokens * batch.length)));
}
