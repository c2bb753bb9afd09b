// Where tokens begin in the text that they are decoded to. Knows no prompts.
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { codePointLength } from '../rows/unicode.ts';
import { createDecoder } from './decoder.ts';

/**
 * The text of `ids` without special tokens, and for each id how many code points of the text stand before what it adds.
 * A token that holds only a part of a character begins where that character does.
 */
export async function textAndOffsets(
  tokenizer: Pick<Tokenizer, 'decode'>,
  ids: readonly number[],
): Promise<{ text: string; offsets: number[] }> {
  const decoder = createDecoder(tokenizer);
  const offsets: number[] = [];
  let text = '';
  let length = 0;
  const add = (piece: string): void => {
    text += piece;
    length += codePointLength(piece);
  };
  for (const id of ids) {
    offsets.push(length);
    add(await decoder.push(id));
  }
  add(await decoder.end());
  return { text, offsets };
}
