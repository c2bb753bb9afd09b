// What the Judge room's page and server say to each other. Types only: both sides have them. Rows count from 0, positions
// in a response are code points.
import type { PairAgreement, PersonCounts } from '../../judges/person/counts.ts';
import type { Message } from '../../rows/conversation.ts';
import type { Verdict } from './chat.ts';

/** The topic "judge": what there is to judge. */
export interface JudgeState {
  readonly queues: readonly QueueEntry[];
  /** The queue that the studio was started for; null: one is picked. */
  readonly given: string | null;
  /** A name for whoever judges on this machine; empty where others reach the page. */
  readonly person: string;
  /** Folder whose files can be picked. */
  readonly folder: string;
}

export interface QueueEntry {
  readonly name: string;
  /** Where it is open: how many rows have an outcome. */
  readonly open: { readonly settled: number; readonly total: number } | null;
}

/** The topic 'queue:["NAME","PERSON"]', whose listeners are there as that person; "PERSON" may be empty. */
export type QueueEvent = QueueState | { readonly failed: string };

export interface QueueState {
  readonly name: string;
  readonly title: string;
  /** Changes when other rows take the place of those that were there. */
  readonly serial: number;
  readonly total: number;
  readonly settled: number;
  /** Rows that the person has judged or skipped. */
  readonly own: number;
  readonly people: readonly (PersonCounts & { readonly present: boolean })[];
  readonly agreement: readonly PairAgreement[];
  /** Rows that some call satisfactory and others not; the first of them, and how many there are. */
  readonly apart: { readonly rows: readonly number[]; readonly count: number };
  /** The file that the judged rows go to; null where a command waits for them. */
  readonly out: string | null;
  /** Rows in that file as it was written last; null where it was not. */
  readonly written: number | null;
  /** Why it could not be written. */
  readonly problem: string | null;
}

export interface QueueRow {
  readonly row: number;
  readonly serial: number;
  /** The conversation that the response responds to; the user has the last word. */
  readonly messages: readonly Message[];
  readonly output: string;
  readonly verdict: Verdict | null;
  /** What others said; told only to those who have said something themselves. */
  readonly others: readonly { readonly person: string; readonly verdict: Verdict }[];
}

/** POST /api/judge/next; answered with RowAnswer, as is POST /api/judge/row { queue, person, row } */
export interface NextRow {
  readonly queue: string;
  readonly person: string;
  /** Also rows that others have judged. */
  readonly others: boolean;
}

export interface RowAnswer {
  readonly row: QueueRow | null;
}

/** POST /api/judge/opinions */
export interface SayOpinion extends NextRow {
  readonly row: number;
  readonly serial: number;
  readonly verdict: Verdict;
}

export interface OpinionTaken extends RowAnswer {
  /** How it counts. */
  readonly counts: 'satisfactory' | 'unsatisfactory' | 'skipped';
  /** Praise that counts as criticism, or criticism that counts as praise, in the opinion of a simple reading. */
  readonly suspicious: 'praise' | 'criticism' | null;
}

/** POST /api/judge/undo: the row, and what is no longer said of it; null where there is nothing to take back. */
export interface Undone {
  readonly undone: { readonly row: QueueRow; readonly verdict: Verdict } | null;
}
