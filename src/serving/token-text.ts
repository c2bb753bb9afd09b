// A token as text and as bytes, for lists of log-probs. Knows the ways in which tokenizers spell bytes.
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
  const [, hex] = /^<0x([0-9A-F]{2})>$/.exec(spelled) ?? [];
  if (hex !== undefined) return Uint8Array.of(parseInt(hex, 16));
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

/** GPT-2's spelling of bytes: printable ones stand for themselves, the others for U+0100 and up, in order. */
const byteAlphabet: ReadonlyMap<string, number> = (() => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const alphabet = new Map<string, number>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCodePoint(isPrintable(byte) ? byte : 0x100 + others++), byte);
  }
  return alphabet;
})();

function byteLevelBytes(spelled: string): Uint8Array | null {
  const bytes = Array.from(spelled, (character) => byteAlphabet.get(character));
  return bytes.includes(undefined) ? null : Uint8Array.from(bytes as number[]);
}
