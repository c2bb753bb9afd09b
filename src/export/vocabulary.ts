// A model's tokenizer as the fields of a GGUF file: tokens, merges or scores, special tokens, the chat template. Refuses
// tokenizers that llama.cpp has not.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { readJsonObject } from '../models/json-file.ts';
import { readTokenizerConfig } from '../tokens/tokenizer-config.ts';
import type { TokenizerConfig } from '../tokens/tokenizer-config.ts';
import type { GgufFields, GgufValue } from './gguf-file.ts';
import { bool, text, uint32 } from './gguf-fields.ts';
import { isByteLevel, preTokenizerName } from './pre-tokenizers.ts';

type Json = Readonly<Record<string, unknown>>;

// The numbers of the format.
const kinds = { normal: 1, unknown: 2, control: 3, added: 4, unused: 5, byte: 6 } as const;

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/**
 * The fields for the model in `dir`, whose embeddings have `vocabSize` rows. Throws `NO_TOKENIZER`, `TOKENIZER_CONFIG`, and
 * `EXPORT_UNSUPPORTED` for kinds of tokenizers, of normalization and of cutting into words that llama.cpp has not.
 */
export async function vocabularyFields(dir: string, vocabSize: number): Promise<GgufFields> {
  const file = join(dir, 'tokenizer.json');
  const json = await readJsonObject(file, 'NO_TOKENIZER', 'A model is a folder with its tokenizer.json.');
  const config = await readTokenizerConfig(dir);
  const model = json['model'] as Json;
  if (model['type'] !== 'BPE')
    throw unsupported(file, 'model.type', `a tokenizer of the kind ${shown(model['type'])}`);
  const vocab = Object.entries(model['vocab'] as Record<string, number>);
  const added = [...config.addedTokens, ...((json['added_tokens'] ?? []) as AddedToken[])];
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(vocabSize).fill(kinds.unused);
  const put = (id: number, token: string, kind: number): void => {
    if (id >= vocabSize) return;
    tokens[id] = token;
    types[id] = kind;
  };
  for (const [token, id] of vocab) put(id, token, kindOf(token, model));
  for (const { id, content, special } of added) put(id, content, special ? kinds.control : kinds.added);
  const ids = new Map(tokens.map((token, id) => [token, id]));
  return [
    ...(isByteLevel(json['pre_tokenizer']) ? bytePairs(json, file) : pieces(json, file, tokens)),
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: types }],
    ...specialFields(config, ids),
    ...surroundings(json, ids),
    ...(config.chatTemplate === null
      ? []
      : [['tokenizer.chat_template', text(config.chatTemplate)] as const]),
  ];
}

const kindOf = (token: string, { unk_token: unknown, byte_fallback: bytes }: Json): number => {
  if (token === unknown) return kinds.unknown;
  return bytes === true && /^<0x[0-9A-F]{2}>$/.test(token) ? kinds.byte : kinds.normal;
};

/** BPE over the letters of bytes, as of GPT-2: merges in their order, and a way to cut into words by its name. */
function bytePairs(json: Json, file: string): GgufFields {
  const model = json['model'] as Json;
  const normalizer = (json['normalizer'] as Json | null)?.['type'] ?? 'NFC';
  // llama.cpp leaves texts as they are; what is typed is in this form already.
  if (normalizer !== 'NFC') throw unsupported(file, 'normalizer', `the normalizer ${shown(normalizer)}`);
  const pre = preTokenizerName(json['pre_tokenizer'], model['ignore_merges'] === true);
  if (pre === null) throw unsupported(file, 'pre_tokenizer', 'this way to cut a text into words');
  const merges = (model['merges'] as (string | [string, string])[]).map((pair) =>
    typeof pair === 'string' ? pair : pair.join(' '),
  );
  return [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(pre)],
    ['tokenizer.ggml.merges', { type: 'strings', value: merges }],
  ];
}

/** Pieces as of SentencePiece: what is merged first has the highest score. */
function pieces(json: Json, file: string, tokens: readonly string[]): GgufFields {
  const model = json['model'] as Json;
  if (model['byte_fallback'] !== true)
    throw unsupported(file, 'model', 'a BPE without the letters of bytes and without a fallback to bytes');
  const ranks = new Map<string, number>();
  for (const [rank, pair] of (model['merges'] as (string | [string, string])[]).entries()) {
    const merged = typeof pair === 'string' ? pair.replace(' ', '') : pair.join('');
    if (!ranks.has(merged)) ranks.set(merged, rank);
  }
  const scores = tokens.map((token) => -(ranks.get(token) ?? ranks.size));
  return [
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.pre', text('default')],
    ['tokenizer.ggml.scores', { type: 'float32s', value: scores }],
    ['tokenizer.ggml.add_space_prefix', bool(beginsWithSpace(json))],
  ];
}

/** Whether a text gets a space in front of it: from a normalizer, or from a pre-tokenizer. */
function beginsWithSpace(json: Json): boolean {
  const normalizer = json['normalizer'] as Json | null;
  const all = [normalizer, ...((normalizer?.['normalizers'] ?? []) as Json[])];
  const scheme = (json['pre_tokenizer'] as Json | null)?.['prepend_scheme'];
  return all.some((each) => each?.['type'] === 'Prepend') || scheme === 'first' || scheme === 'always';
}

const named = { bos_token: 'bos', eos_token: 'eos', unk_token: 'unknown', pad_token: 'padding' } as const;

function specialFields(
  { specialTokens, endTokenIds }: TokenizerConfig,
  ids: ReadonlyMap<string, number>,
): GgufFields {
  const eos = ids.get(specialTokens['eos_token'] ?? '');
  const turnEnd = endTokenIds.find((id) => id !== eos);
  return [
    ...Object.entries(named).flatMap(([name, key]) => {
      const id = ids.get(specialTokens[name] ?? '');
      return id === undefined ? [] : [[`tokenizer.ggml.${key}_token_id`, uint32(id)] as const];
    }),
    ...(turnEnd === undefined ? [] : [['tokenizer.ggml.eot_token_id', uint32(turnEnd)] as const]),
  ];
}

/** Whether a text gets the tokens of a beginning and an end around it. */
function surroundings(json: Json, ids: ReadonlyMap<string, number>): GgufFields {
  const post = json['post_processor'] as Json | null;
  const processors = [post, ...((post?.['processors'] ?? []) as Json[])];
  const template = processors.find((each) => each?.['type'] === 'TemplateProcessing');
  const single = (template?.['single'] ?? []) as { readonly SpecialToken?: { readonly id: string } }[];
  const [first, last] = [single[0], single.at(-1)].map((part) => part?.SpecialToken?.id);
  const has = (token: string | undefined): GgufValue => bool(token !== undefined && ids.has(token));
  return [
    ['tokenizer.ggml.add_bos_token', has(first)],
    ['tokenizer.ggml.add_eos_token', has(last)],
  ];
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const unsupported = (file: string, field: string, what: string): WhetstoneError =>
  new WhetstoneError('EXPORT_UNSUPPORTED', `llama.cpp does not have ${what}`, {
    file,
    field,
    hint: 'Serve the model with "whetstone serve", or its folder with vLLM or transformers.',
  });
