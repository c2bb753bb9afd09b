// Where tokens begin in echoed prompts and in what follows them, for several kinds of tokenizers.
import { describe, expect, it } from 'vitest';
import { byteLevel, load, sentencePiece } from '../tokens/test-tokenizers.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';
import { completions } from './completions.ts';
import type { CompletionLogProbs } from './log-probs.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import type { ServedModel } from './served-model.ts';
import { tokenTexts } from './token-text.ts';

/** Writes the tokens given, whatever it is asked. */
function saying(tokenizer: Tokenizer, ids: readonly number[]): ServedModel {
  const fake = fakeModel();
  return {
    ...fake,
    tokenizer,
    textOf: tokenTexts(tokenizer),
    vocabSize: tokenizer.vocabSize,
    engine: {
      ...fake.engine,
      generate: (requests) =>
        Promise.all(
          requests.map(async ({ onToken }) => {
            for (const id of ids) await onToken?.({ id, logProb: -1, top: [] });
            return { ids: Int32Array.from(ids), finish: 'length' as const };
          }),
        ),
    },
  };
}

interface Choice {
  readonly text: string;
  readonly logprobs: CompletionLogProbs;
}

async function ask(model: ServedModel, fields: object): Promise<Choice> {
  const { signal } = new AbortController();
  const given = { model: 'fake', logprobs: 0, echo: true, ...fields };
  const reply = await completions({
    model,
    fields: given,
    maxNewTokens: null,
    signal,
    record: () => undefined,
    onEncoded: () => undefined,
  });
  if (reply.kind !== 'body') throw new Error('no stream was asked for');
  return (reply.body as { choices: Choice[] }).choices[0]!;
}

type Files = ReturnType<typeof sentencePiece>;
interface Json {
  readonly normalizer: { readonly normalizers: readonly object[] };
  readonly decoder: { readonly decoders: readonly object[] };
  readonly model: object;
}
const changed = (files: Files, change: (json: Json) => object): Files => {
  const json = files['tokenizer.json'] as Json;
  return { ...files, 'tokenizer.json': { ...json, ...change(json) } };
};

/** Characters that the vocabulary lacks are <unk>, and not bytes. */
const withUnknown = (files: Files): Files =>
  changed(files, ({ model }) => ({ model: { ...model, byte_fallback: false } }));

/** No space in front of a text, and none taken away. */
const gemma = (): Files =>
  changed(sentencePiece('legacy'), ({ normalizer, decoder }) => ({
    normalizer: normalizer.normalizers[1],
    decoder: { ...decoder, decoders: decoder.decoders.slice(0, -1) },
  }));

const kinds: readonly [string, () => Promise<Tokenizer>][] = [
  ['byte-level', () => load(byteLevel())],
  ['as Llama 2', () => load(sentencePiece('legacy'))],
  ['as Llama 2, a space before the first text only', () => load(sentencePiece('first'))],
  ['as Gemma', () => load(gemma())],
  ['as Llama 2, with <unk>', () => load(withUnknown(sentencePiece('legacy')))],
  [
    'as Llama 2, a space before the first text only, with <unk>',
    () => load(withUnknown(sentencePiece('first'))),
  ],
  ['as Gemma, with <unk>', () => load(withUnknown(gemma()))],
];
const texts = ['the cat', ' the cat', '  the cat', '☃☃ the ☃ cat', ' ☃', 'a🙂b é', '\n the\n', '今日は the'];

describe.each(kinds)('%s', (_, open) => {
  it.each(texts)('%j', async (text) => {
    const tokenizer = await open();
    const { ids: said } = await tokenizer.encode('the cat', { addSpecialTokens: false });
    const model = saying(tokenizer, [...said]);
    const { ids, offsets } = await tokenizer.encode(text);
    const found = await ask(model, { prompt: text, max_tokens: said.length });
    const { text_offset: starts, tokens } = found.logprobs;
    expect(found.text.startsWith(text)).toBe(true);
    expect(tokens).toHaveLength(ids.length + said.length);
    expect(starts.slice(0, ids.length)).toEqual(offsets.map(([start]) => start));
    const points = Array.from(found.text);
    // What is generated begins where the prompt ends, and each of its tokens stands where it is said to stand.
    expect(starts[ids.length]).toBe(Array.from(text).length);
    for (const [i, start] of starts.entries()) {
      if (i < ids.length) continue;
      expect(points.slice(start).join('').trimStart().startsWith(tokens[i]!.trimStart())).toBe(true);
    }
    // The same of a prompt of tokens, whose text is what they are decoded to.
    const decoded = await tokenizer.decode(ids, { skipSpecialTokens: true });
    const again = await ask(model, { prompt: [...ids], max_tokens: said.length });
    expect(again.text.startsWith(decoded)).toBe(true);
    expect(again.logprobs.text_offset[ids.length]).toBe(Array.from(decoded).length);
    const letters = Array.from(again.text);
    again.logprobs.text_offset.forEach((start, i) => {
      const token = again.logprobs.tokens[i]!;
      if (/^<|^bytes:/.test(token)) return;
      expect(letters.slice(start).join('').trimStart().startsWith(token.trimStart())).toBe(true);
    });
  });
});
