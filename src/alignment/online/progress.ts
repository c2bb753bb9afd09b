// What an online run tells while it works, and what it sums up. Types only.
import type { StepRecord } from '../metrics.ts';
import type { JudgedCounts, Part } from './history.ts';
import type { Note } from '../../words/note.ts';

export type OnlineProgress =
  | {
      readonly kind: 'responding' | 'judging';
      readonly round: number;
      readonly part: Part;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly kind: 'training';
      readonly round: number;
      readonly totalSteps: number;
      readonly doneSteps: number;
      /** Null before the first step of this session. */
      readonly record: StepRecord | null;
    }
  | { readonly kind: 'evaluated'; readonly round: number; readonly evaluation: Evaluation }
  | { readonly kind: 'round'; readonly summary: RoundSummary }
  | { readonly kind: 'note'; readonly note: Note };

export interface Evaluation extends JudgedCounts {
  /** Share of the scored responses that are satisfactory; null if none was scored. */
  readonly successRate: number | null;
}

export interface RoundSummary extends JudgedCounts {
  readonly round: number;
  /** Responses that reached the limit of tokens. */
  readonly unfinished: number;
  readonly suspicious: number;
  /** Triplets that were trained on, those of earlier rounds and of --mix included. */
  readonly trainedRows: number;
  readonly steps: number;
  /** After the round; null where nothing is evaluated. */
  readonly evaluation: Evaluation | null;
}

export const evaluationOf = (counts: JudgedCounts): Evaluation => {
  const { satisfactory, unsatisfactory, unscored } = counts;
  const scored = satisfactory + unsatisfactory;
  return {
    satisfactory,
    unsatisfactory,
    unscored,
    successRate: scored === 0 ? null : satisfactory / scored,
  };
};
