// How far a judge agrees with judgments that it was not trained on. Knows decisions, not how they were made.
import { bootstrapMean } from '../evaluation/index.ts';

/** What the data says of a response and what the judge says; null where its reply could not be read. */
export interface DecisionPair {
  readonly expected: boolean;
  readonly found: boolean | null;
}

/** agreement.json. Shares in [0, 1]; null where there was nothing to divide by. "Not perfect" is the positive class. */
export interface Agreement {
  readonly rows: number;
  /** Rows that the data finds not perfect. */
  readonly not_perfect: number;
  /** Share of rows with the data's decision; a reply that cannot be read agrees with nothing. */
  readonly accuracy: number;
  /** 95% interval of the bootstrap over rows. */
  readonly accuracy_interval: readonly [low: number, high: number];
  /** Accuracy of always giving the more frequent decision of these rows. */
  readonly majority_accuracy: number;
  /** Of the responses that the judge finds not perfect, those that the data does too. */
  readonly precision: number | null;
  /** Of the responses that the data finds not perfect, those that the judge does too. */
  readonly recall: number | null;
  readonly f1: number | null;
  /** Share of replies that could not be read. */
  readonly unreadable: number;
}

/** Null for no rows. */
export function agreementOf(pairs: readonly DecisionPair[]): Agreement | null {
  if (pairs.length === 0) return null;
  const count = (is: (pair: DecisionPair) => boolean): number => pairs.filter(is).length;
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  const notPerfect = count(({ expected }) => !expected);
  const rejected = count(({ found }) => found === false);
  const both = count(({ expected, found }) => !expected && found === false);
  const { value, low, high } = bootstrapMean([
    pairs.map(({ expected, found }) => Number(expected === found)),
  ]);
  return {
    rows: pairs.length,
    not_perfect: notPerfect,
    accuracy: value,
    accuracy_interval: [low, high],
    majority_accuracy: Math.max(notPerfect, pairs.length - notPerfect) / pairs.length,
    precision: share(both, rejected),
    recall: share(both, notPerfect),
    f1: share(2 * both, rejected + notPerfect),
    unreadable: count(({ found }) => found === null) / pairs.length,
  };
}
