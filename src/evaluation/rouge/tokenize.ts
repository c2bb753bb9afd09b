// The words that ROUGE compares, as rouge-score's default tokenizer finds them. Knows nothing of scores.
import { porterStem } from './porter-stemmer.ts';

/**
 * Runs of a-z and 0-9 of the lower-cased text; every other character separates words, letters with accents and other
 * scripts too. With `stem`, words of more than three letters are stemmed.
 */
export function rougeTokens(text: string, stem = false): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return stem ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : words;
}
