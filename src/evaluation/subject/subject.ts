// What is evaluated: a model that tells how likely it finds texts, and that answers instructions. Knows neither tasks
// nor where the model runs.
import type { Place } from '../../errors.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Response, ResponseSettings } from '../../generation/index.ts';
import type { PromptText } from '../../rows/conversation.ts';
import type { PromptTemplate, Tokenizer } from '../../tokens/index.ts';

/** Continuations of one context, as texts. */
export interface LikelihoodRequest {
  readonly context: string;
  /** At least one; none of them empty. */
  readonly continuations: readonly string[];
  /** Where the request comes from, for errors. */
  readonly location?: Place;
}

export interface LikelihoodResult {
  /** Sum of the tokens' log-probs in nats, one for each continuation. */
  readonly logLikelihoods: readonly number[];
  /** Tokens at the beginning of the context that there was no room for: the most that any continuation cost. */
  readonly truncated: number;
}

export interface LikelihoodSettings {
  readonly signal: AbortSignal;
  /** Hears each result as soon as it is there, in any order, and is awaited. */
  onResult(this: void, index: number, result: LikelihoodResult): void | Promise<void>;
}

/** A model that is open. `close` ends whatever runs for it. */
export interface Subject {
  /**
   * Log-likelihoods of continuations as lm-evaluation-harness computes them (`requestTokens`). Throws the signal's
   * reason after an abort, and WhetstoneError `EMPTY_CONTINUATION` and `CONTINUATION_TOO_LONG` with the request's
   * location.
   */
  logLikelihoods(requests: readonly LikelihoodRequest[], settings: LikelihoodSettings): Promise<void>;
  /** Answers to instructions, in their order. */
  respond(prompts: readonly PromptText[], settings: ResponseSettings): Promise<Response[]>;
  /** The model itself where it runs in this process; null behind a server. */
  readonly local: LocalModel | null;
  close(): Promise<void>;
}

export interface LocalModel {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
  /** Read when first asked for: rankings do without. */
  readonly template: () => Promise<PromptTemplate>;
  /** Longest sequence that the model reads. */
  readonly maxLength: number;
}

/** A model that can be opened when its turn comes. */
export interface SubjectSource {
  /** Unique in an evaluation; stands in its tables and names a folder. */
  readonly name: string;
  /** What the user named, and its digests: for the record of an evaluation. */
  readonly description: Readonly<Record<string, unknown>>;
  /** Equal where the results would be equal. */
  readonly fingerprint: string;
  open(): Promise<Subject>;
}
