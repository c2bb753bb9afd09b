// What a program of the user's may answer to a row: null or words. Knows values, not how they came.
import { describe } from '../rows/fields.ts';
import type { JudgeUsage, Outcome } from './judge.ts';
import { judgedAs } from './suspicion.ts';

/** No tokenizer could spell such a judgment. */
export const brokenText = 'the judgment holds half of a surrogate pair, which is not Unicode text';

/**
 * The outcome of a value that stands for a judgment: null and words are judgments, anything else is unscored. Blank
 * text is unscored too, because it may as well come from a critic that is broken.
 */
export function outcomeOf(id: string, value: unknown): Outcome {
  if (value === null) return judgedAs(id, null);
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) return { id, unscored: brokenText };
  if (typeof value === 'string' && value.trim() !== '') return judgedAs(id, value);
  const found = typeof value === 'string' ? 'blank text' : describe(value);
  return { id, unscored: `expected a judgment in words, or null where nothing is wrong; found ${found}` };
}

/** Use of a judge that sends nothing to anyone who counts tokens or asks for money. */
export const usageOf = (calls: number): JudgeUsage => ({
  calls,
  cached: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: null,
});
