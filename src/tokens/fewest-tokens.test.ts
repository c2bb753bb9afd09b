// The quick count against the tokenizers themselves: never more than there are, and enough to be of use.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevel, load, sentencePiece, specialToken } from './test-tokenizers.ts';
import type { TokenizerJson } from './test-tokenizers.ts';

type Files = ReturnType<typeof sentencePiece>;
const changed = (files: Files, change: (json: TokenizerJson) => void): Files => {
  const json = structuredClone(files['tokenizer.json']) as unknown as TokenizerJson;
  change(json);
  return { ...files, 'tokenizer.json': json };
};
const unknown = (files: Files, fused: boolean): Files =>
  changed(files, (json) => Object.assign(json.model, { byte_fallback: false, fuse_unk: fused }));

/** Kinds of which something is certain, and how many characters of plain text a token may have at most in the count. */
const certain: readonly [string, Files, number][] = [
  ['byte-level', byteLevel(), 20],
  ['byte-level with NFC', byteLevel((json) => (json.normalizer = { type: 'NFC' })), 20],
  [
    'byte-level with an added token that takes spaces with it',
    byteLevel((json) => json.added_tokens.push(specialToken('<mask>', 420, { lstrip: true, rstrip: true }))),
    30,
  ],
  ['SentencePiece, legacy', sentencePiece('legacy'), 20],
  ['SentencePiece, first', sentencePiece('first'), 20],
  ['one unknown token a character', unknown(sentencePiece('legacy'), false), 20],
];

/** Kinds of which nothing is. */
const uncertain: readonly [string, Files][] = [
  ['any number of characters as one unknown token', unknown(sentencePiece('legacy'), true)],
  [
    'a normalizer that drops',
    byteLevel((json) => (json.normalizer = { type: 'Strip', strip_left: true, strip_right: true })),
  ],
  ['a normalizer that shortens', byteLevel((json) => (json.normalizer = { type: 'NFKC' }))],
  [
    'a replacement',
    byteLevel((json) => (json.normalizer = { type: 'Replace', pattern: { Regex: ' +' }, content: ' ' })),
  ],
  [
    'a pre-tokenizer that drops',
    byteLevel((json) => {
      json.pre_tokenizer = {
        type: 'Sequence',
        pretokenizers: [{ type: 'WhitespaceSplit' }, json.pre_tokenizer],
      };
    }),
  ],
  [
    'a split that removes',
    byteLevel((json) => {
      const split = { type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false };
      json.pre_tokenizer = { type: 'Sequence', pretokenizers: [split, json.pre_tokenizer] };
    }),
  ],
];

const special = [
  '<s>',
  '</s>',
  '<mask>',
  ' <mask> ',
  '▁',
  '▁▁▁',
  'e\u{301}',
  '\u{212b}',
  '\u{1fef}',
  '\u{3b9}\u{308}\u{301}',
];
const space = [' ', '     ', '\n', '\t', '\u{3000}', '\u{a0}', '\u{2003}'];
const words = ['the', ' the', 'Below', 'instruction', ' rivers', '🙂🙂', 'ä', '中', 'x', '0'];
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.constantFrom(...special, ...space, ...words), { maxLength: 40 }).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom(...special, ...space, ...words), fc.nat(300)).map(([part, n]) => part.repeat(n)),
);

describe.each(certain)('%s', (_, files, most) => {
  it('counts no token that is not there', async () => {
    const tokenizer = await load(files);
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const { ids } = await tokenizer.encode(text, { addSpecialTokens: false });
        expect(tokenizer.fewestTokens(text)).toBeLessThanOrEqual(ids.length);
      }),
      { seed: 1, numRuns: 1500 },
    );
  });

  it('counts enough to refuse what is far too long', async () => {
    const tokenizer = await load(files);
    for (const text of ['x'.repeat(9000), 'a b '.repeat(2250), '🙂x'.repeat(1500), 'the rivers '.repeat(900)])
      expect(tokenizer.fewestTokens(text)).toBeGreaterThan(9000 / most);
    expect(tokenizer.fewestTokens('')).toBe(0);
  });
});

it.each(uncertain)('%s: nothing is certain', async (_, files) => {
  const tokenizer = await load(files);
  expect(tokenizer.fewestTokens('the cat '.repeat(1000))).toBe(0);
});

it('tells the number of tokens of a text that has more than it may', async () => {
  const tokenizer = await load(byteLevel());
  const { ids } = await tokenizer.encode('Below is an instruction');
  expect(await tokenizer.encodeUpTo('Below is an instruction', ids.length)).toMatchObject({ ids });
  expect(await tokenizer.encodeUpTo('Below is an instruction', ids.length - 1)).toBe(ids.length);
});
