// Tokens as bytes, in the spellings of real tokenizers: all tokens of a text give the text.
import { describe, expect, it } from 'vitest';
import { byteLevel, load, sentencePiece } from '../tokens/test-tokenizers.ts';
import { tokenTexts } from './token-text.ts';

const text = ' Write the\n\nrivers 🙂🙂 é今ж x';
const styles = [
  ['byte-level', () => load(byteLevel()), text],
  ['SentencePiece, legacy', () => load(sentencePiece('legacy')), ` ${text}`],
  ['SentencePiece, first', () => load(sentencePiece('first')), text],
] as const;

describe.each(styles)('%s', (_, make, expected) => {
  it('the bytes of all tokens, joined, are those of the text', async () => {
    const tokenizer = await make();
    const textOf = tokenTexts(tokenizer);
    const { ids } = await tokenizer.encode(text, { addSpecialTokens: false });
    const tokens = await Promise.all(Array.from(ids, textOf));
    const bytes = Buffer.from(tokens.flatMap((token) => token.bytes));
    expect(bytes.toString('utf8')).toBe(expected);
    for (const { token, bytes } of tokens) {
      const whole = Buffer.from(bytes).toString('utf8');
      expect(token).toBe(
        whole.includes('\u{fffd}')
          ? `bytes:${bytes.map((byte) => `\\x${byte.toString(16)}`).join('')}`
          : whole,
      );
    }
    expect(tokens.some(({ token }) => token.startsWith('bytes:\\x'))).toBe(true);
    expect(await textOf(tokenizer.eosTokenId)).toMatchObject({ token: '</s>', special: true });
    expect(tokens.some(({ special }) => special)).toBe(false);
  });
});
