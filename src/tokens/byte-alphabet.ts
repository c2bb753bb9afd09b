// How tokenizers spell bytes in their vocabularies. Knows nothing of texts.

/** GPT-2's spelling of bytes: printable ones stand for themselves, the others for U+0100 and up, in order. */
export const byteAlphabet: ReadonlyMap<string, number> = (() => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const alphabet = new Map<string, number>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCodePoint(isPrintable(byte) ? byte : 0x100 + others++), byte);
  }
  return alphabet;
})();

/** The bytes that a token of a byte-level vocabulary stands for; null where it is no such token. */
export function byteLevelBytes(spelled: string): Uint8Array | null {
  const bytes = Array.from(spelled, (character) => byteAlphabet.get(character));
  return bytes.includes(undefined) ? null : Uint8Array.from(bytes as number[]);
}

/** The byte of a token such as "<0xE2>", with which other vocabularies spell what they lack; null for other tokens. */
export function fallbackByte(spelled: string): number | null {
  const [, hex] = /^<0x([0-9A-F]{2})>$/.exec(spelled) ?? [];
  return hex === undefined ? null : parseInt(hex, 16);
}
