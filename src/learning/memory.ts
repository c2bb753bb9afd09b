// Whether there is memory for training beside what answers, said before anything is judged. Knows how long rows may be; what
// they take is the engine's to say.
import { loraOf } from '../alignment/start.ts';
import type { Work } from '../engine/engine.ts';
import { bytesOf } from '../engine/memory.ts';
import {
  answeringBytes,
  longestThatFits,
  requireMemory,
  shortContext,
  usableMemory,
} from '../engine/require-memory.ts';
import type { Estimating } from '../engine/require-memory.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { option } from '../words/option.ts';
import type { LearningSettings } from './settings.ts';

/**
 * For rows that are half response, beside the version in use and `beside` bytes of other models: null where rows may be as
 * long as the settings let them be, a note where they may not. Throws WhetstoneError `NOT_ENOUGH_MEMORY` where there is no room
 * for short ones.
 */
export async function requireTrainingFits(
  settings: LearningSettings,
  engine: Estimating,
  beside = 0,
  memory: typeof usableMemory = usableMemory,
): Promise<Note | null> {
  const others = beside + answeringBytes(engine);
  const longest = Math.min(settings.cutoffLen, engine.describe().maxPositions);
  const lora = loraOf(settings);
  const workOf = (tokens: number): Work => ({
    kind: 'train',
    tokens,
    responseTokens: Math.ceil(tokens / 2),
    lora,
  });
  const available = await memory();
  const fits = (tokens: number): boolean =>
    others + bytesOf(engine.estimateMemory(workOf(tokens))) <= available.bytes;
  const least = Math.min(shortContext, longest);
  await requireMemory(engine, [workOf(least)], {
    what: 'learning while it answers',
    beside: others,
    advises: ['baseDtype'],
    memory: () => Promise.resolve(available),
  });
  const low = longestThatFits(least, longest, fits);
  if (low === longest) return null;
  return note(
    'MEMORY_CONTEXT',
    `There is memory for learning from rows of up to ${low} tokens beside the answers, and ${option('cutoffLen')} is ` +
      `${settings.cutoffLen}: a training with longer ones would be refused.`,
  );
}
