// Texts that anybody may send: refused early, counted as they are, given up with the client.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevel, load, sentencePiece } from '../tokens/test-tokenizers.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { boundedTokenizer, changedByCut } from './bounded-tokenizer.ts';
import type { Bounds } from './bounded-tokenizer.ts';
import { createLargeBodies } from './large-bodies.ts';

const world = (): Promise<Tokenizer> =>
  loadTokenizer(fileURLToPath(new URL('../../models/world-64', import.meta.url)));
const kinds: readonly [string, () => Promise<Tokenizer>][] = [
  ['byte-level', () => load(byteLevel())],
  ['SentencePiece', () => load(sentencePiece('legacy'))],
  ['words, whose unknown ones are one token', world],
];
class TooLong extends Error {}
const boundsOf = (most: number, more: Partial<Bounds> = {}): Bounds => ({
  most,
  signal: new AbortController().signal,
  tooLong: (tokens, atLeast) => new TooLong(`${atLeast ? 'at least ' : ''}${tokens}`),
  ...more,
});
const parts = [
  'the',
  ' the',
  'Below',
  'instruction',
  ' rivers',
  '🙂🙂',
  'ä',
  '  ',
  '\n',
  'x',
  '0',
  "'s",
  '中',
];

describe.each(kinds)('%s', (_, open) => {
  it('has no fewer tokens than its pieces have, but for those beside a cut', async () => {
    const tokenizer = await open();
    const count = async (text: string): Promise<number> =>
      (await tokenizer.encode(text, { addSpecialTokens: false })).ids.length;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...parts), { maxLength: 60 }),
        fc.array(fc.constantFrom(...parts), { maxLength: 60 }),
        async (head, tail) => {
          const [before, after] = [head.join(''), tail.join('')];
          const apart = (await count(before)) + (await count(after));
          expect(await count(before + after)).toBeGreaterThanOrEqual(apart - changedByCut);
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });

  it('gives the tokens of a long text that fits', async () => {
    const tokenizer = await open();
    const text = 'the rivers 🙂🙂 Below\n'.repeat(6000);
    const { ids } = await tokenizer.encode(text);
    const bounded = boundedTokenizer(tokenizer, boundsOf(ids.length));
    expect((await bounded.encode(text)).ids).toEqual(ids);
    const tighter = boundedTokenizer(tokenizer, boundsOf(ids.length - 1));
    await expect(tighter.encode(text)).rejects.toThrow(String(ids.length));
  });

  it.each(['to be or ', '🙂 ', '\n', 'x1 '])(
    'refuses far too many of %j after a small part of them',
    async (part) => {
      const tokenizer = await open();
      let seen = 0;
      const watched: Tokenizer = {
        ...tokenizer,
        encodeUpTo: (text, ...rest) => {
          seen += text.length;
          return tokenizer.encodeUpTo(text, ...rest);
        },
      };
      const text = part.repeat(4e6 / part.length);
      await expect(boundedTokenizer(watched, boundsOf(512)).encode(text)).rejects.toThrow(/^at least \d+/);
      expect(seen).toBeLessThan(60_000);
    },
  );
});

it('says where half a character stands in a long text', async () => {
  const bounded = boundedTokenizer(await world(), boundsOf(512));
  const text = `${'x'.repeat(70_000)}\ud83d`;
  await expect(bounded.encode(text)).rejects.toMatchObject({ code: 'LONE_SURROGATE' });
});

it('counts the tokens of all parts of a prompt together', async () => {
  const bounded = boundedTokenizer(await world(), boundsOf(10, { mostWork: 25 }));
  await bounded.encode('one two three four five six seven eight nine ten');
  await bounded.encode('one two three four five six seven eight nine ten');
  await expect(bounded.encode('one two three four five six')).rejects.toThrow(TooLong);
});

it('waits for nothing when the client is gone', async () => {
  const gone = new AbortController();
  const never: Tokenizer = { ...(await world()), encodeUpTo: () => new Promise(() => undefined) };
  const bounded = boundedTokenizer(never, boundsOf(512, { signal: gone.signal }));
  const waiting = [bounded.encode('short'), bounded.encode('x'.repeat(100_000))];
  for (const each of waiting) each.catch(() => undefined);
  await sleep(10);
  gone.abort(new Error('gone'));
  for (const each of [...waiting, bounded.encode('later')]) await expect(each).rejects.toThrow('gone');
});

describe('large bodies', () => {
  it('come in two at a time, in their order; whoever leaves early loses its place only', async () => {
    const bodies = createLargeBodies();
    const open = new AbortController();
    const gone = new AbortController();
    const inside: number[] = [];
    const enter = async (n: number, { signal }: AbortController = open): Promise<() => void> => {
      const leave = await bodies.enter(signal);
      inside.push(n);
      return leave;
    };
    const [first, second, third, fourth] = [enter(1), enter(2), enter(3, gone), enter(4)];
    third.catch(() => undefined);
    await sleep(5);
    expect(inside).toEqual([1, 2]);
    gone.abort(new Error('gone'));
    await expect(third).rejects.toThrow('gone');
    const leave = await first;
    leave();
    leave();
    await sleep(5);
    expect(inside).toEqual([1, 2, 4]);
    const fifth = enter(5);
    await sleep(5);
    expect(inside).toHaveLength(3);
    (await second)();
    (await fifth)();
    (await fourth)();
    expect(inside).toEqual([1, 2, 4, 5]);
  });
});
