// Streams of text: pieces add up to what the tokenizer decodes, whole characters, stop strings however they are cut.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GeneratedToken } from '../engine/engine.ts';
import { byteLevel, load, sentencePiece } from '../tokens/test-tokenizers.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { openTextStream } from './text-stream.ts';
import type { TextPiece } from './text-stream.ts';

const tokenOf = (id: number): GeneratedToken => ({ id, logProb: -1, top: [] });

async function stream(
  tokenizer: Pick<Tokenizer, 'decode'>,
  ids: readonly number[],
  stops: readonly string[] = [],
): Promise<{ pieces: TextPiece[]; text: string; stop: string | null; used: number }> {
  const open = openTextStream(tokenizer, { stops });
  const pieces: TextPiece[] = [];
  let used = 0;
  for (const id of ids) {
    const piece = await open.push(tokenOf(id));
    if (piece) pieces.push(piece);
    used++;
    if (open.stop !== null) break;
  }
  const last = await open.end();
  if (last) pieces.push(last);
  return { pieces, text: pieces.map(({ text }) => text).join(''), stop: open.stop, used };
}

/** The text before the stop string that is complete first. */
function cutAt(text: string, stops: readonly string[]): string {
  const ends = stops
    .filter((stop) => text.includes(stop))
    .map((stop) => ({ at: text.indexOf(stop), end: text.indexOf(stop) + stop.length }));
  const [first] = ends.sort((a, b) => a.end - b.end || a.at - b.at);
  return first ? text.slice(0, first.at) : text;
}

const styles = [
  ['byte-level', () => load(byteLevel())],
  ['SentencePiece, legacy', () => load(sentencePiece('legacy'))],
  ['SentencePiece, first', () => load(sentencePiece('first'))],
] as const;
const tokenizers = Object.fromEntries(
  await Promise.all(styles.map(async ([name, make]) => [name, await make()] as const)),
);
const names = styles.map(([name]) => name);
const sample = 'Write a response\n\nThe rivers  go 🙂🙂; où est le café ? 今日は良い天気です。 x';

describe.each(names)('%s', (name) => {
  const tokenizer = tokenizers[name]!;
  const decode = (ids: readonly number[]): Promise<string> =>
    tokenizer.decode(ids, { skipSpecialTokens: true });
  const anyIds = fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 40 });

  it('any tokens: the pieces are what the tokenizer decodes, each a whole number of characters', async () => {
    await fc.assert(
      fc.asyncProperty(anyIds, async (ids) => {
        const { pieces, text } = await stream(tokenizer, ids);
        const expected = await decode(ids);
        // Broken runs of byte tokens keep their whole characters; elsewhere nothing may differ.
        if (name === 'byte-level' || !expected.includes('\u{fffd}')) expect(text).toBe(expected);
        for (const piece of pieces) expect(piece.text).not.toMatch(/\p{Surrogate}/u);
        const special = new Set(['<unk>', '<s>', '</s>'].map((token) => tokenizer.tokenToId(token)));
        const told = pieces.flatMap(({ tokens }) => tokens.map(({ id }) => id));
        expect(told.filter((id) => !special.has(id))).toEqual(ids.filter((id) => !special.has(id)));
      }),
      { numRuns: 300 },
    );
  });

  it('any text, cut by any stop strings, as if it had been searched whole', async () => {
    const alphabet = fc.constantFrom('a', 'b', ' ', '\n', 'ab', 'rivers', ' go', '🙂', 'é', '今');
    const words = (max: number): fc.Arbitrary<string> =>
      fc.array(alphabet, { minLength: 1, maxLength: max }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(words(30), fc.array(words(3), { maxLength: 4 }), async (written, stops) => {
        const ids = Array.from((await tokenizer.encode(written, { addSpecialTokens: false })).ids);
        const whole = await decode(ids);
        const found = await stream(tokenizer, ids, stops);
        expect(found.text).toBe(cutAt(whole, stops));
        expect(found.stop !== null).toBe(stops.some((stop) => whole.includes(stop)));
      }),
      { numRuns: 300 },
    );
  });

  it('ends right after the token that completes a stop string', async () => {
    const { ids } = await tokenizer.encode(sample, { addSpecialTokens: false });
    const { used, text, pieces } = await stream(tokenizer, [...ids], ['go']);
    expect(await decode([...ids.subarray(0, used)])).toContain('go');
    expect(await decode([...ids.subarray(0, used - 1)])).not.toContain('go');
    expect(text).toBe('Write a response\n\nThe rivers  ');
    const last = pieces.at(-1)!.tokens.at(-1)!;
    const told = pieces.reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect(last.id).toBe(ids[told - 1]);
    // No token in the pieces lies wholly in the stop string.
    expect((await decode([...ids.subarray(0, told - 1)])).length).toBeLessThan(text.length);
  });

  it('continues a text with the space that stands there', async () => {
    const { ids, offsets } = await tokenizer.encode(sample, { addSpecialTokens: false });
    for (let cut = 1; cut < 24; cut++) {
      if (offsets[cut]![0] < offsets[cut - 1]![1]) continue; // within a character
      const open = openTextStream(tokenizer, { before: ids.subarray(0, cut) });
      let text = '';
      for (const id of ids.subarray(cut)) text += (await open.push(tokenOf(id)))?.text ?? '';
      text += (await open.end())?.text ?? '';
      expect((await decode([...ids.subarray(0, cut)])) + text).toBe(sample);
    }
  });

  it('gives out text as soon as it is whole', async () => {
    const { ids, offsets } = await tokenizer.encode(sample, { addSpecialTokens: false });
    const open = openTextStream(tokenizer, { stops: ['xyz'] });
    let shown = '';
    for (const [i, id] of [...ids].entries()) {
      shown += (await open.push(tokenOf(id)))?.text ?? '';
      const end = offsets[i]![1];
      const incomplete = (offsets[i + 1]?.[0] ?? end) < end;
      // What may begin the stop string is held back, and so is a token with the beginning of a character.
      if (!incomplete) expect(shown).toBe(Array.from(sample).slice(0, end).join('').replace(/x$/, ''));
      else expect(sample.startsWith(shown)).toBe(true);
    }
    expect(shown + (await open.end())!.text).toBe(sample);
  });
});

it('decodes a bounded number of tokens for each one, also when nothing of them is text', async () => {
  const tokenizer = tokenizers['byte-level']!;
  // Bytes that continue a character, without one to continue: the decoder makes U+FFFD of each.
  const broken = Array.from({ length: 400 }, () => tokenizer.tokenToId('Ģ')!);
  expect(broken[0]).toBeTypeOf('number');
  const plain = Array.from((await tokenizer.encode(sample.repeat(8), { addSpecialTokens: false })).ids);
  for (const ids of [broken, plain, [...broken, ...plain]]) {
    let most = 0;
    let total = 0;
    const counting: Pick<Tokenizer, 'decode'> = {
      decode: (some, options) => {
        const list = [...some];
        most = Math.max(most, list.length);
        total += list.length;
        return tokenizer.decode(list, options);
      },
    };
    const { text } = await stream(counting, ids);
    expect(text).toBe(await tokenizer.decode(ids, { skipSpecialTokens: true }));
    expect(most).toBeLessThan(25);
    expect(total).toBeLessThan(60 * ids.length);
  }
});

it('keeps whole characters of a run of byte tokens that breaks off', async () => {
  const tokenizer = tokenizers['SentencePiece, legacy']!;
  const bytes = (text: string): number[] =>
    [...Buffer.from(text)].map((byte) =>
      tokenizer.tokenToId(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)!,
    );
  const ids = [...bytes('今日'), ...bytes('は').slice(0, 2), tokenizer.tokenToId('▁the')!];
  expect((await stream(tokenizer, ids)).text).toBe('今日\u{fffd}\u{fffd} the');
});

it('shows a word joined to the one before it where the decoder says so', async () => {
  // A decoder of word pieces: "##" joins, everything else gets a space in front unless it is first.
  const words = ['play', '##ing', 'the', 'piano', '##s', '[SEP]'];
  const decode: Tokenizer['decode'] = (ids, options) =>
    Promise.resolve(
      [...ids]
        .map((id) => words[id]!)
        .filter((word) => !(options?.skipSpecialTokens && word === '[SEP]'))
        .map((word, i) => (word.startsWith('##') ? word.slice(2) : (i > 0 ? ' ' : '') + word))
        .join(''),
    );
  const { pieces, text } = await stream({ decode }, [0, 1, 5, 2, 3, 4], ['piano is']);
  expect(text).toBe('playing the pianos');
  expect(pieces.map((piece) => piece.text)).toEqual(['play', 'ing', ' the', ' ', 'pianos']);
});

it.each([
  ['an empty', ''],
  ['half a', '\u{d83d}'],
])('refuses %s stop string', (_, stop) => {
  expect(() => openTextStream(tokenizers['byte-level']!, { stops: [stop] })).toThrow(RangeError);
});
