// What a kind of judge is: how it is named by a short text, and what can be done with one that is named. Knows no kind.
import type { TokenCounts } from '../openai/cost.ts';
import type { Comparer } from './comparer.ts';
import type { Judge, JudgeRequest } from './judge.ts';
import type { JudgeSettings } from './settings.ts';

export interface JudgeKind {
  /** Unique. */
  readonly name: string;
  /** How it is written, what it is, and an example: a line of help. */
  readonly form: string;
  readonly what: string;
  readonly example: string;
  /**
   * The judge that a text names, which is not opened; null where the text names another kind. Throws WhetstoneError
   * `INVALID_OPTION` where it means this kind, and names nothing.
   */
  named(this: void, spec: string): NamedJudge | null;
}

export interface NamedJudge {
  /** A text that names the same judge from whatever folder. */
  readonly absolute: string;
  /** Opens it; sends nothing yet. */
  open(this: void, settings: JudgeSettings): Promise<Judge>;
  /** Opens it as one that is shown two responses at once; left out, or null, where it cannot be. */
  openComparer?(this: void, settings: JudgeSettings): Promise<Comparer | null>;
  /** What judging would cost; left out for judges that neither count tokens nor ask for money. */
  estimate?(this: void, settings: JudgeSettings, rows: readonly JudgeRequest[]): Promise<JudgingEstimate>;
}

export interface JudgingEstimate {
  /** Calls if every reply can be read, and if every row has to be asked twice. */
  readonly calls: { readonly about: number; readonly most: number };
  /** Rows whose reply is in the cache already. */
  readonly cached: number;
  /** Tokens; the most are those of long replies to rows that are all asked twice. */
  readonly about: TokenCounts;
  readonly most: TokenCounts;
  /** In the currency of the prices; null where a price is not known. */
  readonly cost: { readonly about: number; readonly most: number } | null;
}
