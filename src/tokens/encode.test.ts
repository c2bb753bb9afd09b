import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { EncodedTriplet, TripletText } from './encode.ts';
import { encodeContinuation, encodePieces, encodePrompt, encodeResponse, encodeTriplet } from './encode.ts';
import type { PromptTemplate } from './prompt.ts';
import { loadTemplate, stringTemplate } from './template.ts';
import { byteLevel, load, sentencePiece, templateProcessing } from './test-tokenizers.ts';
import type { Tokenizer } from './tokenizer.ts';
import { codePointLength } from '../rows/unicode.ts';

fc.configureGlobal({ seed: 20240605, numRuns: 60 });

const spaced = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
const KINDS = {
  'byte-level': () => byteLevel(),
  'byte-level with trimmed spans': () => byteLevel((json) => (json.post_processor = spaced)),
  'byte-level with a space in front': () => byteLevel((json) => (json.pre_tokenizer = spaced)),
  'byte-level that adds the end token': () =>
    byteLevel((json) => (json.post_processor = templateProcessing([['<s>', 0]], [['</s>', 1]]))),
  'byte-level with NFC': () => byteLevel((json) => (json.normalizer = { type: 'NFC' })),
  'SentencePiece, prefix by normalizer': () => sentencePiece('legacy'),
  'SentencePiece, prefix by pre-tokenizer': () => sentencePiece('first'),
} as const;

// Templates whose end invites a token to reach into the response, or to depend on the prompt.
const TIGHT = stringTemplate('tight', { plain: '{instruction}', with_judgment: '{judgment}{instruction}' });
const LOOSE = stringTemplate('loose', {
  plain: 'Q {instruction}\n',
  with_judgment: '{instruction}: {judgment} ',
});

const awkward = fc.constantFrom(
  ...[
    ' ',
    '  ',
    '\n',
    '\n\n',
    'the',
    ' the rivers',
    'Hello',
    'e\u0301',
    '\u0301',
    '👩‍👩‍👧',
    '🙂🙂',
    '한국',
    '\u1112\u1161\u11ab',
  ],
  ...[
    '\u0000',
    '\ufeff',
    '\u200d',
    'ﬁ',
    '\u202e',
    'İ',
    '٣',
    '"',
    '\t',
    '\r\n',
    '<',
    '</',
    '{judgment}',
    '\u{10ffff}',
  ],
);
// "▁" stands for a space in SentencePiece, which no tokenizer of that kind can give back.
const text = fc
  .array(
    fc.oneof(
      awkward,
      awkward,
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
  )
  .map((parts) => parts.join('').replaceAll('▁', '_'));
const some = text.filter((value) => value !== '');
const rows: fc.Arbitrary<TripletText> = fc.record({
  instruction: some,
  output: text,
  judgment: fc.option(some, { nil: null }),
});

const ids = (sequence: { ids: Int32Array } | null): number[] => Array.from(sequence?.ids ?? []);

describe.each(Object.entries(KINDS))('%s', (kind, files) => {
  let tokenizer: Tokenizer;
  const lossless = (value: string): string => (kind.includes('NFC') ? value.normalize('NFC') : value);
  beforeAll(async () => {
    tokenizer = await load(files());
  });

  const checkEach = (check: (row: TripletText, encoded: EncodedTriplet) => Promise<void>): Promise<void> =>
    fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(TIGHT, LOOSE), async (row, template) => {
        await check(row, await encodeTriplet(tokenizer, template, row));
      }),
    );

  test('both sequences end in the very same response tokens, the last one the end token', () =>
    checkEach((row, { plain, judged, responseIds }) => {
      const response = Array.from(responseIds);
      expect(ids(plain).slice(plain.responseStart)).toEqual(response);
      expect(judged === null).toBe(row.judgment === null);
      if (judged !== null) expect(ids(judged).slice(judged.responseStart)).toEqual(response);
      expect(response.at(-1)).toBe(tokenizer.eosTokenId);
      expect(response.at(-2)).not.toBe(tokenizer.eosTokenId);
      expect(plain.responseStart).toBeGreaterThan(0);
      return Promise.resolve();
    }));

  test('spans cover the response in order and end with the empty span of the end token', () =>
    checkEach((row, { responseIds, offsets }) => {
      const length = codePointLength(row.output);
      expect(offsets).toHaveLength(responseIds.length);
      expect(offsets.at(-1)).toEqual([length, length]);
      let [lastStart, covered] = [0, 0];
      for (const [start, end] of offsets) {
        expect(start).toBeGreaterThanOrEqual(lastStart);
        expect(start).toBeLessThanOrEqual(covered);
        expect(end).toBeGreaterThanOrEqual(start);
        [lastStart, covered] = [start, Math.max(covered, end)];
      }
      expect(covered).toBe(length);
      return Promise.resolve();
    }));

  test('every run of tokens that ends at a character is the text of its span', () =>
    checkEach(async (row, { responseIds, offsets }) => {
      const points = Array.from(row.output);
      const { ids: anchor } = await tokenizer.encode('\n', { addSpecialTokens: false });
      const before = await tokenizer.decode(anchor);
      let [first, from, covered] = [0, 0, 0];
      for (let i = 0; i < responseIds.length; i++) {
        const [start, end] = offsets[i] ?? [0, 0];
        if (start >= covered && i > first) {
          const decoded = await tokenizer.decode([...anchor, ...responseIds.subarray(first, i)]);
          // NFC may move a mark over a boundary that only it can see, so that its pieces are compared normalized.
          expect(lossless(decoded)).toBe(lossless(before + points.slice(from, start).join('')));
          [first, from] = [i, start];
        }
        covered = Math.max(covered, end);
      }
    }));

  test('each sequence decodes to its prompt, the response to the byte, and the end token', () =>
    checkEach(async (row, { plain, judged }) => {
      for (const sequence of judged === null ? [plain] : [plain, judged]) {
        const prompt = await tokenizer.decode(sequence.ids.subarray(0, sequence.responseStart));
        const whole = await tokenizer.decode(sequence.ids);
        expect(lossless(whole)).toBe(lossless(`${prompt}${row.output}</s>`));
      }
    }));
});

describe('a prompt of several pieces', () => {
  const template = stringTemplate('t', { plain: '', with_judgment: '' });
  const prompts = [['go\n'], ['go\nthe rivers', '\nHello ', '\nworld\n']];

  test.each(Object.keys(KINDS) as (keyof typeof KINDS)[])(
    'has the end token between them, once, and the same response behind it (%s)',
    async (kind) => {
      const tokenizer = await load(KINDS[kind]());
      const end = tokenizer.eosTokenId;
      const encoded = await encodeResponse(tokenizer, template, prompts, 'the rivers');
      const [plain, long] = encoded.sequences;
      expect(ids(long!).slice(long!.responseStart)).toEqual(Array.from(encoded.responseIds));
      expect(ids(plain!).slice(plain!.responseStart)).toEqual(Array.from(encoded.responseIds));
      expect(ids(long!).filter((id) => id === end)).toHaveLength(3);
      expect(encoded.responseIds.indexOf(end)).toBe(encoded.responseIds.length - 1);
      // The response that the prompt holds is closed as it is where it stands at the end.
      const first = await encodeResponse(tokenizer, template, [['go\n']], 'the rivers');
      expect(ids(long!).slice(0, first.sequences[0]!.ids.length)).toEqual(ids(first.sequences[0]!));
      const text = await tokenizer.decode(long!.ids.filter((id) => id !== tokenizer.bosTokenId));
      expect(text.trimStart()).toBe('go\nthe rivers</s>\nHello </s>\nworld\nthe rivers</s>');
      const prompt = await encodePieces(tokenizer, template, prompts[1]!);
      if (encoded.retokenized === null)
        expect(ids(long!).slice(0, long!.responseStart)).toEqual(Array.from(prompt));
    },
  );

  test('does not get a second end token where a piece or a response spells it out', async () => {
    const tokenizer = await load(byteLevel());
    const end = tokenizer.eosTokenId;
    const count = (found: Int32Array): number => found.filter((id) => id === end).length;
    expect(count(await encodePieces(tokenizer, template, ['go</s>', '\nHello']))).toBe(1);
    expect(count(await encodePieces(tokenizer, template, ['go', '</s>\nHello']))).toBe(1);
  });

  test('may end in an empty piece, and straddles are seen in the last one', async () => {
    const tokenizer = await load(byteLevel());
    const bare = await encodeResponse(tokenizer, template, [['go', '']], 'the rivers');
    expect(bare.sequences[0]!.ids[bare.sequences[0]!.responseStart - 1]).toBe(tokenizer.eosTokenId);
    const straddling = await encodeResponse(tokenizer, template, [['go', '\nHello ']], 'the rivers');
    expect(straddling.retokenized).toBe('straddle');
  });
});

describe('the response', () => {
  const alpaca = (tokenizer: Tokenizer): Promise<PromptTemplate> => loadTemplate('alpaca', tokenizer);

  test('is cut out of the joint tokenization where no token straddles', async () => {
    const tokenizer = await load(sentencePiece('legacy'));
    const template = await alpaca(tokenizer);
    const row = { instruction: 'Go', output: 'Hello the rivers', judgment: 'The third is wrong.' };
    const { plain, judged, retokenized } = await encodeTriplet(tokenizer, template, row);
    expect(retokenized).toBeNull();
    for (const [sequence, judgment] of [
      [plain, null],
      [judged, row.judgment],
    ] as const) {
      const together = await tokenizer.encode(template.render(row, judgment) + row.output);
      expect(ids(sequence)).toEqual([...together.ids, tokenizer.eosTokenId]);
    }
  });

  test('is tokenized on its own where a token straddles the end of a prompt', async () => {
    const tokenizer = await load(byteLevel());
    const template = stringTemplate('t', {
      plain: '{instruction} ',
      with_judgment: '{instruction}{judgment}\n',
    });
    const row = { instruction: 'go', output: 'the rivers', judgment: 'x' };
    expect((await tokenizer.encode('go the')).offsets.at(-1)).toEqual([2, 6]);
    const { plain, judged, responseIds, offsets, retokenized } = await encodeTriplet(
      tokenizer,
      template,
      row,
    );
    expect(retokenized).toBe('straddle');
    const alone = await tokenizer.encode('the rivers', { addSpecialTokens: false });
    expect(Array.from(responseIds)).toEqual([...alone.ids, tokenizer.eosTokenId]);
    expect(offsets).toEqual([...alone.offsets, [10, 10]]);
    expect(ids(plain)).toEqual([...(await tokenizer.encode('go ')).ids, ...responseIds]);
    expect(ids(judged)).toEqual([...(await tokenizer.encode('gox\n')).ids, ...responseIds]);
    expect(await encodePrompt(tokenizer, template, row)).toEqual(plain.ids.subarray(0, plain.responseStart));
  });

  test('a straddle in the judged prompt alone counts as well, but not where there is no judgment', async () => {
    const tokenizer = await load(byteLevel());
    const template = stringTemplate('t', {
      plain: '{instruction}\n',
      with_judgment: '{instruction}{judgment} ',
    });
    const row = { instruction: 'go', output: 'the rivers', judgment: 'x' };
    expect((await encodeTriplet(tokenizer, template, row)).retokenized).toBe('straddle');
    expect((await encodeTriplet(tokenizer, template, { ...row, judgment: null })).retokenized).toBeNull();
  });

  test('sees a straddle that trimmed spans hide', async () => {
    const tokenizer = await load(KINDS['byte-level with trimmed spans']());
    const template = stringTemplate('t', {
      plain: '{instruction} ',
      with_judgment: '{instruction}{judgment} ',
    });
    const row = { instruction: 'go', output: 'the rivers', judgment: null };
    expect((await encodeTriplet(tokenizer, template, row)).retokenized).toBe('straddle');
  });

  test('is tokenized on its own where the two prompts would give it different tokens', async () => {
    const tokenizer = await load(sentencePiece('legacy'));
    // This normalizer puts a space in front of whatever follows a special token.
    const template = stringTemplate('t', {
      plain: '{instruction}</s>',
      with_judgment: '{instruction}{judgment}\n',
    });
    const row = { instruction: 'go', output: 'Hello', judgment: 'x' };
    const { responseIds, retokenized, offsets } = await encodeTriplet(tokenizer, template, row);
    expect(retokenized).toBe('contexts-differ');
    expect(Array.from(responseIds, (id) => tokenizer.idToToken(id))).toEqual(['Hello', '</s>']);
    expect(offsets).toEqual([
      [0, 5],
      [5, 5],
    ]);
  });

  test.each(['legacy', 'first'] as const)(
    'continues a text without a space of its own (%s)',
    async (prefix) => {
      const tokenizer = await load(sentencePiece(prefix));
      const tokens = async (value: string): Promise<(string | null)[]> =>
        (await encodeContinuation(tokenizer, value)).ids.map((id) => tokenizer.idToToken(id));
      expect(await tokens('Hello')).toEqual(['Hello']);
      expect(await tokens(' Hello')).toEqual(['▁Hello']);
      expect(await tokens('\nHello')).toEqual(['<0x0A>', 'Hello']);
      expect(await tokens('')).toEqual([]);
    },
  );
});

describe('special tokens', () => {
  const row = { instruction: 'go', output: 'the rivers', judgment: null };
  const count = (sequence: { ids: Int32Array }, id: number | null): number =>
    ids(sequence).filter((x) => x === id).length;

  test('an end token that the tokenizer adds is not doubled, and does not end the prompt', async () => {
    const tokenizer = await load(KINDS['byte-level that adds the end token']());
    for (const plain of ['{instruction}\n', '{instruction} ']) {
      const template = stringTemplate('t', { plain, with_judgment: '{instruction}{judgment}' });
      const encoded = await encodeTriplet(tokenizer, template, row);
      expect(count(encoded.plain, tokenizer.eosTokenId)).toBe(1);
      expect(encoded.plain.ids.at(-1)).toBe(tokenizer.eosTokenId);
      expect(encoded.offsets.at(-1)).toEqual([10, 10]);
      expect(count({ ids: await encodePrompt(tokenizer, template, row) }, tokenizer.eosTokenId)).toBe(0);
    }
  });

  test('an end token that the response spells out is not doubled', async () => {
    const tokenizer = await load(byteLevel());
    const template = await loadTemplate('alpaca', tokenizer);
    const { plain, offsets } = await encodeTriplet(tokenizer, template, { ...row, output: 'go</s>' });
    expect(count(plain, tokenizer.eosTokenId)).toBe(1);
    expect(offsets.at(-1)).toEqual([2, 6]);
  });

  test('a chat template has the last word on the BOS', async () => {
    const tokenizer = await load(byteLevel());
    const specialTokens = { bos_token: '<s>' };
    const addedTokens = new Set<string>();
    const turns = '{{ messages[0].content }}\nThe answer:\n';
    const without = await loadTemplate('chat', { chatTemplate: turns, specialTokens, addedTokens });
    const within = await loadTemplate('chat', {
      chatTemplate: `{{ bos_token }}${turns}`,
      specialTokens,
      addedTokens,
    });
    expect(count((await encodeTriplet(tokenizer, without, row)).plain, tokenizer.bosTokenId)).toBe(0);
    const { plain } = await encodeTriplet(tokenizer, within, row);
    expect([count(plain, tokenizer.bosTokenId), plain.ids[0]]).toEqual([1, tokenizer.bosTokenId]);
  });

  test('a BOS that a template file spells out is not doubled', async () => {
    const tokenizer = await load(byteLevel());
    const template = stringTemplate('t', {
      plain: '<s>{instruction}\n',
      with_judgment: '<s>{instruction} {judgment}\n',
    });
    const { plain, judged, retokenized } = await encodeTriplet(tokenizer, template, {
      ...row,
      judgment: 'x',
    });
    expect(retokenized).toBeNull();
    expect([count(plain, 0), count(judged ?? plain, 0), plain.ids[0]]).toEqual([1, 1, 0]);
    expect(await tokenizer.decode(plain.ids)).toBe('<s>go\nthe rivers</s>');
    expect(count({ ids: await encodePrompt(tokenizer, template, row, 'x') }, 0)).toBe(1);
  });
});

describe('a row that cannot be encoded', () => {
  test('names the field that holds half of a surrogate pair', async () => {
    const tokenizer = await load(byteLevel());
    const template = await loadTemplate('alpaca', tokenizer);
    const row = { instruction: 'go', input: 'a', output: 'b', judgment: 'c' };
    for (const field of ['instruction', 'input', 'output', 'judgment']) {
      const error = encodeTriplet(
        tokenizer,
        template,
        { ...row, [field]: 'x\udc00' },
        { file: 'rows.json', row: 3 },
      );
      await expect(error).rejects.toMatchObject({
        code: 'LONE_SURROGATE',
        place: { file: 'rows.json', row: 3, field },
      });
    }
  });

  test('has no prompt at all', async () => {
    const tokenizer = await load(byteLevel((json) => (json.post_processor = null)));
    const row = { instruction: '', output: 'b', judgment: null };
    await expect(encodeTriplet(tokenizer, TIGHT, row, { row: 3 })).rejects.toMatchObject({
      code: 'EMPTY_PROMPT',
      place: { row: 3 },
    });
    await expect(encodePrompt(tokenizer, TIGHT, row)).rejects.toMatchObject({ code: 'EMPTY_PROMPT' });
  });
});
