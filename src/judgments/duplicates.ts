// Rows that say the same thing twice, and rows that contradict each other. It knows exact equality only.
import { createHash } from 'node:crypto';
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
  /** Positions in the list; `first` < `second`. */
  readonly first: number;
  readonly second: number;
}

/** All triplets whose instruction, input and response occurred before, in order of `second`. */
export function findDuplicates(triplets: readonly Triplet[]): Duplicate[] {
  const seen = new Map<string, number[]>();
  const found: Duplicate[] = [];
  triplets.forEach((triplet, second) => {
    const key = contentKey(triplet);
    const earlier = seen.get(key);
    if (earlier === undefined) {
      seen.set(key, [second]);
      return;
    }
    earlier.push(second);
    found.push(resemblance(triplets, earlier, second));
  });
  return found;
}

function resemblance(triplets: readonly Triplet[], earlier: readonly number[], second: number): Duplicate {
  const triplet = triplets[second]!;
  const label = labelOf(triplet);
  const others = earlier.filter((i) => i !== second);
  const contradicting = others.find((i) => labelOf(triplets[i]!) !== label);
  if (contradicting !== undefined) return { kind: 'contradicting', first: contradicting, second };
  const same = others.find((i) => (triplets[i]!.judgment ?? '') === (triplet.judgment ?? ''));
  return same === undefined
    ? { kind: 'judged-again', first: others[0]!, second }
    : { kind: 'duplicate', first: same, second };
}

/** A digest, so that memory does not grow with the length of the rows. */
function contentKey(triplet: Triplet): string {
  return createHash('sha256')
    .update(JSON.stringify([...promptKey(triplet), triplet.output]))
    .digest('base64');
}
