// A model folder's own tokenizer: text to token ids with character spans, and back.
// Of prompts it knows only the token that the chat template ends a turn with.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AddedToken, Tokenizer as NativeTokenizer } from 'tokenizers';
import { lazily } from '../engine/lazily.ts';
import { WhetstoneError } from '../errors.ts';
import { chatTurnEnd } from './chat-template.ts';
import { fewestTokens } from './fewest-tokens.ts';
import type { FewestTokens } from './fewest-tokens.ts';
import type { ConfiguredToken } from './tokenizer-config.ts';
import { readText, readTokenizerConfig } from './tokenizer-config.ts';
import type { Span } from '../rows/unicode.ts';
import { codePointLength, requireUnicode } from '../rows/unicode.ts';

export interface Encoding {
  /** Token ids, shape [tokens]. */
  readonly ids: Int32Array;
  /**
   * For each token the code points of the text that it stands for. In order; neighbours overlap where one
   * character is spread over several tokens; together they cover the text without a gap. Tokens that the
   * post-processor added have empty spans: [0, 0] in front of the text, [length, length] behind it.
   */
  readonly offsets: readonly Span[];
  /** How many tokens the post-processor put in front of the text, and how many behind it. */
  readonly leading: number;
  readonly trailing: number;
}

export interface Tokenizer {
  /**
   * Tokens of `text`. `addSpecialTokens` (default true) lets the tokenizer's own post-processor add what it
   * adds, such as a BOS. Throws `LONE_SURROGATE` for a string that is not Unicode text.
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Encoding>;
  /** The same up to `most` tokens; the number of tokens of a text that has more. */
  encodeUpTo(
    text: string,
    most: number,
    options?: { addSpecialTokens?: boolean },
  ): Promise<Encoding | number>;
  /** How many tokens `text` has at least, by a quick look; 0 where nothing is certain. */
  readonly fewestTokens: FewestTokens;
  /** Text of `ids`; special tokens are written out unless `skipSpecialTokens` (default false). */
  decode(ids: Iterable<number>, options?: { skipSpecialTokens?: boolean }): Promise<string>;
  tokenToId(token: string): number | null;
  idToToken(id: number): string | null;
  /** The end token that is trained on where a template writes none itself: tokenizer_config.json's `eos_token`. */
  readonly eosTokenId: number;
  /**
   * The one set of ids that end a generation: `eosTokenId` first, then those of generation_config.json and
   * config.json, then the token with which the chat template ends a turn.
   */
  readonly stopTokenIds: readonly number[];
  readonly bosTokenId: number | null;
  /** Largest token id plus one. */
  readonly vocabSize: number;
  /** Text of each named special token: `eos_token`, `bos_token`, `pad_token`... */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Text of every token that stands beside the vocabulary and is never split: `<|im_end|>`, `</s>`... */
  readonly addedTokens: ReadonlySet<string>;
  /** Jinja source of the model's chat template. */
  readonly chatTemplate: string | null;
  /** SHA-256 of tokenizer.json, in hexadecimal. */
  readonly fingerprint: string;
}

/**
 * Loads the tokenizer of a Hugging Face model folder.
 *
 * Throws `NO_MODEL` (no such folder), `NO_TOKENIZER` (no tokenizer.json), `BAD_TOKENIZER` (it cannot be read), `TOKENIZER_CONFIG` (a file
 * beside it is malformed or contradicts it) and `NO_END_TOKEN` (tokenizer_config.json names none, or one that
 * the vocabulary lacks).
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const file = join(dir, 'tokenizer.json');
  const json = await readText(file);
  if (json === null) {
    await requireFolder(dir);
    throw new WhetstoneError('NO_TOKENIZER', 'the model folder has no tokenizer.json', {
      file,
      hint:
        'If it holds a tokenizer.model or vocab.json instead, convert it once with ' +
        "transformers: AutoTokenizer.from_pretrained('DIR').save_pretrained('DIR').",
    });
  }
  const config = await readTokenizerConfig(dir);
  const native = parseTokenizer(json, file);
  addMissingTokens(native, config.addedTokens, join(dir, 'tokenizer_config.json'));

  const idOf = (name: string): number | null => {
    const token = config.specialTokens[name];
    return token === undefined ? null : native.tokenToId(token);
  };
  const eosTokenId = idOf('eos_token');
  if (eosTokenId === null) throw noEndToken(dir, config.specialTokens['eos_token']);

  const addedTokens = addedTokensOf(json, config.addedTokens);
  const turnEnd = chatTurnEnd({ ...config, addedTokens });
  const turnEndId = turnEnd === null ? null : native.tokenToId(turnEnd);
  const encodeUpTo: Tokenizer['encodeUpTo'] = (text, most, options) =>
    encode(native, text, { most, addSpecialTokens: options?.addSpecialTokens ?? true });
  // A vocabulary is large, and few texts are too long.
  const fewest = lazily(() =>
    fewestTokens(
      JSON.parse(json) as Record<string, unknown>,
      config.addedTokens.map(({ content }) => content),
    ),
  );
  return {
    encode: (text, options) => encodeUpTo(text, Infinity, options) as Promise<Encoding>,
    encodeUpTo,
    fewestTokens: (text, enough) => fewest()(text, enough),
    decode: (ids, options) => native.decode(Array.from(ids), options?.skipSpecialTokens ?? false),
    tokenToId: (token) => native.tokenToId(token),
    idToToken: (id) => native.idToToken(id),
    eosTokenId,
    stopTokenIds: [
      ...new Set([eosTokenId, ...config.endTokenIds, ...(turnEndId === null ? [] : [turnEndId])]),
    ],
    bosTokenId: idOf('bos_token'),
    vocabSize: Object.values(native.getVocab(true)).reduce((size, id) => Math.max(size, id + 1), 0),
    specialTokens: config.specialTokens,
    addedTokens,
    chatTemplate: config.chatTemplate,
    fingerprint: createHash('sha256').update(json).digest('hex'),
  };
}

function addedTokensOf(json: string, configured: readonly ConfiguredToken[]): ReadonlySet<string> {
  const { added_tokens: added } = JSON.parse(json) as {
    added_tokens?: readonly { readonly content: string }[];
  };
  return new Set([...(added ?? []), ...configured].map(({ content }) => content));
}

async function requireFolder(dir: string): Promise<void> {
  const info = await stat(dir).catch(() => null);
  if (info?.isDirectory()) return;
  throw new WhetstoneError('NO_MODEL', info ? 'this is no folder' : 'there is no such folder', {
    file: dir,
    hint: 'A model is a Hugging Face folder with config.json, tokenizer.json and *.safetensors.',
  });
}

function parseTokenizer(json: string, file: string): NativeTokenizer {
  // `trim_offsets` cuts the space off the span of " word", which hides that a token reaches back over the
  // prompt's end. It changes spans only, never ids. Inside a JSON string the quotes would be escaped, so the
  // pattern matches keys alone.
  const untrimmed = json.replace(/"trim_offsets"(\s*):(\s*)true/g, '"trim_offsets"$1:$2false');
  let native: NativeTokenizer;
  try {
    native = NativeTokenizer.fromString(untrimmed);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const at = / at line (\d+) column (\d+)$/.exec(message);
    throw new WhetstoneError('BAD_TOKENIZER', `cannot be read as a tokenizer: ${message}`, {
      file,
      ...(at ? { line: Number(at[1]), column: Number(at[2]) } : {}),
      hint: 'The file may be cut short or damaged, or newer than this version understands: fetch it again.',
      cause: error,
    });
  }
  // A saved tokenizer may remember to cut or pad whatever it is given.
  native.disableTruncation();
  native.disablePadding();
  return native;
}

/** Adds tokens that only tokenizer_config.json knows, as transformers does when it loads the folder. */
function addMissingTokens(native: NativeTokenizer, tokens: readonly ConfiguredToken[], file: string): void {
  for (const { id, content, special, ...options } of tokens) {
    if (native.tokenToId(content) === null)
      native.addAddedTokens([new AddedToken(content, special, options)]);
    const actual = native.tokenToId(content);
    if (actual === id) continue;
    throw new WhetstoneError(
      'TOKENIZER_CONFIG',
      `token ${JSON.stringify(content)} has id ${id} here but ${actual ?? 'none'} in tokenizer.json`,
      {
        file,
        field: 'added_tokens_decoder',
        hint: 'The two files belong to different models: fetch them together.',
      },
    );
  }
}

function noEndToken(dir: string, token: string | undefined): WhetstoneError {
  const message =
    token === undefined
      ? 'the tokenizer names no end token, so that a model trained with it would never learn to stop'
      : `the end token ${JSON.stringify(token)} is not in the vocabulary of tokenizer.json`;
  return new WhetstoneError('NO_END_TOKEN', message, {
    file: join(dir, 'tokenizer_config.json'),
    field: 'eos_token',
    hint: 'Add "eos_token": the text of the token in tokenizer.json that ends a response.',
  });
}

async function encode(
  native: NativeTokenizer,
  text: string,
  { most, addSpecialTokens }: { readonly most: number; readonly addSpecialTokens: boolean },
): Promise<Encoding | number> {
  requireUnicode(text);
  const encoding = await native.encode(text, null, { addSpecialTokens });
  if (encoding.getLength() > most) return encoding.getLength();
  const ids = Int32Array.from(encoding.getIds());
  // Tokens that belong to no sequence were added by the post-processor.
  const added = encoding.getSpecialTokensMask().map((mask) => mask === 1);
  const textual = added.indexOf(false);
  const leading = textual < 0 ? ids.length : textual;
  const trailing = textual < 0 ? 0 : ids.length - 1 - added.lastIndexOf(false);
  const length = codePointLength(text);
  const spans = encoding.getOffsets().map(([start = 0, end = 0]): Span => [start, end]);
  const offsets = [
    ...spans.slice(0, leading).map((): Span => [0, 0]),
    ...closeGaps(spans.slice(leading, ids.length - trailing), length),
    ...spans.slice(ids.length - trailing).map((): Span => [length, length]),
  ];
  return { ids, offsets, leading, trailing };
}

/**
 * Gives every code point that no span covers to the token before it (or to the first token). A normalizer
 * leaves such gaps: NFC makes one character of "e" and a combining accent and reports the "e" alone.
 */
function closeGaps(spans: readonly Span[], length: number): Span[] {
  const closed: Span[] = [];
  let next = length;
  for (let i = spans.length - 1; i >= 0; i--) {
    const [start, end] = spans[i] ?? [0, 0];
    const follower = spans[i + 1];
    // Tokens that share one character share its gap as well.
    const sameCharacter = follower?.[0] === start && follower[1] === end;
    closed.push([i === 0 ? 0 : start, Math.max(end, sameCharacter ? (closed.at(-1)?.[1] ?? end) : next)]);
    next = start;
  }
  return closed.reverse();
}
