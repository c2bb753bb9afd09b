// Whether there is memory for what a server may be asked: too little is refused, less than the models take is told. Knows
// engines; it does not know requests.
import type { Work } from '../engine/engine.ts';
import { bytesOf } from '../engine/memory.ts';
import { longestThatFits, requireMemory, shortContext, usableMemory } from '../engine/require-memory.ts';
import type { Estimating } from '../engine/require-memory.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { option } from '../words/option.ts';

const workOf = (tokens: number): Work => ({ kind: 'generate', promptTokens: tokens - 1, tokens });

/**
 * For all slots of all engines side by side: null where sequences may be as long as the model takes them, a note where
 * they may not all be. Throws WhetstoneError `NOT_ENOUGH_MEMORY` where there is no room for short ones.
 */
export async function requireRoom(
  engines: readonly Estimating[],
  memory: typeof usableMemory = usableMemory,
): Promise<Note | null> {
  const [first, ...others] = engines;
  if (first === undefined) return null;
  const { maxPositions, slots } = first.describe();
  const available = await memory();
  const besideOf = (tokens: number): number =>
    others.reduce(
      (sum, engine) => sum + bytesOf({ ...engine.estimateMemory(workOf(tokens)), runtime: 0 }),
      0,
    );
  const least = Math.min(shortContext, maxPositions);
  const fits = (tokens: number): boolean =>
    besideOf(tokens) + bytesOf(first.estimateMemory(workOf(tokens))) <= available.bytes;
  await requireMemory(first, [workOf(least)], {
    what: 'serving',
    beside: besideOf(least),
    advises: ['baseDtype', 'slots'],
    memory: () => Promise.resolve(available),
  });
  const low = longestThatFits(least, maxPositions, fits);
  if (low === maxPositions) return null;
  return note(
    'MEMORY_CONTEXT',
    `There is memory for ${slots ?? 'all'} sequences of up to ${low} tokens side by side, and the model takes ${maxPositions}: ` +
      `lower ${option('slots')} for longer ones.`,
  );
}
