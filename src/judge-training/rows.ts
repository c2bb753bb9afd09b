// What a judge model learns from and what it is tested on: judged triplets with the decision behind the judgment, cut
// in two by their instructions. Knows rows and texts only.
import { createHash } from 'node:crypto';
import { WhetstoneError } from '../errors.ts';
import { labelOf, wordsOf } from '../judgments/index.ts';
import type { Triplet } from '../judgments/index.ts';
import { promptKey } from '../rows/conversation.ts';
import type { PromptText } from '../rows/conversation.ts';
import { withDecision } from '../judges/local/decision.ts';
import type { DecisionWords } from '../judges/local/decision.ts';

export interface JudgeRows {
  readonly train: readonly Triplet[];
  readonly heldOut: readonly Triplet[];
}

/**
 * Keeps about `share` of the instructions back, chosen by a hash of the prompt: all responses to one
 * instruction lie in the same part, and more data leaves earlier rows where they were.
 */
export function splitByInstruction(triplets: readonly Triplet[], share: number): JudgeRows {
  const held = triplets.map((triplet) => placeOf(triplet) < share);
  return {
    train: triplets.filter((_, i) => !held[i]),
    heldOut: triplets.filter((_, i) => held[i]),
  };
}

/** In [0, 1). */
function placeOf(prompt: PromptText): number {
  const digest = createHash('sha256').update(JSON.stringify(promptKey(prompt)));
  return digest.digest().readUInt32BE(0) / 2 ** 32;
}

/** The row with its decision behind its judgment; the template's praise where a satisfactory row has no words. */
export function withDecisionRow(triplet: Triplet, praise: string, words: DecisionWords): Triplet {
  const judgment = withDecision(wordsOf(triplet) ?? praise, labelOf(triplet) === 'align-p', words);
  return { ...triplet, judgment };
}

/** A part without rows is an empty file. */
export function noRows(error: unknown): { triplets: readonly Triplet[] } {
  if (error instanceof WhetstoneError && error.code === 'EMPTY_FILE') return { triplets: [] };
  throw error;
}
