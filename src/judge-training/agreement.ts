// How far a judge agrees with judgments that it was not trained on. Knows decisions, not how they were made.
import { bootstrapMean } from '../evaluation/index.ts';
import type { Agreement } from '../judges/local/agreement.ts';

/** What the data says of a response and what the judge says; null where its reply could not be read. */
export interface DecisionPair {
  readonly expected: boolean;
  readonly found: boolean | null;
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
