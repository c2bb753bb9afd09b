// A token as text and as bytes, for lists of log-probs. Knows the ways in which tokenizers spell bytes.
import { byteLevelBytes, fallbackByte } from '../tokens/byte-alphabet.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';

export interface TokenText {
  /** The token's text; where its bytes are only a part of a character, "bytes:\xNN...". */
  readonly token: string;
  /** What the token adds to a text, in UTF-8. */
  readonly bytes: readonly number[];
  /** Whether it is spelled out here, but left out of texts. */
  readonly special: boolean;
}

/** Looks up tokens, each one once. Special tokens are spelled out. */
export function tokenTexts(
  tokenizer: Pick<Tokenizer, 'decode' | 'idToToken'>,
): (id: number) => Promise<TokenText> {
  const known = new Map<number, Promise<TokenText>>();
  const look = async (id: number): Promise<TokenText> => {
    const spelled = tokenizer.idToToken(id) ?? '';
    const text = await tokenizer.decode([id]);
    const special = text !== '' && (await tokenizer.decode([id], { skipSpecialTokens: true })) === '';
    const bytes = bytesOf(spelled, text);
    return { token: textOf(bytes) ?? escaped(bytes), bytes: [...bytes], special };
  };
  return (id) => {
    const found = known.get(id) ?? look(id);
    known.set(id, found);
    return found;
  };
}

/** Bytes of a token from its spelling in the vocabulary and its text alone, which may lack a space or be U+FFFD. */
function bytesOf(spelled: string, text: string): Uint8Array {
  if (spelled === text) return utf8(text);
  const byte = fallbackByte(spelled);
  if (byte !== null) return Uint8Array.of(byte);
  const bytes = byteLevelBytes(spelled);
  // In another style of tokenizer the same characters mean themselves.
  if (bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) === text) return bytes;
  return utf8(spelled.includes('▁') ? spelled.replaceAll('▁', ' ') : text);
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const escaped = (bytes: Uint8Array): string =>
  `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
