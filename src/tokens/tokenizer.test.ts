import { describe, expect, test } from 'vitest';
import type { WhetstoneError } from '../errors.ts';
import {
  byteLevel,
  load,
  sentencePiece,
  specialToken,
  templateProcessing,
  withFolder,
} from './test-tokenizers.ts';
import { loadTokenizer } from './tokenizer.ts';

const failure = (files: Parameters<typeof load>[0]): Promise<WhetstoneError> =>
  load(files).then(
    () => expect.fail('the tokenizer loaded'),
    (error: unknown) => error as WhetstoneError,
  );

describe('encode', () => {
  test('adds the special tokens of the post-processor only when asked to', async () => {
    const tokenizer = await load(byteLevel());
    const { ids, leading, trailing } = await tokenizer.encode('The rivers');
    const bare = await tokenizer.encode('The rivers', { addSpecialTokens: false });
    expect(Array.from(ids)).toEqual([tokenizer.bosTokenId, ...bare.ids]);
    expect([leading, trailing, bare.leading]).toEqual([1, 0, 0]);
    expect(await tokenizer.decode(ids)).toBe('<s>The rivers');
    expect(await tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('The rivers');
  });

  test('counts code points, and repeats the span of a character that is spread over tokens', async () => {
    const tokenizer = await load(byteLevel());
    const { ids, offsets } = await tokenizer.encode('🦔x', { addSpecialTokens: false });
    expect(ids.length).toBeGreaterThan(2);
    expect(offsets).toEqual([...Array.from(ids.slice(1), () => [0, 1]), [1, 2]]);
    expect(await tokenizer.decode(ids)).toBe('🦔x');
  });

  test('keeps the space of a word in its span, whatever trim_offsets says', async () => {
    const trimming = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const tokenizer = await load(byteLevel((json) => (json.post_processor = trimming)));
    const { offsets } = await tokenizer.encode('go  the rivers');
    expect(offsets.slice(-2)).toEqual([
      [3, 7],
      [7, 14],
    ]);
  });

  test('leaves no gap where a normalizer joins characters', async () => {
    const tokenizer = await load(byteLevel((json) => (json.normalizer = { type: 'NFC' })));
    const { offsets } = await tokenizer.encode('xe\u0301y', { addSpecialTokens: false });
    expect(offsets.length).toBeGreaterThan(2);
    expect(offsets).toEqual([[0, 1], ...offsets.slice(1, -1).map(() => [1, 3]), [3, 4]]);
  });

  test('gives tokens behind the text an empty span at its end', async () => {
    const tokenizer = await load(
      byteLevel((json) => (json.post_processor = templateProcessing([['<s>', 0]], [['</s>', 1]]))),
    );
    const { offsets, trailing } = await tokenizer.encode('go 🙂');
    expect(trailing).toBe(1);
    expect(offsets[0]).toEqual([0, 0]);
    expect(offsets.at(-1)).toEqual([4, 4]);
  });

  test('ignores truncation and padding that the file remembers', async () => {
    const files = byteLevel((json) => {
      json['truncation'] = { direction: 'Right', max_length: 4, strategy: 'LongestFirst', stride: 0 };
      json['padding'] = {
        strategy: { Fixed: 300 },
        direction: 'Right',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '<s>',
      };
    });
    const tokenizer = await load(files);
    const text = 'xyz'.repeat(40);
    const { ids } = await tokenizer.encode(text, { addSpecialTokens: false });
    expect(await tokenizer.decode(ids)).toBe(text);
  });

  test('refuses half of a surrogate pair and says where it stands', async () => {
    const tokenizer = await load(byteLevel());
    await expect(tokenizer.encode('🙂a\ud83d')).rejects.toMatchObject({
      code: 'LONE_SURROGATE',
      message: expect.stringContaining('character 3 of the text') as string,
    });
  });
});

describe('loadTokenizer', () => {
  test('knows the named tokens, given as strings or as objects', async () => {
    const plain = await load(byteLevel());
    expect([plain.bosTokenId, plain.eosTokenId, plain.vocabSize]).toEqual([0, 1, 420]);
    const llama = await load(sentencePiece('legacy'));
    expect([llama.bosTokenId, llama.eosTokenId]).toEqual([1, 2]);
    expect(llama.specialTokens).toEqual({ bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' });
    expect(llama.idToToken(2)).toBe('</s>');
    expect(llama.tokenToId('no such token')).toBeNull();
  });

  test('gathers every end token, the trained one first', async () => {
    const files = {
      ...byteLevel(),
      'generation_config.json': { eos_token_id: [7, 1, 9] },
      'config.json': { eos_token_id: 11 },
    };
    // As transformers' generate: what config.json lists counts only where generation_config.json lists nothing.
    expect((await load(files)).stopTokenIds).toEqual([1, 7, 9]);
    expect((await load({ ...files, 'generation_config.json': {} })).stopTokenIds).toEqual([1, 11]);
    expect((await load(byteLevel())).stopTokenIds).toEqual([1]);
  });

  test.each([
    ['Gemma', "{{ '<|turn|>' ~ m.role ~ m.content | trim ~ '<|end|>\n' }}", '<|end|>'],
    ['with the end token', "{{ '<|turn|>' ~ m.role ~ m.content ~ eos_token }}", null],
    ['without an end', "{{ m.role ~ ': ' ~ m.content ~ '\n' }}", null],
    [
      'that refuses an answer',
      "{{ m.content }}{% if m.role != 'user' %}{{ raise_exception('no') }}{% endif %}",
      null,
    ],
    ['that cannot be read', '{{ m.', null],
    [
      'that never ends',
      '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}',
      null,
    ],
  ])('and the one that a chat template %s ends turns with', async (_, turn, token) => {
    const tokens = ['<|turn|>', '<|end|>'].map((content, i) => ({ content, special: i === 0 }));
    const decoder = Object.fromEntries(tokens.map((each, i) => [String(420 + i), each]));
    const chat = {
      chat_template: `{% for m in messages %}${turn}{% endfor %}`,
      added_tokens_decoder: decoder,
    };
    const tokenizer = await load({ ...byteLevel(undefined, chat), 'config.json': { eos_token_id: 7 } });
    const more = token === null ? [] : [tokenizer.tokenToId(token)];
    expect(tokenizer.stopTokenIds).toEqual([1, 7, ...more]);
  });

  test('falls back on special_tokens_map.json', async () => {
    const files = byteLevel(undefined, { eos_token: null, bos_token: undefined });
    const tokenizer = await load({ ...files, 'special_tokens_map.json': { eos_token: { content: '</s>' } } });
    expect(tokenizer.eosTokenId).toBe(1);
    expect(tokenizer.bosTokenId).toBeNull();
  });

  test('finds the chat template in its file, in the configuration, or in a list', async () => {
    const inConfig = byteLevel(undefined, { chat_template: 'one' });
    expect((await load(inConfig)).chatTemplate).toBe('one');
    expect((await load({ ...inConfig, 'chat_template.jinja': 'two' })).chatTemplate).toBe('two');
    const list = [
      { name: 'tool_use', template: 'three' },
      { name: 'default', template: 'four' },
    ];
    expect((await load(byteLevel(undefined, { chat_template: list }))).chatTemplate).toBe('four');
    expect((await load(byteLevel())).chatTemplate).toBeNull();
  });

  test('adds tokens that only tokenizer_config.json lists', async () => {
    const added_tokens_decoder = { '420': { content: '<|turn|>', special: true } };
    const tokenizer = await load(byteLevel(undefined, { added_tokens_decoder, eos_token: '<|turn|>' }));
    expect([tokenizer.eosTokenId, tokenizer.vocabSize]).toEqual([420, 421]);
    expect(Array.from((await tokenizer.encode('go<|turn|>')).ids).at(-1)).toBe(420);
  });

  test('has a fingerprint that follows tokenizer.json alone', async () => {
    const one = await load(byteLevel());
    const same = await load(byteLevel(undefined, { chat_template: 'x' }));
    const other = await load(byteLevel((json) => json.added_tokens.push(specialToken('<x>', 420))));
    expect(one.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(same.fingerprint).toBe(one.fingerprint);
    expect(other.fingerprint).not.toBe(one.fingerprint);
  });
});

describe('a folder that cannot be used', () => {
  test('no tokenizer.json', async () => {
    expect(await failure({ 'tokenizer_config.json': {} })).toMatchObject({ code: 'NO_TOKENIZER' });
  });

  test.each([
    ['empty', ''],
    ['cut short', '{"version": "1.0", "model": {"type": "BPE"'],
    ['not JSON', 'version: 1'],
    ['of another kind', '{"version": "1.0", "model": {"type": "Oracle"}}'],
  ])('tokenizer.json is %s', async (_, text) => {
    const error = await failure({ ...byteLevel(), 'tokenizer.json': text });
    expect(error.code).toBe('BAD_TOKENIZER');
    expect(error.place.file).toMatch(/tokenizer\.json$/);
    expect(error.place.line).toBe(1);
  });

  test('no end token, or one outside the vocabulary', async () => {
    const none = await failure({
      ...byteLevel(undefined, { eos_token: null }),
      'config.json': { eos_token_id: 1 },
    });
    expect(none.code).toBe('NO_END_TOKEN');
    expect(await failure({ 'tokenizer.json': byteLevel()['tokenizer.json'] ?? {} })).toMatchObject({
      code: 'NO_END_TOKEN',
    });
    const unknown = await failure(byteLevel(undefined, { eos_token: '<|nowhere|>' }));
    expect(unknown.code).toBe('NO_END_TOKEN');
    expect(unknown.message).toContain('"<|nowhere|>" is not in the vocabulary');
  });

  test.each([
    ['eos_token', { eos_token: 3 }],
    ['eos_token', { eos_token: { text: '</s>' } }],
    ['chat_template', { chat_template: 5 }],
    ['added_tokens_decoder', { added_tokens_decoder: { '9': 'x' } }],
    ['added_tokens_decoder', { added_tokens_decoder: { '9': { content: '</s>' } } }],
  ])('tokenizer_config.json has a wrong %s', async (field, config) => {
    const error = await failure(byteLevel(undefined, config));
    expect(error).toMatchObject({ code: 'TOKENIZER_CONFIG', place: { field } });
    expect(error.place.file).toMatch(/tokenizer_config\.json$/);
  });

  test('a malformed file is named with the line', async () => {
    const error = await failure({
      ...byteLevel(),
      'generation_config.json': '{\n  "eos_token_id": [1,\n  2 3]\n}',
    });
    expect(error).toMatchObject({ code: 'MODEL_CONFIG', place: { line: 3, column: 5 } });
    expect(error.place.file).toMatch(/generation_config\.json$/);
    const ids = await failure({ ...byteLevel(), 'config.json': { eos_token_id: '1' } });
    expect(ids).toMatchObject({ code: 'MODEL_CONFIG', place: { field: 'eos_token_id' } });
  });

  test('a file instead of a folder, or no folder, is not taken for a missing tokenizer', async () => {
    await withFolder(byteLevel(), async (dir) => {
      await expect(loadTokenizer(`${dir}/tokenizer.json`)).rejects.toMatchObject({ code: 'NO_MODEL' });
      await expect(loadTokenizer(`${dir}/none`)).rejects.toThrow(/no such folder/);
    });
  });
});
