// The judged triplet, the one record that every layer below works on, and the rule that labels it.
// It knows nothing of files, tokens or models.
import type { PromptFields } from '../rows/conversation.ts';
import type { RowId } from '../rows/fields.ts';
import type { RowSource } from '../rows/rows.ts';
import type { Span } from '../rows/unicode.ts';

/** Where a triplet came from. */
export interface TripletSource extends RowSource {
  /** Which triplet of the row, where a row of the source holds several: "completions[2]". */
  readonly part?: string;
}

/** An instruction x, or a conversation that ends with one, a response y and a judgment j of that response. */
export interface Triplet extends PromptFields {
  /** The response that was judged. */
  readonly output: string;
  /** What the judge wrote; null if the response is satisfactory and nothing was written. */
  readonly judgment: string | null;
  /** The judge's mark from 1 to 10, where the source has one on that scale. */
  readonly score?: number;
  /** An improved response, where the source has one: what ILF learns from and DPO prefers. */
  readonly revision?: string;
  /**
   * Where somebody has marked what is wrong: code points of the response, [start, end); an empty span is a place where
   * something is missing. Absent where nobody has marked any, an empty list where there was nothing to mark.
   */
  readonly errors?: readonly Span[];
  /** A satisfactory response to the same prompt, where a method has asked: see siblings.ts. */
  readonly sibling?: string;
  /** How much better it is than other attempts, where a method has asked: see advantages.ts. */
  readonly advantage?: number;
  /** The source's own name for the row. */
  readonly id?: RowId;
  readonly source: TripletSource;
}

/** A triplet in memory; without a source it is named by its place among the others. */
export type GivenTriplet = Omit<Triplet, 'source'> & Partial<Pick<Triplet, 'source'>>;

export const withSource = (triplet: GivenTriplet, i: number): Triplet => ({
  ...triplet,
  source: triplet.source ?? { file: 'triplets', row: i + 1 },
});

/** "align-p": the response is satisfactory. "align-n": the judgment says what is wrong with it. */
export type Label = 'align-p' | 'align-n';

/** A score from here on makes a row satisfactory, whatever its judgment says (arXiv 2312.14591, released code). */
export const SATISFACTORY_SCORE = 7;

/** Which clause of the label rule decided. */
export type LabelReason = 'score' | 'no-judgment' | 'begins-with-perfect' | 'judgment';

// "Perfect" as a whole word: "Perfectly" does not count. \b knows ASCII letters only, hence the lookahead.
const BEGINS_WITH_PERFECT = /^\s*perfect(?![\p{L}\p{M}\p{N}_])/iu;

/** The clause of the rule that gives a triplet its label; everything but 'judgment' makes it satisfactory. */
export function labelReason({ judgment, score }: Pick<Triplet, 'judgment' | 'score'>): LabelReason {
  if (score !== undefined && score >= SATISFACTORY_SCORE) return 'score';
  if (wordsOf({ judgment }) === null) return 'no-judgment';
  return isPraise(judgment) ? 'begins-with-perfect' : 'judgment';
}

/**
 * Satisfactory if the judgment is null, blank or begins with the word "Perfect" in any case, or if the score
 * is 7 or more; unsatisfactory otherwise.
 */
export function labelOf(triplet: Pick<Triplet, 'judgment' | 'score'>): Label {
  return labelReason(triplet) === 'judgment' ? 'align-n' : 'align-p';
}

/** The judgment in words; null where nothing was written. */
export function wordsOf({ judgment }: Pick<Triplet, 'judgment'>): string | null {
  return judgment === null || judgment.trim() === '' ? null : judgment;
}

/** Words of approval that the data itself has: they begin with "Perfect". */
export function isPraise(words: string | null): boolean {
  return words !== null && BEGINS_WITH_PERFECT.test(words);
}
