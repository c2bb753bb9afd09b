// A subject's responses to some of many prompts, a number of them at a time. Knows prompts and random streams, not what
// the responses are for.
import type { Response } from '../generation/index.ts';
import { createRandom } from '../random.ts';
import type { PromptText } from '../rows/conversation.ts';
import type { Subject } from './subject/subject.ts';

export interface GenerationSettings {
  /** Longest response in tokens. */
  readonly maxNewTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

/** Prompts that are given to a subject at once: enough to fill its batches, few enough to lose at a kill. */
export const promptsAtOnce = 64;

/**
 * Has the subject respond to `prompts[i]` for each of `indices`, and hands the responses on a number at a time, while the
 * next are made. A response depends on the seed and its index, not on what else is asked for.
 */
export async function respondInTurns(
  subject: Pick<Subject, 'respond'>,
  prompts: readonly PromptText[],
  indices: readonly number[],
  { maxNewTokens, temperature, topP, seed }: GenerationSettings,
  signal: AbortSignal,
  onResponses: (indices: readonly number[], responses: readonly Response[]) => Promise<void>,
): Promise<void> {
  let handing = Promise.resolve();
  try {
    for (let start = 0; start < indices.length; start += promptsAtOnce) {
      const some = indices.slice(start, start + promptsAtOnce);
      const responses = await subject.respond(
        some.map((index) => prompts[index]!),
        {
          maxNewTokens,
          temperature,
          signal,
          ...(temperature > 0 && { topP, seeds: some.map((index) => createRandom(seed, index).uint32()) }),
        },
      );
      await handing;
      handing = onResponses(some, responses);
      // It is awaited, and its failure thrown, before the next responses are handed on.
      handing.catch(() => undefined);
    }
  } finally {
    await handing;
  }
}
