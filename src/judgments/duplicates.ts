// Rows that say the same thing twice, and rows that contradict each other. It knows exact equality only.
import { hash } from 'node:crypto';
import { labelOf } from './triplet.ts';
import { promptKey } from '../rows/conversation.ts';
import type { Triplet } from './triplet.ts';

/** Why a triplet resembles an earlier one with the same instruction, input and response. */
export type DuplicateKind =
  /** The judgment and the label are the same too. */
  | 'duplicate'
  /** Another critique, both unsatisfactory; or another praise. */
  | 'judged-again'
  /** One says satisfactory, the other does not. */
  | 'contradicting';

export interface Duplicate {
  readonly kind: DuplicateKind;
  /** The earlier one. */
  readonly first: Triplet;
}

/** Looks at triplets one after the other: what each is to one that came before it; null where there is no such. */
export function duplicateFinder(): (triplet: Triplet) => Duplicate | null {
  const seen = new Map<string, Triplet[]>();
  return (triplet) => {
    const key = contentKey(triplet);
    const earlier = seen.get(key);
    if (earlier === undefined) {
      seen.set(key, [triplet]);
      return null;
    }
    const found = resemblance(earlier, triplet);
    earlier.push(triplet);
    return found;
  };
}

function resemblance(earlier: readonly Triplet[], triplet: Triplet): Duplicate {
  const label = labelOf(triplet);
  const contradicting = earlier.find((each) => labelOf(each) !== label);
  if (contradicting !== undefined) return { kind: 'contradicting', first: contradicting };
  const same = earlier.find(({ judgment }) => (judgment ?? '') === (triplet.judgment ?? ''));
  return same === undefined
    ? { kind: 'judged-again', first: earlier[0]! }
    : { kind: 'duplicate', first: same };
}

/** A digest, so that memory does not grow with the length of the rows. */
const contentKey = (triplet: Triplet): string =>
  hash('sha256', JSON.stringify([...promptKey(triplet), triplet.output]), 'base64');
