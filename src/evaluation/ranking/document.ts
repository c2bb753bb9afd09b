// A question whose possible answers are ranked by likelihood. Knows no benchmark's columns.
import type { Place } from '../../errors.ts';

export interface RankingDocument {
  /** The prompt that the choices continue, without examples before it. */
  readonly question: string;
  /** At least one. The model is asked for " " and a choice. */
  readonly choices: readonly string[];
  /** For each choice whether it is true; the first true one answers an example. */
  readonly truth: readonly boolean[];
  /** The row as the data has it: a document is never an example of itself. */
  readonly row: unknown;
  readonly location: Place;
}

/** Index of the right answer. */
export const goldOf = ({ truth }: RankingDocument): number => truth.indexOf(true);
