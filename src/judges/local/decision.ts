// How a judge model ends its judgment: with a word for whether the response is perfect. Knows texts only.
import { excerpt } from '../../rows/text.ts';
import { isPraise } from '../../judgments/triplet.ts';
import { toneOf } from '../../judgments/wording.ts';
import type { Outcome } from '../judge.ts';
import { judgedAs } from '../suspicion.ts';

/** What stands on the last line of a judgment of a response that is perfect, and of one that is not. */
export interface DecisionWords {
  readonly yes: string;
  readonly no: string;
}

export const defaultDecisionWords: DecisionWords = { yes: 'Yes.', no: 'No.' };

/** A reply taken apart. */
export interface Decision {
  readonly perfect: boolean;
  /** The judgment before the decision; may be empty. */
  readonly words: string;
}

/** The judgment with its decision on a line of its own. */
export const withDecision = (words: string, perfect: boolean, { yes, no }: DecisionWords): string =>
  `${words.trim()}\n${perfect ? yes : no}`;

/** Null where the text does not end in a decision. */
export function readDecision(reply: string, { yes, no }: DecisionWords): Decision | null {
  const text = reply.trimEnd();
  // Where one decision ends in the other, "Not good." and "good.", the longer one is meant.
  const found = [
    { perfect: true, ending: yes },
    { perfect: false, ending: no },
  ]
    .sort((a, b) => b.ending.length - a.ending.length)
    .find(({ ending }) => endsIn(text, ending));
  if (!found) return null;
  return { perfect: found.perfect, words: text.slice(0, -found.ending.length).trim() };
}

function endsIn(text: string, ending: string): boolean {
  const before = text.at(-ending.length - 1);
  return text.toLowerCase().endsWith(ending.toLowerCase()) && (before === undefined || /\s/.test(before));
}

/**
 * The outcome of a reply. The decision holds, and words that contradict it make the outcome suspicious. A rejection is
 * unscored where it has no words, or where they begin with "perfect", which would say that the response is good.
 */
export function outcomeOfReply(id: string, reply: string, words: DecisionWords): Outcome {
  const decision = readDecision(reply, words);
  if (decision === null) {
    const found = reply.trim() === '' ? 'nothing' : JSON.stringify(excerpt(reply, 160));
    return { id, unscored: `expected a reply that ends in "${words.yes}" or "${words.no}", found ${found}` };
  }
  const { perfect, words: judgment } = decision;
  if (!perfect) {
    if (judgment === '') return { id, unscored: 'the reply rejects the response without a word' };
    if (isPraise(judgment))
      return { id, unscored: `the reply rejects the response in words of praise: ${excerpt(judgment)}` };
    return judgedAs(id, judgment);
  }
  if (isPraise(judgment)) return judgedAs(id, judgment);
  // Other words could not stand for a satisfactory response.
  const criticises = judgment !== '' && toneOf(judgment) !== 'praise';
  return { id, judgment: null, ...(criticises && { suspicious: 'criticism' as const }) };
}
