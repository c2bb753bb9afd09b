// Whether the rounds of an online run fit into memory, said before anything is judged or paid. Knows what is done in a
// round; how much that takes is the engine's to say.
import type { Work } from '../../engine/engine.ts';
import { requireMemory } from '../../engine/require-memory.ts';
import type { Estimating } from '../../engine/require-memory.ts';
import type { Judge } from '../../judges/judge.ts';
import { loraOf } from '../start.ts';
import type { RunInstructions } from './instructions.ts';
import { trainingSettings } from './settings.ts';
import type { OnlineSettings } from './settings.ts';
import type { Speakers } from './speakers.ts';

interface Rounds {
  readonly settings: OnlineSettings;
  /** The adapter that the first round speaks with. */
  readonly start: string | null;
  readonly instructions: RunInstructions;
  readonly speakers: Speakers;
}

/**
 * Responses and training come one after the other, each beside what a judge in this process holds. Throws WhetstoneError
 * `NOT_ENOUGH_MEMORY`.
 */
export async function requireRoundsFit(rounds: Rounds, model: Estimating, judge: Judge): Promise<void> {
  const { settings, instructions, start, speakers } = rounds;
  const { cutoffLen, maxNewTokens, judgeMaxTokens, seed } = settings;
  const { longestPrompt } = instructions;
  // A judge's prompt has the response beside the instruction, a judged sequence the judgment as well.
  const answered = longestPrompt + maxNewTokens;
  const tokens = Math.min(cutoffLen, model.describe().maxPositions, answered + judgeMaxTokens);
  const lora = loraOf(trainingSettings(settings, { data: '', adapter: start, seed }));
  const responding: Work = { kind: 'generate', promptTokens: longestPrompt, tokens: answered };
  const training: Work = { kind: 'train', tokens, responseTokens: Math.min(maxNewTokens, tokens - 1), lora };
  await requireMemory(model, [...(speakers.isLocal ? [responding] : []), training], {
    beside: (await judge.memory?.(answered)) ?? 0,
    advises: ['baseDtype', 'cutoffLen'],
  });
}
