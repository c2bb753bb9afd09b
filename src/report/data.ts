// What a report shows, as plain records that survive JSON. It knows nothing of how they were measured or are drawn.
// Numbers that JSON cannot hold (a log-prob of minus infinity, a loss that is not a number) are null.
import type { BarFigure } from './bar-figure.ts';
import type { LineFigure } from './line-figure.ts';

/** Everything that `renderReport` shows. Only `title` and `date` are required; a section without data is absent. */
export interface ReportData {
  readonly title: string;
  /** One or two sentences below the title: what was trained on what. */
  readonly summary?: string;
  /** What a reader should know of what is shown and what is not: a run that was stopped, a bound that was reached. */
  readonly notes?: readonly string[];
  /** When the run ended, as it is to be read, for instance "2025-03-01 14:05 UTC". Shown as given. */
  readonly date: string;
  readonly headline?: Headline;
  /** One entry a training run (a seed, a method, a round); one entry alone needs no telling name. */
  readonly curves?: readonly TrainingCurve[];
  readonly families?: readonly FamilyResult[];
  readonly heatMaps?: readonly TokenHeatMap[];
  /** Which words were flagged most, of how many responses. */
  readonly flaggedWords?: FlaggedWords;
  /** What the answers are to, and how they were drawn. */
  readonly answersNote?: string;
  readonly answers?: readonly AnswerPair[];
  /** Further results, each drawn as `barFigure` or `lineFigure` draws it. */
  readonly figures?: readonly ReportFigure[];
  /** The resolved configuration of the run. Nested records are shown with dotted keys. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** Names of the settings that matter, shown first; all, if left out. Null ones are never shown. */
  readonly keySettings?: readonly string[];
  /** How to go on from here, the last section. */
  readonly use?: readonly UseEntry[];
  readonly provenance?: Provenance;
}

/** A measured number and the interval around it, in the number's own unit. */
export interface Estimate {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** Share of satisfactory answers, 0 to 1. */
export interface SuccessRate extends Estimate {
  /** How many answers were satisfactory, and of how many; shown where both are given. */
  readonly successes?: number;
  readonly count?: number;
}

export interface Headline {
  readonly success?: {
    readonly before: SuccessRate;
    readonly after: SuccessRate;
    /** After minus before, as a share from -1 to 1. Computed, without an interval, if absent. */
    readonly difference?: Estimate;
    /** What was counted, for instance "held-out test instructions with a satisfactory greedy answer". */
    readonly of: string;
    /** What the intervals are, for instance "95% Wilson intervals". */
    readonly interval?: string;
  };
  /** What was learned, as shares of the model before and after. */
  readonly changes?: {
    readonly of: readonly Change[];
    /** What was measured, a sentence. */
    readonly note: string;
  };
  /** For instance { label: 'Training', seconds: 7.2 }. */
  readonly durations?: readonly { readonly label: string; readonly seconds: number }[];
  readonly seeds?: readonly number[];
  /** Anything else worth a large figure. Numbers are shown with thousands separated. */
  readonly facts?: readonly {
    readonly label: string;
    readonly value: string | number;
    readonly note?: string;
  }[];
}

/** A share from 0 to 1, before and after. */
export interface Change {
  readonly label: string;
  readonly before: number;
  readonly after: number;
  /** For instance "14 tokens of 12 responses". */
  readonly note?: string;
}

export interface FlaggedWords {
  /** Most often flagged first. */
  readonly words: readonly { readonly text: string; readonly count: number }[];
  /** What they were counted in, a sentence. */
  readonly note: string;
}

/** Lines to copy. */
export interface UseEntry {
  readonly title: string;
  readonly text?: string;
  readonly blocks: readonly {
    /** What to save the block as, where it is a file. */
    readonly file?: string;
    readonly code: string;
  }[];
}

export interface TrainingCurve {
  /** For instance "seed 1". */
  readonly name: string;
  readonly steps: readonly StepPoint[];
}

/** One optimizer step; the training loop's own step records fit as they are. */
export interface StepPoint {
  /** Counted from 1. */
  readonly step: number;
  /** Nats. */
  readonly loss: number | null;
  /** Named parts of the loss in nats, for instance { l1, l2 }. */
  readonly parts?: Readonly<Record<string, number | null>>;
  /** Share of the contrasted tokens that were flagged, 0 to 1; null for a batch that contrasted none. */
  readonly flaggedFraction?: number | null;
  readonly learningRate?: number | null;
}

/** Success within one family of instructions. */
export interface FamilyResult {
  readonly title: string;
  readonly before: SuccessRate;
  readonly after: SuccessRate;
}

/** A stretch of text that is wrong, in code points, end exclusive. An empty one says that something is missing there. */
export interface ErrorSpan {
  readonly start: number;
  readonly end: number;
  /** For instance "off by one". */
  readonly kind?: string;
}

/** One judged response, token by token, before and after the judgment is read. */
export interface TokenHeatMap {
  /** Title of the instruction's family. */
  readonly family?: string;
  readonly instruction: string;
  readonly judgment: string | null;
  readonly response: string;
  /** In the response's order. */
  readonly tokens: readonly HeatToken[];
  /** Where the response is known to be wrong. */
  readonly errors?: readonly ErrorSpan[];
  /** A token is flagged from this ratio of judged to plain probability on. */
  readonly lambda?: number;
}

export interface HeatToken {
  /** As the vocabulary spells it; shown where the token has no characters of its own (the end token). */
  readonly text: string;
  /** Code points of the response, end exclusive. */
  readonly start: number;
  readonly end: number;
  /** log p of the token after the plain prompt, nats. */
  readonly plain: number | null;
  /** log p after the prompt that shows the judgment, nats; null or absent if there is none. */
  readonly judged?: number | null;
  readonly flagged: boolean;
}

/** The answers of the model before and after alignment to one instruction. */
export interface AnswerPair {
  readonly family?: string;
  readonly instruction: string;
  readonly before: JudgedAnswer;
  readonly after: JudgedAnswer;
}

export interface JudgedAnswer {
  readonly text: string;
  /** Null where nobody judged. */
  readonly satisfactory: boolean | null;
  /** What the judge wrote, if anything. */
  readonly judgment?: string | null;
  readonly errors?: readonly ErrorSpan[];
}

/** A figure of its own, with the words around it. */
export type ReportFigure = { readonly heading: string; readonly caption?: string } & (
  | { readonly kind: 'bars'; readonly figure: BarFigure }
  | { readonly kind: 'lines'; readonly figure: LineFigure }
);

export type SettingValue =
  string | number | boolean | null | readonly SettingValue[] | { readonly [name: string]: SettingValue };

/** Where the run came from, each part shown as given. */
export interface Provenance {
  /** The command line that made the run. */
  readonly command?: string;
  /** By name, for instance { whetstone: '0.1.0', node: 'v20.20.0' }. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Anything else by name: machine, commit, digests of model and data. */
  readonly facts?: Readonly<Record<string, string>>;
}
