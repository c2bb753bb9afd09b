// How many tokens a text has at least, without tokenizing it: what is certainly too long is refused before it costs time
// and memory. Knows tokenizer.json.
import { byteAlphabet, byteLevelBytes, fallbackByte } from './byte-alphabet.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * A count that the tokens of a text certainly reach, those of the post-processor not counted; 0 where nothing is certain.
 * The count ends where it is `enough`.
 */
export type FewestTokens = (text: string, enough?: number) => number;

/** Characters that are looked at in one go, and tokens that may be counted twice where two goes meet. */
const slice = 65536;
const countedTwice = 4;

/**
 * Makes the count for a tokenizer from its tokenizer.json, parsed, with the tokens that were `added` from elsewhere.
 *
 * No token that a byte is part of is longer than the longest token of the vocabulary that has such a byte. So the byte
 * counts at least 1 / that length, and the sum over all bytes is at most the number of tokens. That holds as long as
 * every byte ends up in a token of its own spelling; with a normalizer, pre-tokenizer or model that may drop or shorten
 * text the count is 0. It takes a pass over the text, a few milliseconds a megabyte.
 */
export function fewestTokens(tokenizer: Json, added: readonly string[] = []): FewestTokens {
  const normalizers = typesOf(tokenizer['normalizer'], 'normalizers');
  const longest = longestTokens(tokenizer, added);
  const keeps =
    normalizers.every(keepsBytes) &&
    typesOf(tokenizer['pre_tokenizer'], 'pretokenizers').every(keepsText) &&
    longest !== null;
  if (!keeps) return () => 0;
  const composes = normalizers.some(({ type }) => type === 'NFC');
  const weights = weightsOf(longest, { composes, strips: stripsSpace(tokenizer) });
  const inSlice = (text: string): number => {
    // Composed as the tokenizer composes it; later versions of Unicode may compose a few more, in halves at most.
    const bytes = Buffer.from(composes ? text.normalize('NFC') : text, 'utf8');
    const counts = new Uint32Array(256);
    for (let i = 0; i < bytes.length; i++) counts[bytes[i]!]!++;
    return counts.reduce((sum, count, byte) => sum + count * weights[byte]!, 0);
  };
  return (text, enough = Infinity) => {
    let sum = 0;
    for (let at = 0; at < text.length && sum <= enough; at += slice)
      sum += Math.max(0, inSlice(text.slice(at, at + slice)) - (at > 0 ? countedTwice : 0));
    // Rounding must not count one too many.
    return Math.max(0, Math.ceil(sum * (1 - 1e-9) - 1e-6));
  };
}

/** What each byte counts at least. */
function weightsOf(
  longest: Readonly<Uint32Array>,
  { composes, strips }: { readonly composes: boolean; readonly strips: boolean },
): Float64Array {
  const weights = Float64Array.from(longest, (length) => 1 / Math.max(1, length));
  if (composes) for (let byte = 0x80; byte < 256; byte++) weights[byte]! /= 2;
  if (strips) for (const byte of spaceBytes) weights[byte] = 0;
  return weights;
}

/** Every byte of a character that counts as white space, which some added tokens take with them. */
const spaceBytes: ReadonlySet<number> = new Set(
  Buffer.from(
    '\t\n\v\f\r \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{1c}\u{1d}\u{1e}\u{1f}',
  ),
);

/** A step of the tokenizer and, where it is a sequence, the steps in it. */
function typesOf(step: unknown, parts: string): Json[] {
  if (typeof step !== 'object' || step === null) return [];
  const { type, [parts]: steps } = step as Json;
  return type === 'Sequence' && Array.isArray(steps)
    ? steps.flatMap((each) => typesOf(each, parts))
    : [step as Json];
}

function keepsBytes({ type, pattern, content }: Json): boolean {
  if (type === 'Replace') return (pattern as Json | null)?.['String'] === ' ' && content === '▁';
  return type === 'Prepend' || type === 'NFC' || type === 'ByteLevel';
}

function keepsText({ type, behavior }: Json): boolean {
  if (type === 'Split' || type === 'Punctuation') return behavior !== 'Removed';
  return ['ByteLevel', 'Metaspace', 'Digits', 'UnicodeScripts'].includes(type as string);
}

const addedTokens = (tokenizer: Json): Json[] =>
  Array.isArray(tokenizer['added_tokens']) ? (tokenizer['added_tokens'] as Json[]) : [];

const stripsSpace = (tokenizer: Json): boolean =>
  addedTokens(tokenizer).some(({ lstrip, rstrip }) => lstrip === true || rstrip === true);

/** For each byte the length in bytes of the longest token with it; null where text may be lost, or a token endless. */
function longestTokens(tokenizer: Json, others: readonly string[]): Uint32Array | null {
  const model = (tokenizer['model'] ?? {}) as Json;
  const vocabulary = model['vocab'];
  if (model['type'] !== 'BPE' || typeof vocabulary !== 'object' || vocabulary === null) return null;
  const tokens = Object.keys(vocabulary);
  const isByteLevel = [
    ...typesOf(tokenizer['normalizer'], 'normalizers'),
    ...typesOf(tokenizer['pre_tokenizer'], 'pretokenizers'),
  ].some(({ type }) => type === 'ByteLevel');
  const longest = new Uint32Array(256);
  const note = (bytes: Uint8Array, length = bytes.length): void => {
    for (const byte of bytes) longest[byte] = Math.max(longest[byte]!, length);
  };
  if (isByteLevel) {
    const letters = new Set(tokens);
    if (![...byteAlphabet.keys()].every((letter) => letters.has(letter))) return null;
  } else if (!spellsEveryByte(model, tokens)) {
    // One unknown token a character is certain; one for any number of them is not.
    if (typeof model['unk_token'] !== 'string' || model['fuse_unk'] === true) return null;
    longest.fill(4);
  }
  const added = [...addedTokens(tokenizer).map(({ content }) => String(content)), ...others];
  for (const token of added) note(Buffer.from(token, 'utf8'));
  for (const token of tokens) {
    const bytes = isByteLevel ? byteLevelBytes(token) : null;
    if (bytes !== null) note(bytes);
    else {
      // "▁" stands for a space and for itself, so that both count with the longer spelling.
      const spelled = Buffer.from(token, 'utf8');
      note(spelled);
      note(Buffer.from(token.replaceAll('▁', ' '), 'utf8'), spelled.length);
    }
  }
  return longest;
}

function spellsEveryByte(model: Json, tokens: readonly string[]): boolean {
  if (model['byte_fallback'] !== true) return false;
  return new Set(tokens.map(fallbackByte).filter((byte) => byte !== null)).size === 256;
}
