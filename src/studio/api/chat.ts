// What the Chat room's page and server say to each other. Types only: both sides have them. Positions are code points.

/** The topic "chat": what is so, whole, at first and after each change. */
export interface ChatState {
  /** Null where no model was named: then there is nobody to talk to, and the rest is empty. */
  readonly model: string | null;
  /** Counts the changes, so that a page can tell what is older than what it has sent. */
  readonly revision: number;
  /** Whether what was said before is shown to the model; else every message is an instruction of its own. */
  readonly remembers: boolean;
  /** What is flagged where the slider has not been moved. */
  readonly lambda: number;
  /** Of the conversation that goes on now. */
  readonly answers: readonly ChatAnswer[];
  /** Messages that an empty page offers. */
  readonly prompts: readonly string[];
  readonly learning: LearnState;
}

export interface ChatAnswer {
  readonly id: string;
  readonly message: string;
  readonly text: string;
  /** The version that gave it. */
  readonly version: number;
  /** Whether it ends where the model ended it. */
  readonly whole: boolean;
  readonly verdict: Verdict | null;
}

export type Verdict =
  | { readonly kind: 'perfect' }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'wrong'; readonly words: string; readonly marks: readonly CodePoints[] };

/** What a judgment is answered with: the first revision that has it. */
export interface Judged {
  readonly revision: number;
}

/** [from, to) in the answer's text. */
export type CodePoints = readonly [from: number, to: number];

export interface LearnState {
  /** Judgments that the present version has not learned from. */
  readonly fresh: number;
  readonly canLearn: boolean;
  readonly progress: LearnProgress | null;
  /** The version whose training was cut off; it is gone on with by the next. */
  readonly unfinished: number | null;
  /** Why the last training came to nothing. */
  readonly problem: string | null;
  readonly inUse: number;
  readonly versions: readonly ChatVersion[];
}

export interface LearnProgress {
  readonly phase: 'training' | 'comparing' | 'answering';
  readonly done: number;
  readonly total: number;
  /** Of this phase; null before anything tells. */
  readonly secondsLeft: number | null;
}

export interface ChatVersion {
  readonly version: number;
  /** ISO 8601. */
  readonly at: string;
  readonly from: number | null;
  readonly judgments: number;
  /** Why it did not take over by itself. */
  readonly heldBack: string | null;
  /** The prompts that it learned from, as they were answered before and are now; null until they have been. */
  readonly again: readonly BeforeAfter[] | null;
  /** Other prompts, answered before and after; null where none were asked. */
  readonly others: {
    readonly changed: number;
    /** Nats a token; null where it could not be told. */
    readonly meanKl: number | null;
    readonly answers: readonly BeforeAfter[];
  } | null;
}

export interface BeforeAfter {
  readonly message: string;
  readonly before: string;
  readonly after: string;
  /** What was said of the answer before. */
  readonly judgment: string | null;
}

/** POST /api/chat/messages: events of the answer as it grows; the whole answer is the last. */
export interface SendMessage {
  readonly message: string;
  /** Whether the message is at the same time the judgment of the answer before it. */
  readonly judges: boolean;
}
export type AnswerEvent =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'answer'; readonly answer: ChatAnswer };

/** POST /api/chat/scores */
export interface ScoreAnswer {
  readonly answer: string;
  readonly judgment: string;
}
export interface AnswerScores {
  readonly tokens: readonly CodePoints[];
  /** Log-probs in nats, without the judgment and with it; the end token's is the last. */
  readonly plain: readonly number[];
  readonly judged: readonly number[];
}

/** POST /api/chat/judgments; the state that follows comes by the topic. */
export interface JudgeAnswer {
  readonly answer: string;
  /** Null takes back what was said. */
  readonly verdict: Verdict | null;
}

/** POST /api/chat/use */
export interface UseVersion {
  readonly version: number;
}
