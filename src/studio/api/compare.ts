// What the Compare room's page and server say to each other. Types only: both sides have them.

/** The topic "compare": what is so, at first and after each change. */
export interface CompareState {
  readonly contenders: readonly Contender[];
  /** Prompts that the studio was given. */
  readonly prompts: readonly string[];
  /** The pair that was asked last, until the next is asked; null before the first. */
  readonly pair: ComparedPair | null;
  /** Of every two that were voted on, the last one first. */
  readonly tallies: readonly Tally[];
  /** Votes that can be taken back one after the other. */
  readonly canUndo: boolean;
}

/** A model or an adapter that can be asked. */
export interface Contender {
  readonly id: string;
  readonly title: string;
  /** What it is: "the model as it is", "learned in Chat", "a run". */
  readonly note: string;
  /** Names its files, which others may have under another name. */
  readonly identity: string;
}

export type Side = 'A' | 'B';
export type Vote = Side | 'alike';

export interface ComparedPair {
  readonly id: string;
  readonly prompt: string;
  readonly texts: Readonly<Record<Side, string>>;
  /** Who answered; null while a blind pair has no vote. */
  readonly titles: Readonly<Record<Side, string>> | null;
  readonly vote: Vote | null;
}

/** Of votes between two, whichever side they stood on. */
export interface Tally {
  readonly first: string;
  readonly second: string;
  /** A contender has it if it still is as it was. */
  readonly identities: readonly [first: string, second: string];
  /** Share of votes that the first won, a vote for both alike being half of one; 0 to 1. */
  readonly winRate: number;
  /** 95% interval of the bootstrap over votes. */
  readonly low: number;
  readonly high: number;
  readonly wins: number;
  readonly losses: number;
  readonly alike: number;
  /** Prompts that were voted on. */
  readonly prompts: readonly string[];
}

/** POST /api/compare/pairs: events of both answers as they grow; the topic has the pair when both are whole. */
export interface AskBoth {
  readonly first: string;
  readonly second: string;
  readonly prompt: string;
  /** Whether chance says which side is whose, and nobody until the vote. */
  readonly blind: boolean;
}
export type PairEvent =
  | { readonly kind: 'text'; readonly side: Side; readonly text: string }
  | { readonly kind: 'pair'; readonly pair: ComparedPair };

/** POST /api/compare/votes; POST /api/compare/undo takes the last one back. */
export interface VoteOn {
  readonly pair: string;
  readonly vote: Vote;
}
