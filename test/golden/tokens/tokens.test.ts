// The token layer against what transformers and tokenizers make of the same files; see generate.py.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatTime } from '../../../src/tokens/strftime.ts';
import {
  encodePrompt,
  encodeTriplet,
  loadTemplate,
  stringTemplate,
  trainTokenizer,
} from '../../../src/tokens/index.ts';
import type { Tokenizer } from '../../../src/tokens/index.ts';
import { load } from '../../../src/tokens/test-tokenizers.ts';

interface Golden {
  readonly tokenizers: readonly {
    readonly name: string;
    readonly tokenizer: string;
    readonly config: object;
    readonly texts: readonly {
      readonly text: string;
      readonly ids: number[];
      readonly bare: number[];
      readonly decoded: string;
      readonly skipped: string;
    }[];
    /** `start` is null where a token straddles the prompt's end. */
    readonly rows: readonly {
      readonly prompt: string;
      readonly response: string;
      ids: number[];
      start: number | null;
    }[];
    readonly chat: { readonly instruction: string; readonly text: string; readonly ids: number[] };
  }[];
  readonly trained: {
    readonly corpus: string[];
    readonly special: string[];
    readonly vocab: Record<string, number>;
    readonly merges: string[][];
  };
  readonly times: { readonly format: string; readonly cases: readonly [string, string][] };
}

const golden = JSON.parse(readFileSync(new URL('tokens.json', import.meta.url), 'utf8')) as Golden;

describe.each(golden.tokenizers)('$name', ({ tokenizer: json, config, texts, rows, chat }) => {
  const tokenizer: Promise<Tokenizer> = load({ 'tokenizer.json': json, 'tokenizer_config.json': config });

  test.each(texts)('encodes and decodes $text', async ({ text, ids, bare, decoded, skipped }) => {
    const loaded = await tokenizer;
    expect(Array.from((await loaded.encode(text)).ids)).toEqual(ids);
    expect(Array.from((await loaded.encode(text, { addSpecialTokens: false })).ids)).toEqual(bare);
    expect(await loaded.decode(ids)).toBe(decoded);
    expect(await loaded.decode(ids, { skipSpecialTokens: true })).toBe(skipped);
  });

  test.each(rows)('finds the response $response', async ({ prompt, response, ids, start }) => {
    const template = stringTemplate('whole', {
      plain: '{instruction}',
      with_judgment: '{instruction}{judgment}',
    });
    const row = { instruction: prompt, output: response, judgment: null };
    const { plain, retokenized } = await encodeTriplet(await tokenizer, template, row);
    expect(retokenized).toBe(start === null ? 'straddle' : null);
    if (start === null) return;
    expect(Array.from(plain.ids)).toEqual(ids);
    expect(plain.responseStart).toBe(start);
  });

  test('renders and encodes the chat template', async () => {
    const template = await loadTemplate('chat', await tokenizer);
    expect(template.render(chat, null)).toBe(chat.text);
    expect(Array.from(await encodePrompt(await tokenizer, template, chat))).toEqual(chat.ids);
  });
});

test('a trained tokenizer has the vocabulary and merges that the reference trainer finds', () => {
  const { corpus, special, vocab, merges } = golden.trained;
  const [bosToken = '', eosToken = '', ...specialTokens] = special;
  const { tokenizerJson } = trainTokenizer(corpus, {
    vocabSize: 480,
    minFrequency: 2,
    bosToken,
    eosToken,
    specialTokens,
  });
  const { model } = JSON.parse(tokenizerJson) as {
    model: { vocab: Record<string, number>; merges: string[][] };
  };
  expect(model.merges.length).toBeGreaterThan(40);
  expect(model.merges).toEqual(merges);
  expect(model.vocab).toEqual(vocab);
});

test.each(golden.times.cases)('dates are those of strftime: %s', (time, expected) => {
  expect(formatTime(new Date(time), golden.times.format)).toBe(expected);
});
