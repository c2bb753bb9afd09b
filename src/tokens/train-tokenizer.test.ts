import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CORPUS, load, withFolder } from './test-tokenizers.ts';
import { loadTokenizer } from './tokenizer.ts';
import { trainTokenizer, writeTokenizer } from './train-tokenizer.ts';

fc.configureGlobal({ seed: 20240605, numRuns: 50 });

interface Model {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: [string, string][] };
}
const modelOf = (json: string): Model['model'] => (JSON.parse(json) as Model).model;

/** The definition of BPE training, with every pair counted anew before each merge. */
function slowMerges(
  words: string[],
  alphabet: string[],
  merges: number,
  minFrequency: number,
): [string, string][] {
  const tokens = [...alphabet];
  const result: [string, string][] = [];
  let split = words.map((word) => Array.from(word));
  while (result.length < merges) {
    const counts = new Map<string, number>();
    for (const symbols of split) {
      for (let i = 1; i < symbols.length; i++) {
        const pair = `${symbols[i - 1]} ${symbols[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const id = (token: string): number => tokens.indexOf(token);
    const best = [...counts]
      .map(([pair, count]) => ({ pair: pair.split(' ') as [string, string], count }))
      .filter(({ count }) => count >= minFrequency)
      .sort((a, b) => b.count - a.count || id(a.pair[0]) - id(b.pair[0]) || id(a.pair[1]) - id(b.pair[1]))[0];
    if (best === undefined) break;
    const [left, right] = best.pair;
    result.push(best.pair);
    if (!tokens.includes(left + right)) tokens.push(left + right);
    split = split.map((symbols) => {
      const merged: string[] = [];
      for (const symbol of symbols) {
        // A token that was merged just now is never the left half of the same pair.
        if (symbol === right && merged.at(-1) === left) merged[merged.length - 1] = left + right;
        else merged.push(symbol);
      }
      return merged;
    });
  }
  return result;
}

describe('trainTokenizer', () => {
  test('merges in the order of the definition', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'aa', 'abc'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        (words, minFrequency) => {
          const { merges, vocab } = modelOf(
            // A newline is a word of its own, so that each word stays as it is.
            trainTokenizer([words.join('\n')], { vocabSize: 270, minFrequency }).tokenizerJson,
          );
          const alphabet = Object.keys(vocab).slice(0, 258);
          expect(merges).toEqual(slowMerges(words, alphabet, merges.length, minFrequency));
          expect(Object.keys(vocab).length).toBeLessThanOrEqual(270);
          const exhausted = slowMerges(words, alphabet, 1000, minFrequency).length === merges.length;
          expect(exhausted || Object.keys(vocab).length === 270).toBe(true);
        },
      ),
    );
  });

  test('gives the same bytes every time, whatever the kind of iterable', () => {
    const settings = { vocabSize: 400 };
    expect(trainTokenizer(new Set(CORPUS), settings)).toEqual(trainTokenizer(CORPUS, settings));
  });

  test('writes a folder that loads, with special tokens, chat template and BOS', async () => {
    const settings = {
      vocabSize: 300,
      specialTokens: ['<|turn|>'],
      chatTemplate: '{{ messages[0].content }}',
    };
    const tokenizer = await withFolder({}, async (dir) => {
      await writeTokenizer(`${dir}/model`, trainTokenizer(CORPUS, settings));
      return loadTokenizer(`${dir}/model`);
    });
    expect([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.tokenToId('<|turn|>')]).toEqual([0, 1, 2]);
    expect(tokenizer.vocabSize).toBe(300);
    expect(tokenizer.chatTemplate).toBe('{{ messages[0].content }}');
    const { ids } = await tokenizer.encode('go<|turn|>');
    expect([ids[0], ids.at(-1)]).toEqual([0, 2]);
  });

  test('spells any text, trained on or not, and needs no BOS', async () => {
    const { tokenizerJson, tokenizerConfigJson } = trainTokenizer(['proto proto proto 12 12'], {
      vocabSize: 290,
      bosToken: null,
    });
    const tokenizer = await load({
      'tokenizer.json': tokenizerJson,
      'tokenizer_config.json': tokenizerConfigJson,
    });
    expect(tokenizer.bosTokenId).toBeNull();
    expect(tokenizer.tokenToId('proto')).not.toBeNull();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        expect(await tokenizer.decode((await tokenizer.encode(text)).ids)).toBe(text);
      }),
    );
  });

  test('refuses a vocabulary that cannot hold the bytes, and text that is not Unicode', () => {
    expect(() => trainTokenizer(CORPUS, { vocabSize: 257 })).toThrow(/2 special tokens and 256 bytes/);
    expect(() => trainTokenizer(['\udc00'], { vocabSize: 300 })).toThrow(/half of a surrogate pair/);
  });
});
