// What a judge is: something that says in words what is wrong with a response. Knows no way of asking one.
import { WhetstoneError } from '../errors.ts';
import type { ClientUsage } from '../openai/client.ts';
import type { PromptFields } from '../rows/conversation.ts';
import type { Span } from '../rows/unicode.ts';

/** A response to be judged. `id` is the caller's, unique within a call. */
export interface JudgeRequest extends PromptFields {
  readonly id: string;
  readonly output: string;
  /** What somebody said of the response already; most judges do not hear of it. */
  readonly said?: string;
}

/**
 * What came of a request. A judgment is as in a triplet: null, or words that begin with "perfect", say that the
 * response is satisfactory. Where the judge gave no answer that can be read, `unscored` says why; nothing is made up.
 */
export type Outcome = Judged | Unscored;

export interface Judged {
  readonly id: string;
  readonly judgment: string | null;
  /** Praise that does not begin with "perfect", or criticism that does, in the opinion of a simple reading. */
  readonly suspicious?: 'praise' | 'criticism';
  /** Where the judge marked what is wrong, in code points of the response; left out where nothing was marked. */
  readonly errors?: readonly Span[];
}

export interface Unscored {
  readonly id: string;
  readonly unscored: string;
  /** The judge did answer: there is nothing to judge. */
  readonly settled?: true;
}

export const isJudged = (outcome: Outcome): outcome is Judged => !('unscored' in outcome);

/** What a judge has cost in this process; calls are with re-asks. */
export interface JudgeUsage extends ClientUsage {
  /** Outcomes that came from earlier replies without a call. */
  readonly cached: number;
}

export interface JudgeCall {
  /** Hears each outcome as it arrives, in any order, and is awaited: when it resolves the outcome is safe. */
  readonly onOutcome: (outcome: Outcome) => Promise<void>;
  /** No further request is begun after an abort; those under way, which are paid, are waited for and handed on. */
  readonly signal?: AbortSignal;
  /** A reply that is kept of another occasion is no answer. */
  readonly occasion?: string;
  /** What the requests are, for people who judge: "round 2, held-out". */
  readonly about?: string;
}

export interface Judge {
  /** As a person would name it, without secrets: "gpt-4o at api.openai.com", "cmd: ./critic.sh". */
  readonly name: string;
  /** Equal for judges that ask the same in the same words of the same model; part of what a run records. */
  readonly fingerprint: string;
  /**
   * Judges every request; `onOutcome` is called once for each, unless the call throws. Throws WhetstoneError where
   * going on is pointless: `JUDGE_REFUSED` (wrong key, unknown model), `JUDGE_UNAVAILABLE` (not reached after all
   * retries), `JUDGE_FAILED` (a command or module that fails), `BUDGET_REACHED`, and `STOPPED` after an abort.
   */
  judge(requests: readonly JudgeRequest[], call: JudgeCall): Promise<void>;
  usage(): JudgeUsage;
  /** Bytes that it takes in this process where prompts have so many tokens; left out where it computes elsewhere. */
  readonly memory?: (promptTokens: number) => Promise<number>;
  close(): Promise<void>;
}

/** For `.catch` of what a signal may stop: after an abort its reason becomes `STOPPED`; other errors are passed on. */
export const stoppedBy =
  (signal: AbortSignal | undefined) =>
  (error: unknown): never => {
    if (!signal?.aborted || error instanceof WhetstoneError) throw error;
    throw new WhetstoneError('STOPPED', 'stopped while judging; what was judged is kept', { cause: error });
  };
