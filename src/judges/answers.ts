// What a program of the user's may answer to a row: null or words. Knows values, not how they came.
import { mostCharacters } from '../openai/cost.ts';
import { describe } from '../rows/fields.ts';
import { beginning } from '../rows/text.ts';
import { note } from '../words/note.ts';
import type { JudgeSettings } from './settings.ts';
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

/** Takes what is longer than a judgment may be down to its beginning. */
export type Shorten = (outcome: Outcome) => Outcome;

/** For judgments of at most so many tokens; `onNote` hears of the first that is longer. */
export function shortenTo(
  { maxTokens, onNote }: Pick<JudgeSettings, 'maxTokens' | 'onNote'>,
  name: string,
): Shorten {
  const most = mostCharacters(maxTokens);
  let told = false;
  return (outcome) => {
    if ('unscored' in outcome) return { ...outcome, unscored: beginning(outcome.unscored, most) };
    const { judgment } = outcome;
    if (judgment === null || judgment.length <= most) return outcome;
    if (!told)
      onNote(
        note(
          'REPLY_CUT',
          `${name}: judgments are longer than ${maxTokens} tokens can be (${judgment.length} characters), and are cut`,
        ),
      );
    told = true;
    return { ...outcome, judgment: beginning(judgment, most) };
  };
}

/** Use of a judge that sends nothing to anyone who counts tokens or asks for money. */
export const usageOf = (calls: number): JudgeUsage => ({
  calls,
  cached: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: null,
});
