// Token ids to text as they come: whole characters only, a few tokens decoded at a time. Knows no stop strings.
import type { Tokenizer } from '../tokens/tokenizer.ts';

export interface Decoder {
  /**
   * Text that this token completes; empty while a character or the text's first space is still open. Special
   * tokens that are skipped have no text. One call at a time.
   */
  push(id: number): Promise<string>;
  /** Text of the tokens still held back. */
  end(): Promise<string>;
}

const INCOMPLETE = '\u{fffd}';
/** So much of what stands before a text is enough to see a letter of it. */
const beforeTokens = 8;
/** A character has at most four bytes, so that at most this many tokens can belong to one that is not whole. */
const openTokens = 3;
/** From here on some of the tokens held back are broken for good, and not just incomplete. */
const mostHeld = 8;

/**
 * Decodes a text token by token: what `push` and `end` give, joined, is `tokenizer.decode` of all tokens, without
 * special ones unless `skipSpecialTokens` (default true) is false. Work for a token does not grow with the text.
 *
 * New tokens are decoded behind those before them, whose text is then cut off: a tokenizer may strip the space in
 * front of whatever comes first, or join words by what stands between. In one case the text is not that of `decode`:
 * where bytes that are no UTF-8 follow whole characters that were spelled as bytes too, some decoders give up all
 * of them, while here the whole ones stay.
 */
export function createDecoder(
  tokenizer: Pick<Tokenizer, 'decode'>,
  before: ArrayLike<number> = [],
  skipSpecialTokens = true,
): Decoder {
  const decode = (ids: readonly number[]): Promise<string> => tokenizer.decode(ids, { skipSpecialTokens });
  // The tokens of the last text given out, which the next are decoded behind; those not given out yet.
  let context = Array.from(before).slice(-beforeTokens);
  let contextText: string | null = context.length === 0 ? '' : null;
  let held: number[] = [];

  const textBehindContext = async (ids: readonly number[]): Promise<string> => {
    contextText ??= await decode(context);
    const both = await decode([...context, ...ids]);
    // Otherwise broken bytes reached back into the context; nothing in front of bytes is ever stripped.
    return both.startsWith(contextText) ? both.slice(contextText.length) : decode(ids);
  };
  const giveOut = (count: number, text: string): string => {
    context = held.slice(0, count);
    held = held.slice(count);
    contextText = null;
    return text;
  };
  const isSpecial = async (id: number): Promise<boolean> =>
    (await decode([id])) === '' && (await tokenizer.decode([id])) !== '';

  /** Gives out what cannot change any more of a long row of tokens that ends in U+FFFD. */
  const giveOutSettled = async (text: string): Promise<string> => {
    for (let open = 1; open <= openTokens; open++) {
      const head = await textBehindContext(held.slice(0, -open));
      const tail = await decode(held.slice(-open));
      // Bytes on both sides of a character's middle would give more replacement characters apart than together.
      if (head !== '' && head + tail === text) return giveOut(held.length - open, head);
    }
    return '';
  };

  return {
    push: async (id) => {
      held.push(id);
      const text = await textBehindContext(held);
      if (text === '') {
        if (await isSpecial(id)) held.pop();
        return '';
      }
      if (!text.endsWith(INCOMPLETE)) return giveOut(held.length, text);
      return held.length < mostHeld ? '' : giveOutSettled(text);
    },
    end: async () => (held.length === 0 ? '' : giveOut(held.length, await textBehindContext(held))),
  };
}
