// How far a version is from the one that it was trained from, as a record. Knows numbers and texts, no model.
import { isFields } from '../rows/fields.ts';
import type { PromptFields } from '../rows/conversation.ts';

/** Where the fixed prompts came from: a file, what was answered last and not judged, our own, or both of these. */
export type PromptSource = 'file' | 'answered' | 'built-in' | 'answered and built-in';

/** One fixed prompt, answered greedily before and after. */
export interface DriftAnswer {
  readonly prompt: PromptFields;
  readonly before: string;
  readonly after: string;
  /** Mean over the answer's tokens, nats; null where the engine does not give distributions. */
  readonly kl: number | null;
}

export interface Drift {
  readonly source: PromptSource;
  /** How many of the answers are not the same text. */
  readonly changed: number;
  /**
   * KL(before || after) over the whole vocabulary, the mean over all tokens of all answers before, end tokens included,
   * nats; null where the engine does not give distributions.
   */
  readonly mean_kl: number | null;
  readonly answers: readonly DriftAnswer[];
}

const isAmount = (value: unknown): boolean => value === null || typeof value === 'number';

export const isDrift = (value: unknown): value is Drift =>
  isFields(value) &&
  typeof value['source'] === 'string' &&
  typeof value['changed'] === 'number' &&
  isAmount(value['mean_kl']) &&
  Array.isArray(value['answers']) &&
  value['answers'].every(
    (answer) =>
      isFields(answer) &&
      isFields(answer['prompt']) &&
      ['before', 'after'].every((name) => typeof answer[name] === 'string') &&
      isAmount(answer['kl']),
  );
