// A model without weights for the tests of the server: one token a code point, answers with what it was asked.
import { setTimeout as sleep } from 'node:timers/promises';
import type { GeneratedToken, Generation, GenerationRequest, Sequence } from '../engine/engine.ts';
import { stringTemplate } from '../tokens/template.ts';
import type { Encoding, Tokenizer } from '../tokens/tokenizer.ts';
import type { ServedModel } from './served-model.ts';
import { tokenTexts } from './token-text.ts';

const codes = (text: string): number[] => Array.from(text, (c) => c.codePointAt(0)!);
const text = (ids: Iterable<number>): string => String.fromCodePoint(...ids);

const encode = (value: string): Promise<Encoding> =>
  Promise.resolve({
    ids: Int32Array.from(codes(value)),
    offsets: codes(value).map((_, i) => [i, i + 1] as const),
    leading: 0,
    trailing: 0,
  });

/** Id 0 is the end token, spelled out as "</s>". */
const tokenizer: Tokenizer = {
  encode,
  encodeUpTo: (value, most) =>
    codes(value).length > most ? Promise.resolve(codes(value).length) : encode(value),
  fewestTokens: () => 0,
  decode: (ids, options) =>
    Promise.resolve(
      [...ids].map((id) => (id !== 0 ? text([id]) : options?.skipSpecialTokens ? '' : '</s>')).join(''),
    ),
  tokenToId: (token) => (token === '</s>' ? 0 : token.codePointAt(0)!),
  idToToken: (id) => (id === 0 ? '</s>' : text([id])),
  eosTokenId: 0,
  stopTokenIds: [0],
  bosTokenId: null,
  vocabSize: 0x110000,
  specialTokens: { eos_token: '</s>' },
  chatTemplate: null,
  addedTokens: new Set(),
  fingerprint: '',
};

export interface FakeModel extends ServedModel {
  readonly requests: GenerationRequest[];
  /** Generations under way. */
  active(): number;
}

/**
 * Repeats its prompt without the template's frame, a token each `delay` milliseconds, again and again where its end token
 * ends nothing. The word "fail" makes it throw.
 * Token t has log-prob -t % 7; the next code points are the likeliest others.
 */
export function fakeModel(
  id = 'fake',
  { delay = 0, maxPositions = 200 }: { delay?: number; maxPositions?: number } = {},
): FakeModel {
  const requests: GenerationRequest[] = [];
  let active = 0;
  const scored = (token: number): { id: number; logProb: number } => ({ id: token, logProb: -token % 7 });
  const one = async (request: GenerationRequest): Promise<Generation> => {
    const { prompt, sampling, onToken, signal, topLogProbs, endTokens = new Set([0]) } = request;
    requests.push(request);
    active++;
    try {
      const asked = text(prompt).replaceAll(/[<>]/g, '');
      if (asked.includes('fail')) throw new Error('the engine is broken');
      const ids: number[] = [];
      const answer = [...codes(asked), 0];
      for (let at = 0; ; at++) {
        const token = answer[at % answer.length]!;
        if (endTokens.has(token) && ids.length < (sampling.minTokens ?? 0)) continue;
        if (ids.length >= sampling.maxNewTokens) return { ids: Int32Array.from(ids), finish: 'length' };
        await sleep(delay);
        if (signal?.aborted) return { ids: Int32Array.from(ids), finish: 'aborted' };
        ids.push(token);
        const top = Array.from({ length: topLogProbs ?? 0 }, (_, i) => scored(token + 1 + i));
        const told: GeneratedToken = { ...scored(token), top };
        if ((await onToken?.(told)) === true) return { ids: Int32Array.from(ids), finish: 'stopped' };
        if (endTokens.has(token)) return { ids: Int32Array.from(ids), finish: 'end' };
      }
    } finally {
      active--;
    }
  };
  return {
    ...{
      id,
      parent: null,
      created: 1,
      fingerprint: 'fp_fake',
      tokenizer,
      renderChat: null,
      maxPositions,
      sampling: {},
    },
    engine: {
      generate: (all) => Promise.all(all.map(one)),
      score: (sequences: readonly Sequence[]) =>
        Promise.resolve(
          sequences.map(({ ids, responseStart }) =>
            Float32Array.from(ids.subarray(responseStart), (token) => scored(token).logProb),
          ),
        ),
    },
    template: stringTemplate('frame', {
      plain: '<{instruction}>',
      with_judgment: '{judgment}<{instruction}>',
    }),
    textOf: tokenTexts(tokenizer),
    vocabSize: 0x110000,
    requests,
    active: () => active,
  };
}
