// Small tokenizers for the tests of this folder, built on the spot in the styles that real models use.
// Not part of the product.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from './tokenizer.ts';
import { loadTokenizer } from './tokenizer.ts';
import { trainTokenizer } from './train-tokenizer.ts';

export const CORPUS: readonly string[] = [
  'Below is an instruction that describes a task. Write a response that answers it.',
  '### Instruction:\nName three rivers of Europe.\n\n### Response:\nThe Rhine, the Danube and the Loire.\n',
  '### Judgment:\nThe third sentence repeats the second, and the date of the battle is wrong.\n',
  'Where does the rain go? It goes into the ground, into the rivers, and from the rivers into the sea.',
  'Er trank einen Kaffee; où est le café ? 今日は良い天気です。 🙂🙂 naïve façade, año nuevo.',
];

type Files = Readonly<Record<string, string | object>>;

/** Calls `use` with a folder that holds the given files, objects written as JSON; removes it afterwards. */
export async function withFolder<T>(files: Files, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'whetstone-tokens-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
    }
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

export function load(files: Files): Promise<Tokenizer> {
  return withFolder(files, loadTokenizer);
}

export interface TokenizerJson {
  added_tokens: object[];
  normalizer: object | null;
  pre_tokenizer: object | null;
  post_processor: object | null;
  decoder: object;
  model: { vocab: Record<string, number> | [string, number][]; merges: [string, string][] } & Record<
    string,
    unknown
  >;
  [field: string]: unknown;
}

/** A byte-level BPE (GPT-2, Llama 3, Qwen) with `<s>` in front; `change` edits its tokenizer.json. */
export function byteLevel(
  change: (json: TokenizerJson) => void = () => undefined,
  config: object = {},
): Record<string, string | object> {
  const { tokenizerJson, tokenizerConfigJson } = trainTokenizer(CORPUS, { vocabSize: 420, minFrequency: 1 });
  const json = JSON.parse(tokenizerJson) as TokenizerJson;
  change(json);
  return {
    'tokenizer.json': json,
    'tokenizer_config.json': { ...(JSON.parse(tokenizerConfigJson) as object), ...config },
  };
}

const WORDS = [
  'Below',
  'is',
  'an',
  'instruction',
  'Write',
  'response',
  'The',
  'the',
  'rivers',
  'Hello',
  'go',
  '🙂🙂',
];

/**
 * A BPE in the style of Llama 2: "▁" for spaces, byte fallback, and a space of its own before a text.
 * `prefix` is how it gets there: by the `legacy` normalizer, or by the `first` scheme of the pre-tokenizer.
 */
export function sentencePiece(prefix: 'legacy' | 'first'): Record<string, string | object> {
  const tokens = ['<unk>', '<s>', '</s>'];
  for (let byte = 0; byte < 256; byte++)
    tokens.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const characters = new Set(['▁', ...WORDS.join('')]);
  const merges: [string, string][] = [['▁', '▁']];
  for (const word of WORDS) {
    const [head = '', ...tail] = word;
    let left = head;
    for (const right of tail) {
      merges.push([left, right]);
      left += right;
    }
    merges.push(['▁', left]);
  }
  const vocab = new Map(
    [...tokens, ...characters, ...merges.map((pair) => pair.join(''))].map((token) => [token, 0]),
  );
  [...vocab.keys()].forEach((token, id) => vocab.set(token, id));
  const seen = new Set<string>();
  const unique = merges.filter((pair) => !seen.has(pair.join(' ')) && seen.add(pair.join(' ')));
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: tokens.slice(0, 3).map((content, id) => specialToken(content, id)),
      normalizer:
        prefix === 'legacy'
          ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, replace] }
          : null,
      pre_tokenizer:
        prefix === 'first'
          ? { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false }
          : null,
      post_processor: templateProcessing([['<s>', 1]], []),
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: '<unk>',
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(vocab),
        merges: unique,
      },
    },
    'tokenizer_config.json': {
      bos_token: { content: '<s>' },
      eos_token: { content: '</s>' },
      unk_token: '<unk>',
    },
  };
}

export function specialToken(content: string, id: number, options: object = {}): object {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    ...options,
  };
}

/** A post-processor that puts tokens before and behind every text. */
export function templateProcessing(before: [string, number][], after: [string, number][]): object {
  const special = ([id]: [string, number]): object => ({ SpecialToken: { id, type_id: 0 } });
  return {
    type: 'TemplateProcessing',
    single: [...before.map(special), { Sequence: { id: 'A', type_id: 0 } }, ...after.map(special)],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: Object.fromEntries(
      [...before, ...after].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }]),
    ),
  };
}
