// Asking with a stand-in engine: order, seeds, the judgment in the prompt, stop strings, failures and aborts.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Engine, GenerationRequest } from '../engine/engine.ts';
import { stringTemplate } from '../tokens/template.ts';
import { load, sentencePiece } from '../tokens/test-tokenizers.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { generateText } from './generate-text.ts';
import { respond } from './respond.ts';
import type { Response } from './respond.ts';
import type { Speaker } from './speaker.ts';

const codes = (text: string): Int32Array => Int32Array.from(text, (c) => c.codePointAt(0)!);
const text = (ids: Iterable<number>): string => String.fromCodePoint(...ids);

/** One token a code point; 0 is the end token. */
const tokenizer = {
  encode: (value: string) =>
    Promise.resolve({
      ids: codes(value),
      offsets: Array.from(value, (_, i) => [i, i + 1] as const),
      leading: 0,
      trailing: 0,
    }),
  decode: (ids: Iterable<number>) => Promise.resolve(text([...ids].filter((id) => id !== 0))),
  eosTokenId: 0,
  stopTokenIds: [0],
  bosTokenId: null,
} as unknown as Tokenizer;
const template = stringTemplate('test', {
  plain: '{instruction}',
  with_judgment: '[{judgment}] {instruction}',
});

/** Answers with the last word of the prompt, character by character, the longest answers last. */
function echo(): Speaker & { readonly requests: GenerationRequest[] } {
  const requests: GenerationRequest[] = [];
  const answer = async (request: GenerationRequest): ReturnType<Engine['generate']> => {
    requests.push(request);
    const { prompt, sampling, onToken, signal } = request;
    const ids: number[] = [];
    const word = text(prompt).split(' ').at(-1)!;
    if (word === 'fail') throw new Error('no such word');
    for (const id of codes(`${word}\0`)) {
      await sleep(1);
      if (signal?.aborted) return [{ ids: Int32Array.from(ids), finish: 'aborted' }];
      ids.push(id);
      if ((await onToken?.({ id, logProb: -1, top: [] })) === true)
        return [{ ids: Int32Array.from(ids), finish: 'stopped' }];
      if (ids.length >= sampling.maxNewTokens && id !== 0)
        return [{ ids: Int32Array.from(ids), finish: 'length' }];
    }
    return [{ ids: Int32Array.from(ids), finish: 'end' }];
  };
  const engine: Speaker['engine'] = {
    generate: async (all) => (await Promise.all(all.map(answer))).flat(),
  };
  return { engine, tokenizer, template, requests };
}
const ask = (...words: string[]): { instruction: string }[] =>
  words.map((word) => ({ instruction: `say ${word}` }));

it('responds in order, and tells each response when it is there', async () => {
  const speaker = echo();
  const heard: [number, Response][] = [];
  const found = await respond(speaker, ask('abcdefgh', 'b', 'toolong'), {
    maxNewTokens: 8,
    onResponse: (i, response) => void heard.push([i, response]),
    stop: ['lo'],
  });
  expect(found).toEqual([
    { text: 'abcdefgh', finished: false, tokens: 8 },
    { text: 'b', finished: true, tokens: 2 },
    { text: 'too', finished: true, tokens: 5 },
  ]);
  expect(heard.map(([i]) => i)).toEqual([1, 2, 0]);
  for (const [i, response] of heard) expect(response).toEqual(found[i]);
});

it('samples each response with a stream of its own, which the seed and its place choose', async () => {
  const seeds = async (words: string[], seed?: number): Promise<(number | undefined)[]> => {
    const speaker = echo();
    await respond(speaker, ask(...words), {
      ...{ temperature: 0.7, topP: 0.9, topK: 5, repetitionPenalty: 1.1, maxNewTokens: 4 },
      ...(seed !== undefined && { seed }),
    });
    expect(speaker.requests[0]!.sampling).toEqual({
      ...{ temperature: 0.7, topP: 0.9, topK: 5, repetitionPenalty: 1.1, maxNewTokens: 4 },
      seed: expect.any(Number) as number,
    });
    return speaker.requests.map(({ sampling }) => sampling.seed);
  };
  const [a, b, c] = await seeds(['a', 'b', 'c'], 10);
  expect(new Set([a, b, c]).size).toBe(3);
  expect(await seeds(['x', 'y'], 10)).toEqual([a, b]);
  expect(await seeds(['x'], 11)).not.toEqual([a]);
  expect(await seeds(['x'])).toEqual(await seeds(['x'], 0));
});

it('is greedy unless told, and shows a judgment where one is given', async () => {
  const speaker = echo();
  await respond(speaker, ask('a'), { judgment: 'Perfect.' });
  await respond(speaker, ask('a'));
  expect(speaker.requests.map(({ prompt }) => text(prompt))).toEqual(['[Perfect.] say a', 'say a']);
  expect(speaker.requests[0]!.sampling).toMatchObject({ temperature: 0, maxNewTokens: 256 });
});

it('one failure ends them all, with its own words', async () => {
  const heard: number[] = [];
  const found = respond(echo(), ask('a', 'fail', 'a-very-long-word'), {
    onResponse: (i) => void heard.push(i),
  });
  await expect(found).rejects.toThrow('no such word');
  expect(heard).toEqual([]);
  const refused = respond(echo(), ask('a', 'bcdefghijk'), {
    onResponse: () => Promise.reject(new Error('disk full')),
  });
  await expect(refused).rejects.toThrow('disk full');
});

it('an abort gives up what is under way; what was complete has been told', async () => {
  const stop = new AbortController();
  const heard: number[] = [];
  const found = respond(echo(), ask('a', 'a-word-that-is-never-complete'), {
    signal: stop.signal,
    onResponse: (i) => {
      heard.push(i);
      stop.abort(new Error('enough'));
    },
  });
  await expect(found).rejects.toThrow('enough');
  expect(heard).toEqual([0]);
  await expect(respond(echo(), ask('a'), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});

it('text generation tells pieces as they come, every token, and why it ended', async () => {
  const pieces: string[] = [];
  const request = { prompt: codes('say a-b-c'), sampling: { maxNewTokens: 9, temperature: 0 } };
  const whole = await generateText(echo(), { ...request, onText: ({ text }) => void pieces.push(text) });
  expect(whole).toMatchObject({ text: 'a-b-c', finish: 'end' });
  expect(pieces).toEqual(['a', '-', 'b', '-', 'c']);
  expect(text(whole.ids)).toBe('a-b-c\0');
  expect(whole.tokens.map(({ id }) => id)).toEqual([...whole.ids]);
  const cut = await generateText(echo(), { ...request, stop: ['c', '-c'] });
  expect([cut.text, cut.finish, text(cut.ids)]).toEqual(['a-b', 'stop', 'a-b-c']);
  const short = await generateText(echo(), {
    ...request,
    sampling: { maxNewTokens: 2, temperature: 0 },
    stop: ['-b'],
  });
  expect([short.text, short.finish]).toEqual(['a-', 'length']);
});

it('text that nobody watches is the same, broken characters included', async () => {
  const real = await load(sentencePiece('legacy'));
  const bytes = (hex: string): number[] => hex.split(' ').map((byte) => real.tokenToId(`<0x${byte}>`)!);
  const made = [real.tokenToId('▁the')!, ...bytes('E4 BB 8A E4 BB'), real.tokenToId('▁go')!, real.eosTokenId];
  const engine: Speaker['engine'] = {
    generate: async ([request]) => {
      for (const id of made) await request!.onToken?.({ id, logProb: NaN, top: [] });
      return [{ ids: Int32Array.from(made), finish: 'end' }];
    },
  };
  const request = { prompt: Int32Array.of(5), sampling: { maxNewTokens: 9, temperature: 0 } };
  const watched = await generateText({ engine, tokenizer: real }, { ...request, onText: () => undefined });
  const alone = await generateText({ engine, tokenizer: real }, request);
  expect(watched.text).toBe('the今\u{fffd}\u{fffd} go');
  expect(alone).toEqual(watched);
});
