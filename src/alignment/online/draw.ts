// Which instructions a round responds to: fresh ones, and some of those that failed before. Pure functions of seed
// and history, so that a run that was killed draws the same again.
import { createRandom, shuffle } from '../../random.ts';
import type { Random } from '../../random.ts';

export interface Drawing {
  /** Instructions to draw from, by position: 0 to `count` - 1. */
  readonly count: number;
  readonly round: number;
  readonly perRound: number;
  /** Share of the round that goes to instructions that failed before. */
  readonly failedShare: number;
  readonly seed: number;
  /** Positions that earlier rounds responded to. */
  readonly used: ReadonlySet<number>;
  /** How often the responses to a position were rejected in earlier rounds. */
  readonly failures: ReadonlyMap<number, number>;
}

// Names these uses of the seed, so that no other use of the same seed sees the same numbers.
const FRESH_STREAM = 12;
const FAILED_STREAM = 13;

/** Positions of a round, ascending: each once. */
export function drawRound(drawing: Drawing): number[] {
  const failed = drawFailed(drawing);
  const order = shuffle(
    Uint32Array.from({ length: drawing.count }, (_, i) => i),
    createRandom(drawing.seed, FRESH_STREAM),
  );
  const fresh = Array.from(order).filter((position) => !drawing.used.has(position));
  return [...failed, ...fresh.slice(0, drawing.perRound - failed.length)].sort((a, b) => a - b);
}

function drawFailed({ round, perRound, failedShare, seed, failures }: Drawing): number[] {
  const candidates = [...failures].filter(([, times]) => times > 0).sort(([a], [b]) => a - b);
  const count = Math.min(candidates.length, Math.floor(failedShare * perRound));
  return drawWeighted(candidates, count, createRandom(seed, FAILED_STREAM, round));
}

/**
 * `count` of the items without replacement, each draw in proportion to the weights that are left: the items with
 * the largest u^(1/weight), u uniform (Efraimidis and Spirakis, Inf. Process. Lett. 97, 2006).
 */
function drawWeighted(
  items: readonly (readonly [number, number])[],
  count: number,
  random: Random,
): number[] {
  return items
    .map(([item, weight]) => ({ item, key: Math.log(random.float() || Number.MIN_VALUE) / weight }))
    .sort((a, b) => b.key - a.key || a.item - b.item)
    .slice(0, count)
    .map(({ item }) => item);
}
