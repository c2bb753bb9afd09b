// Pairs of responses to one instruction, one better than the other. It knows triplets, not how they are used.
import { labelOf } from './triplet.ts';
import { promptKey } from '../rows/conversation.ts';
import type { Triplet } from './triplet.ts';

/**
 * All pairs of different responses to the same prompt of which one is better: each as a triplet
 * of the worse one, whose `revision` is the better one. (arXiv 2312.14591: all pairs with different rewards.)
 *
 * Where both responses have a score, the higher one is better and equal ones make no pair. Where one of them or
 * both have none, a satisfactory response is better than an unsatisfactory one. A row's own `revision` is better
 * than its response, whatever the scores, and is compared with no other.
 *
 * In the order of the rows; a response that occurs twice to one instruction counts each time, with its own mark.
 */
export function preferencePairs(triplets: readonly Triplet[]): Triplet[] {
  const groups = new Map<string, Triplet[]>();
  for (const triplet of triplets) {
    const key = JSON.stringify(promptKey(triplet));
    const group = groups.get(key);
    if (group) group.push(triplet);
    else groups.set(key, [triplet]);
  }
  return [...groups.values()].flatMap((group) =>
    group.flatMap((triplet, i) => [
      ...(triplet.revision !== undefined && differ(triplet.revision, triplet.output) ? [triplet] : []),
      ...group.slice(i + 1).flatMap((other) => pairOf(triplet, other) ?? []),
    ]),
  );
}

function pairOf(a: Triplet, b: Triplet): Triplet | null {
  const order = compare(a, b);
  if (order === 0 || !differ(a.output, b.output)) return null;
  const [worse, better] = order < 0 ? [a, b] : [b, a];
  return { ...worse, revision: better.output };
}

/** Negative where `a` is worse. */
function compare(a: Triplet, b: Triplet): number {
  if (a.score !== undefined && b.score !== undefined) return a.score - b.score;
  return Number(labelOf(a) === 'align-p') - Number(labelOf(b) === 'align-p');
}

const differ = (a: string, b: string): boolean => a.trim() !== b.trim() && a.trim() !== '' && b.trim() !== '';
