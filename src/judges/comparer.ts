// What a comparer is: something that says which of two responses to one instruction is better. Knows no way of asking
// one.
import type { PromptFields } from '../rows/conversation.ts';
import type { JudgeUsage, Unscored } from './judge.ts';

/** Two responses in the order in which they are shown. `id` is the caller's, unique within a call. */
export interface PairRequest extends PromptFields {
  readonly id: string;
  readonly output_1: string;
  readonly output_2: string;
}

export interface Compared {
  readonly id: string;
  /** From 1, the first response is better, to 2, the second is; 1.5 is a draw. */
  readonly preference: number;
}

export type Comparison = Compared | Unscored;

export const isCompared = (comparison: Comparison): comparison is Compared => !('unscored' in comparison);

export interface CompareCall {
  /** Hears each comparison as it arrives, in any order, and is awaited. */
  readonly onComparison: (comparison: Comparison) => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface Comparer {
  /** As a person would name it, without secrets. */
  readonly name: string;
  /** Equal for comparers that ask the same in the same words of the same model. */
  readonly fingerprint: string;
  /** Whether it sees both responses at once, so that their order may matter. */
  readonly ordered: boolean;
  /** Compares every pair; `onComparison` is called once for each, unless the call throws. Throws as `Judge.judge`. */
  compare(pairs: readonly PairRequest[], call: CompareCall): Promise<void>;
  usage(): JudgeUsage;
  close(): Promise<void>;
}
