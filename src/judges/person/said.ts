// What a person's words about a response mean, and the name of a response among all that people judge. Knows texts; not
// where they were written.
import { createHash } from 'node:crypto';
import { promptKey } from '../../rows/conversation.ts';
import type { JudgeRequest, Outcome } from '../judge.ts';
import { judgedAs } from '../suspicion.ts';

/**
 * The caller's id with a digest of the texts, so that neither an id that is used again for another response nor a text
 * that a spreadsheet program respelled is mistaken.
 */
export function keyOf({ id, output, ...prompt }: JudgeRequest): string {
  const digest = createHash('sha256').update(JSON.stringify([...promptKey(prompt), output]));
  return `${id.trim()}#${digest.digest('hex').slice(0, 8)}`;
}

export const skipped = 'the person skipped it';

/** "ok" is praise, "skip" no judgment; any other words are as a judge's. */
export function outcomeOfWords(id: string, words: string): Outcome {
  if (/^(?:ok|okay)[.!]?$/i.test(words)) return judgedAs(id, null);
  if (/^skip[.!]?$/i.test(words)) return { id, unscored: skipped };
  return judgedAs(id, words);
}
