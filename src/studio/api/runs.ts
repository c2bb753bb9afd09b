// What the Runs room's page and server say to each other. Types only: both sides have them. Numbers that JSON cannot
// hold (a loss that is not a number) are null.
import type { LineFigure } from '../../report/line-figure.ts';

/** The topic "runs": what lies in the folder, at first and after each change. */
export interface RunsState {
  readonly folder: string;
  /** The one that changed last first. */
  readonly runs: readonly RunRow[];
  /** Runs that there are beyond those. */
  readonly more: number;
}

export type Standing = 'going on' | 'complete' | 'stopped';

export interface RunRow {
  /** Its folder, from the folder of runs: what addresses and topics call it. */
  readonly name: string;
  /** "align", "online" or "train-judge"; of a damaged record as it says. */
  readonly kind: string;
  readonly method: string | null;
  /** Folder or file name alone. */
  readonly model: string | null;
  readonly data: string | null;
  readonly standing: Standing;
  /** Optimizer steps done; of an online run, those of the round under way. */
  readonly step: number;
  /** Null before the first step tells. */
  readonly totalSteps: number | null;
  /** Of an online run: the round under way, and how many there will be. */
  readonly round: { readonly at: number; readonly of: number } | null;
  /** Of the last step, nats. */
  readonly loss: number | null;
  /** Some losses from the first step to the last, at even distances. */
  readonly trend: readonly (number | null)[];
  /** When something was written last, ISO 8601. */
  readonly changed: string;
  /** Why it cannot be shown as it should. */
  readonly problem: string | null;
}

/** The topic "run:NAME": what is so, at first and after each change; { problem } where there is no such run. */
export type RunNews = RunState | { readonly problem: string };

export interface RunState {
  readonly run: RunRow;
  /** Changes with each step that is read; curves that were asked for before it are then behind. */
  readonly revision: number;
  /** Steps of all rounds, counted through. */
  readonly steps: number;
  /** Of the training under way; null where nothing is under way or nothing tells yet. */
  readonly secondsLeft: number | null;
  /** Names of what there are curves of. */
  readonly quantities: readonly string[];
  /** Those that differ from the defaults, and what the run is about, first. */
  readonly settings: readonly RunSetting[];
  readonly rounds: RunRounds | null;
  readonly notes: readonly string[];
  /** How it is gone on with, or begun anew. */
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface RunSetting {
  readonly name: string;
  readonly value: string;
  readonly matters: boolean;
}

/** Of an online run, the rounds that are complete. */
export interface RunRounds {
  /** Shares of satisfactory responses, with intervals. */
  readonly figure: LineFigure;
  /** The same held-out prompts, answered after each round; round 0 is before training. */
  readonly answers: readonly {
    readonly prompt: string;
    readonly answers: readonly {
      readonly round: number;
      readonly text: string;
      readonly satisfactory: boolean;
      readonly judgment?: string | null;
    }[];
  }[];
}

/**
 * GET /api/runs/curves?run=NAME&from=STEP&to=STEP&points=N: the steps from `from` to `to`, and as many again around them, in
 * buckets of neighbours. Steps count through the rounds of an online run.
 */
export interface RunCurves {
  readonly revision: number;
  /** Of the whole run. */
  readonly first: number;
  readonly last: number;
  /** Steps in a bucket. */
  readonly every: number;
  /** The lines are means over so many steps; 1: they are the steps themselves. */
  readonly window: number;
  /** The middle step of each bucket. */
  readonly steps: readonly number[];
  readonly series: Readonly<Record<string, RunSeries>>;
}

export interface RunSeries {
  /** Running means; of the learning rate, which does not jump, those of the bucket. */
  readonly line: readonly (number | null)[];
  /** The extremes of each bucket, so that no spike is lost; null where every bucket is one step and none is averaged. */
  readonly low: readonly (number | null)[] | null;
  readonly high: readonly (number | null)[] | null;
}
