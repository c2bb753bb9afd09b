// Trains a byte-level BPE tokenizer and writes it in Hugging Face's format.
// It does not know models; the same texts and settings always give the same bytes.
import { join } from 'node:path';
import { byteLevelAlphabet, byteLevelPreTokenizer } from 'tokenizers';
import { makeFolder, writeFileDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import { requireUnicode } from '../rows/unicode.ts';

export interface TokenizerTraining {
  /** Ids in all: special tokens, 256 bytes, merges. Fewer come out where the texts have too few pairs. */
  readonly vocabSize: number;
  /** Default `<s>`, put in front of every text; null trains a tokenizer without one. */
  readonly bosToken?: string | null;
  /** Default `</s>`. */
  readonly eosToken?: string;
  /** More special tokens, such as those of the chat template. */
  readonly specialTokens?: readonly string[];
  /** A pair seen less often is not merged; default 2. */
  readonly minFrequency?: number;
  readonly chatTemplate?: string | null;
}

/** The text of the two files that a trained tokenizer consists of. */
export interface TrainedTokenizer {
  readonly tokenizerJson: string;
  readonly tokenizerConfigJson: string;
}

/**
 * Byte-level BPE over `texts`, split into words as GPT-2 splits them. Ids: BOS, EOS, other special tokens, the
 * 256 bytes, then one id a merge. Merges go by falling frequency, equal ones by the smaller ids.
 * Throws `VOCAB_TOO_SMALL` and `LONE_SURROGATE`.
 */
export function trainTokenizer(texts: Iterable<string>, settings: TokenizerTraining): TrainedTokenizer {
  const { bosToken = '<s>', eosToken = '</s>', chatTemplate = null, minFrequency = 2 } = settings;
  const special = [
    ...new Set([...(bosToken === null ? [] : [bosToken]), eosToken, ...(settings.specialTokens ?? [])]),
  ];
  const alphabet = byteLevelAlphabet().sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
  const base = [...special, ...alphabet];
  if (settings.vocabSize < base.length) {
    throw new WhetstoneError(
      'VOCAB_TOO_SMALL',
      `a vocabulary of ${settings.vocabSize} cannot hold ${special.length} special tokens and 256 bytes`,
      { hint: `Ask for ${base.length} or more.` },
    );
  }
  const vocabulary = new Map(base.map((token, id) => [token, id]));
  const merges = learnMerges(countWords(texts), vocabulary, settings.vocabSize, Math.max(1, minFrequency));
  return {
    tokenizerJson: JSON.stringify(tokenizerFile(vocabulary, merges, special, bosToken), null, 1) + '\n',
    tokenizerConfigJson:
      JSON.stringify(configFile(special, bosToken, eosToken, chatTemplate), null, 2) + '\n',
  };
}

/** Writes tokenizer.json and tokenizer_config.json into `dir`, which is made if need be. */
export async function writeTokenizer(dir: string, trained: TrainedTokenizer): Promise<void> {
  await makeFolder(dir);
  await writeFileDurably(join(dir, 'tokenizer.json'), trained.tokenizerJson);
  await writeFileDurably(join(dir, 'tokenizer_config.json'), trained.tokenizerConfigJson);
}

/** How often each word occurs, its bytes spelled in the byte-level alphabet. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const split = byteLevelPreTokenizer(false, true);
  const counts = new Map<string, number>();
  for (const text of texts) {
    requireUnicode(text);
    for (const [word] of split.preTokenizeString(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  /** Occurrences when the pair was queued; stale as soon as another merge takes some away. */
  readonly count: number;
}

// Ids stay below 2^26, so that a pair of them is an exact double.
const RADIX = 2 ** 26;
const keyOf = (left: number, right: number): number => left * RADIX + right;

/** Adds the merged tokens to `vocabulary` until it has `size` entries; returns the merges in order. */
function learnMerges(
  counts: ReadonlyMap<string, number>,
  vocabulary: Map<string, number>,
  size: number,
  minFrequency: number,
): [string, string][] {
  const tokens = [...vocabulary.keys()];
  const words = [...counts].map(([word, count]) => ({
    symbols: Array.from(word, (character) => vocabulary.get(character) ?? 0),
    count,
  }));
  const pairCounts = new Map<number, number>();
  const pairWords = new Map<number, Set<number>>();
  const add = (left: number, right: number, word: number, amount: number): number => {
    const key = keyOf(left, right);
    pairCounts.set(key, (pairCounts.get(key) ?? 0) + amount);
    const places = pairWords.get(key);
    if (places) places.add(word);
    else pairWords.set(key, new Set([word]));
    return key;
  };
  words.forEach(({ symbols, count }, index) => {
    for (let i = 1; i < symbols.length; i++) add(symbols[i - 1] ?? 0, symbols[i] ?? 0, index, count);
  });

  const queue: Pair[] = [];
  const enqueue = (key: number): void => {
    const count = pairCounts.get(key) ?? 0;
    if (count >= minFrequency) push(queue, { left: Math.floor(key / RADIX), right: key % RADIX, count });
  };
  for (const key of pairCounts.keys()) enqueue(key);

  const merges: [string, string][] = [];
  while (tokens.length < size) {
    const pair = pop(queue);
    if (pair === undefined) break;
    const key = keyOf(pair.left, pair.right);
    if (pairCounts.get(key) !== pair.count) {
      enqueue(key);
      continue;
    }
    const [left, right] = [tokens[pair.left] ?? '', tokens[pair.right] ?? ''];
    // Two different pairs can spell the same token, which then keeps its first id.
    const merged = vocabulary.get(left + right) ?? tokens.length;
    if (merged === tokens.length) {
      vocabulary.set(left + right, merged);
      tokens.push(left + right);
    }
    merges.push([left, right]);

    const grown = new Set<number>();
    for (const index of pairWords.get(key) ?? []) {
      const word = words[index];
      if (word === undefined) continue;
      const { symbols, count } = word;
      for (let i = 1; i < symbols.length; i++) add(symbols[i - 1] ?? 0, symbols[i] ?? 0, index, -count);
      const shorter = mergePair(symbols, pair, merged);
      for (let i = 1; i < shorter.length; i++) {
        const next = add(shorter[i - 1] ?? 0, shorter[i] ?? 0, index, count);
        if (shorter[i - 1] === merged || shorter[i] === merged) grown.add(next);
      }
      word.symbols = shorter;
    }
    pairWords.delete(key);
    for (const next of grown) enqueue(next);
  }
  return merges;
}

function mergePair(symbols: readonly number[], { left, right }: Pair, merged: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      result.push(merged);
      i++;
    } else {
      result.push(symbols[i] ?? 0);
    }
  }
  return result;
}

/** Whether `a` is merged before `b`. */
function precedes(a: Pair, b: Pair): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}

function push(heap: Pair[], item: Pair): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !precedes(item, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = item;
}

function pop(heap: Pair[]): Pair | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    const child = 2 * at + 1;
    const [one, two] = [heap[child], heap[child + 1]];
    if (one === undefined) break;
    const [next, best] = two !== undefined && precedes(two, one) ? [child + 1, two] : [child, one];
    if (!precedes(best, last)) break;
    heap[at] = best;
    at = next;
  }
  heap[at] = last;
  return top;
}

function tokenizerFile(
  vocabulary: ReadonlyMap<string, number>,
  merges: readonly [string, string][],
  special: readonly string[],
  bosToken: string | null,
): object {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true };
  const bosId = bosToken === null ? undefined : vocabulary.get(bosToken);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: bosToken === null || bosId === undefined ? null : startWith(bosToken, bosId),
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  };
}

/** The post-processor that puts a BOS in front of every text. */
function startWith(content: string, id: number): object {
  const bos = (type_id: number): object => ({ SpecialToken: { id: content, type_id } });
  const sequence = (name: 'A' | 'B', type_id: number): object => ({ Sequence: { id: name, type_id } });
  return {
    type: 'TemplateProcessing',
    single: [bos(0), sequence('A', 0)],
    pair: [bos(0), sequence('A', 0), bos(1), sequence('B', 1)],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}

function configFile(
  special: readonly string[],
  bosToken: string | null,
  eosToken: string,
  chatTemplate: string | null,
): object {
  const named = { ...(bosToken === null ? {} : { bos_token: bosToken }), eos_token: eosToken };
  const extra = special.filter((token) => token !== bosToken && token !== eosToken);
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...named,
    ...(extra.length > 0 ? { additional_special_tokens: extra } : {}),
    clean_up_tokenization_spaces: false,
    ...(chatTemplate === null ? {} : { chat_template: chatTemplate }),
  };
}
