// What an objective is: pure functions from token log-probs to a loss, written over traced tensors.
// It knows nothing of models, text or optimizers; the engine decides how sequences are run.
import type { Tensor } from '../graph/index.ts';
import type { MethodSettings } from './options.ts';

/**
 * The sequences that an example can have, by what is read before what: x an instruction, y the response, j its
 * judgment. All but `critique`, `preferred` and `retained` end in the same response tokens.
 */
export type Role =
  /** x, then y: the prompt of inference. */
  | 'plain'
  /** x and j, then y. */
  | 'judged'
  /** x and words of praise in place of j, then y. */
  | 'praised'
  /** x, y and j and the request to do it again, then y. */
  | 'revising'
  /** x, a correct answer to it if there is one, j and the request to solve x, then y. */
  | 'informed'
  /** x, what the user says to a response and the request to respond in the light of it, then y. */
  | 'forewarned'
  /** x and y, then j. */
  | 'critique'
  /** x, then a better response than y. */
  | 'preferred'
  /** A prompt that no judgment is about, then what the model answered to it before training; see retaining.ts. */
  | 'retained';

/** What an objective may know of an example when it weighs it. */
export interface ExampleSize {
  /** How many tokens of each sequence are predicted, end token included; a role that it lacks is absent. */
  readonly tokens: Readonly<Partial<Record<Role, number>>>;
  /** Whether the judgment rejects the response (Align-N) or finds it satisfactory (Align-P). */
  readonly rejected: boolean;
  /** How much better its response is than others to the same instruction, where the method asks for that; see `Method`. */
  readonly advantage?: number | undefined;
}

/** Weights of one example in the batch's loss. A sequence whose weights are all absent or 0 is not run. */
export interface ExampleWeights {
  /** Of -log p of each predicted token, nats, by role; below 0 where it is to become less likely. */
  readonly likelihood: Readonly<Partial<Record<Role, number>>>;
  /** Of each token's loss in a comparison over tokens or distributions, of the pair's in one over pairs. */
  readonly comparison: number;
}

/** Who else reads the response that a comparison is about. No gradient flows through a witness. */
export interface Witness {
  readonly role: Exclude<Role, 'critique' | 'preferred' | 'retained'>;
  /** The model as it is being trained, or the one that training began from. */
  readonly model: 'present' | 'initial';
}

/** Compares the log-probs of y's tokens after `plain` with what witnesses say of the same tokens. */
export interface TokenComparison {
  readonly over: 'tokens';
  readonly witnesses: readonly Witness[];
  /** Whether it asks which tokens somebody has marked as wrong. */
  readonly marks?: boolean;
  /** Whether it asks for the advantage of each token's example. */
  readonly advantages?: boolean;
  /** A number that changes from one optimizer step to the next; steps count from 0, and go on where a run was stopped. */
  readonly schedule?: (step: number) => number;
  /** Log-probs [tokens] in, the witnesses' in their order; loss [tokens] and bool [tokens] out. */
  compare(plain: Tensor, witnesses: readonly Tensor[], asked: AskedFor): TokenLoss;
}

/** What a comparison over tokens has asked for beside log-probs. */
export interface AskedFor {
  /** 1 for a marked token, -1 for another one of a response with marks, 0 where nobody has marked any: [tokens]. */
  readonly marks?: Tensor | undefined;
  /** [tokens] */
  readonly advantages?: Tensor | undefined;
  /** What `schedule` says of this step: [] */
  readonly scheduled?: Tensor | undefined;
}

export interface TokenLoss {
  /** Loss of each token, [tokens]. */
  readonly loss: Tensor;
  /** Which tokens the judgment is about, bool [tokens]. */
  readonly flagged: Tensor;
}

/** Compares whole next-token distributions at y's tokens, after `plain` and as one witness sees them. */
export interface DistributionComparison {
  readonly over: 'distributions';
  readonly witness: Witness;
  /** Its name, where an engine in another process knows the formula by it: distributions are too large to be sent. */
  readonly divergence?: string;
  /** Numbers of that formula. */
  readonly divergenceSettings?: Readonly<Record<string, number>>;
  /** A token's loss is multiplied by p / p_0 of that token, without a gradient, and by no more than this. */
  readonly importanceClip?: number;
  /** Log-probs [tokens, vocab] in, loss [tokens] out. */
  compare(plain: Tensor, witness: Tensor): Tensor;
}

/** Compares two responses to one instruction: `preferred` with that of `plain`. */
export interface PairComparison {
  readonly over: 'pairs';
  /**
   * In come log p - log p_0 of both whole responses, [pairs], p_0 being the model that training began from;
   * gradients flow through both. Out comes the loss [pairs].
   */
  compare(preferred: Tensor, plain: Tensor): Tensor;
}

export type Comparison = TokenComparison | DistributionComparison | PairComparison;

/** A loss is a weighted sum of -log p over tokens of sequences, and of a comparison. */
export interface Objective {
  readonly name: string;
  /** The weights of each example of a whole batch, however the engine cuts it into micro-batches. */
  weigh(batch: readonly ExampleSize[]): ExampleWeights[];
  readonly comparison?: Comparison;
  /** What metrics call the two parts of the loss; default "likelihood" and "comparison". */
  readonly partNames?: { readonly likelihood: string; readonly comparison: string };
}

/**
 * How per-token losses are averaged. With `triplets` each example is the mean over its own tokens, a batch the mean over its examples; with `tokens` every
 * token of the batch weighs the same.
 */
export type Normalization = MethodSettings['normalize'];

/**
 * Weight of one token of each sequence under a normalization, given the sequences' token counts. One that does
 * not count is undefined, weighs 0 and leaves the means to the others.
 */
export function tokenShares(tokens: readonly (number | undefined)[], normalize: Normalization): number[] {
  const counted = tokens.filter((count) => count !== undefined);
  const total = counted.reduce((sum, count) => sum + count, 0);
  return tokens.map((count) => {
    if (count === undefined) return 0;
    return normalize === 'tokens' ? 1 / total : 1 / (count * counted.length);
  });
}

/**
 * The weights of a distillation: the responses of `whom` count by their comparison where they have the teacher's
 * sequence; of the others satisfactory ones alone count, with `alignP`, by their plain likelihood. Means are over those that count.
 */
export const weighTaught =
  (
    teacher: Role,
    { alignP, normalize }: { readonly alignP: boolean; readonly normalize: Normalization },
    whom: 'rejected' | 'all' = 'rejected',
  ): Objective['weigh'] =>
  (batch) => {
    const taught = batch.map(
      ({ rejected, tokens }) => (whom === 'all' || rejected) && tokens[teacher] !== undefined,
    );
    const shares = tokenShares(
      batch.map(({ rejected, tokens }, i) => (taught[i] || (alignP && !rejected) ? tokens.plain : undefined)),
      normalize,
    );
    return shares.map((share, i) =>
      taught[i] ? { likelihood: {}, comparison: share } : { likelihood: { plain: share }, comparison: 0 },
    );
  };
