import { describe, expect, it } from 'vitest';
import { byteLevel, sentencePiece, withFolder } from '../tokens/test-tokenizers.ts';
import type { TokenizerJson } from '../tokens/test-tokenizers.ts';
import type { GgufValue } from './gguf-file.ts';
import { vocabularyFields } from './vocabulary.ts';

const fieldsOf = (
  files: Parameters<typeof withFolder>[0],
  size = 700,
): Promise<Record<string, GgufValue['value']>> =>
  withFolder(files, async (dir) =>
    Object.fromEntries(
      (await vocabularyFields(dir, size)).map(([key, { value }]) => [key.replace('tokenizer.', ''), value]),
    ),
  );
const gpt2 = (change: (json: TokenizerJson) => void = () => undefined) =>
  byteLevel((json) => {
    json.pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
    change(json);
  });
const refusal = (files: Parameters<typeof withFolder>[0]): Promise<unknown> =>
  fieldsOf(files).catch((error: unknown) => error);

describe('vocabularyFields', () => {
  it('has the merges of a byte-level BPE, and fills up to the embeddings’ size', async () => {
    const fields = await fieldsOf(gpt2());
    expect(fields).toMatchObject({ 'ggml.model': 'gpt2', 'ggml.pre': 'gpt-2', 'ggml.add_eos_token': false });
    const tokens = fields['ggml.tokens'] as string[];
    const types = fields['ggml.token_type'] as number[];
    expect([tokens.length, types.length]).toEqual([700, 700]);
    expect([tokens[699], types[699]]).toEqual(['[PAD699]', 5]);
    expect((fields['ggml.merges'] as string[])[0]).toMatch(/^\S+ \S+$/);
    expect(tokens[fields['ggml.eos_token_id'] as number]).toBeDefined();
  });

  it('scores the pieces of a SentencePiece BPE by when they are merged', async () => {
    for (const prefix of ['legacy', 'first'] as const) {
      const fields = await fieldsOf(sentencePiece(prefix));
      expect(fields).toMatchObject({
        ...{ 'ggml.model': 'llama', 'ggml.add_space_prefix': true },
        ...{
          'ggml.add_bos_token': true,
          'ggml.bos_token_id': 1,
          'ggml.eos_token_id': 2,
          'ggml.unknown_token_id': 0,
        },
      });
      const [tokens, types, scores] = ['tokens', 'token_type', 'scores'].map(
        (key) => fields[`ggml.${key}`],
      ) as [string[], number[], number[]];
      expect([types[0], types[3], types[tokens.indexOf('▁Below')]]).toEqual([3, 6, 1]);
      expect(scores[tokens.indexOf('Be')]).toBeGreaterThan(scores[tokens.indexOf('▁Below')]!);
      expect(scores[tokens.indexOf('B')]).toBeLessThan(scores[tokens.indexOf('▁Below')]!);
    }
  });

  it.each([
    [
      'digits one by one',
      (json: TokenizerJson) =>
        (json.pre_tokenizer = sequence({ type: 'Digits', individual_digits: true }, bytes)),
      'smollm',
    ],
    [
      "Llama 3's words, whole ones first",
      (json: TokenizerJson) => {
        json.pre_tokenizer = sequence(split(llama3), { ...bytes, use_regex: false });
        json.model['ignore_merges'] = true;
      },
      'llama-bpe',
    ],
    [
      "Qwen's words",
      (json: TokenizerJson) =>
        (json.pre_tokenizer = sequence(split(llama3.replace('{1,3}', '')), { ...bytes, use_regex: false })),
      'qwen2',
    ],
  ])('knows %s by its name', async (_, change, name) => {
    expect((await fieldsOf(gpt2((json) => void change(json))))['ggml.pre']).toBe(name);
  });

  it('refuses what llama.cpp has not, by the field', async () => {
    expect(await refusal(gpt2((json) => (json.model['type'] = 'Unigram')))).toMatchObject({
      code: 'EXPORT_UNSUPPORTED',
      place: { field: 'model.type' },
    });
    expect(
      await refusal(gpt2((json) => (json.pre_tokenizer = sequence(split(' ?x+'), bytes)))),
    ).toMatchObject({
      code: 'EXPORT_UNSUPPORTED',
      place: { field: 'pre_tokenizer' },
    });
    expect(await refusal(gpt2((json) => (json.normalizer = { type: 'Lowercase' })))).toMatchObject({
      place: { field: 'normalizer' },
    });
    expect(await refusal({})).toMatchObject({ code: 'NO_TOKENIZER' });
  });
});

const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });
const split = (Regex: string): object => ({
  type: 'Split',
  pattern: { Regex },
  behavior: 'Isolated',
  invert: false,
});
const llama3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
