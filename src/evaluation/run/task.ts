// What an evaluation measures: items that are scored on their own, and figures made of their results. A new kind of
// measurement is a function that returns an `EvaluationTask`. Knows no kind.
import type { Subject } from '../subject/subject.ts';

export interface MeasureSettings {
  readonly signal: AbortSignal;
  /** Hears each result as soon as it is there, in any order, and is awaited. The result is kept as JSON. */
  onResult(this: void, item: string, result: object): void | Promise<void>;
}

export interface EvaluationItem {
  /** Unique in its task. */
  readonly id: string;
  /** Digest of everything that its result depends on but for the subject: equal where the result would be equal. */
  readonly key: string;
}

export interface EvaluationTask {
  /** Unique in an evaluation; names a file. */
  readonly name: string;
  /** Settings and data with their digests: for the record of an evaluation. */
  readonly description: Readonly<Record<string, unknown>>;
  /** In the order in which they are measured. */
  readonly items: readonly EvaluationItem[];
  /** Measures those of the items that have no result yet. Throws the signal's reason after an abort. */
  measure(subject: Subject, pending: readonly string[], settings: MeasureSettings): Promise<void>;
  /** Whether a value read from a file is a result of this task. */
  isResult(value: object): boolean;
  /** Figures from all results, one for each item, in their order. The first is the task's headline. */
  figures(results: readonly object[]): readonly Figure[];
  /** What a reader of the figures should know of how they came about, a sentence each. */
  remarks?(results: readonly object[]): readonly string[];
  /** Writes files of a subject's results for other tools into `folder`, which need not be there yet. */
  write?(folder: string, subject: string, results: readonly object[]): Promise<void>;
}

export interface Figure {
  /** What was measured: the task, or a part of it. */
  readonly name: string;
  readonly metric: string;
  readonly value: number;
  /** Standard error; null where the figure has none. */
  readonly stderr: number | null;
  /** Items that count, and items that there are. */
  readonly scored: number;
  readonly total: number;
  /** How it is written: a share of 1 in per cent, or a number. */
  readonly unit: 'share' | 'number';
  /**
   * One number for each item, in an order that does not depend on the subject, whose mean is `value`, for paired
   * comparisons; null for an item without score. Null as a whole where the figure is no mean.
   */
  readonly scores: readonly (number | null)[] | null;
  /** A part of a part, which tables on a terminal leave out. */
  readonly detail?: true;
  /** Tables say how many items count even where all do. */
  readonly counted?: true;
}
