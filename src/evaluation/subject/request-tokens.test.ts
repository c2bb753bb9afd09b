import { describe, expect, it } from 'vitest';
import type { Encoding } from '../../tokens/index.ts';
import { fitInto, requestTokens } from './request-tokens.ts';

/** A token a character, with a BOS (1) in front; "th" is one token (900), and so is " ." (901). */
const tokenizer = {
  bosTokenId: 1 as number | null,
  eosTokenId: 2,
  encode: (text: string, { addSpecialTokens = true } = {}): Promise<Encoding> => {
    const bos = text.startsWith('<s>');
    const pieces = text.replace(/^<s>/, '').match(/th| \.|[^]/gu) ?? [];
    const ids = pieces.map((piece) => ({ th: 900, ' .': 901 })[piece] ?? piece.codePointAt(0)!);
    const all = addSpecialTokens || bos ? [1, ...ids] : ids;
    return Promise.resolve({ ids: Int32Array.from(all), offsets: [], leading: 0, trailing: 0 });
  },
  decode: (ids: Iterable<number>) =>
    Promise.resolve(
      Array.from(ids, (id) => ({ 1: '<s>', 2: '</s>' })[id] ?? String.fromCodePoint(id)).join(''),
    ),
};
const codes = (text: string): number[] => Array.from(text, (character) => character.codePointAt(0)!);

describe('requestTokens', () => {
  it('cuts off as many tokens as the context has alone', async () => {
    const { context, continuations } = await requestTokens(tokenizer, {
      context: 'Q:',
      continuations: [' a', ' b.'],
    });
    expect(context).toEqual([1, ...codes('Q:')]);
    expect(continuations).toEqual([codes(' a'), codes(' b.')]);
  });

  it('does so where a token reaches over the joint, as the harness does', async () => {
    const { context, continuations } = await requestTokens(tokenizer, {
      context: 'at',
      continuations: ['he'],
    });
    expect(context).toEqual([1, ...codes('at')]);
    expect(continuations).toEqual([codes('e')]);
  });

  it('moves white space from the end of the context to the continuations', async () => {
    const { context, continuations } = await requestTokens(tokenizer, {
      context: 'a \n\u2003',
      continuations: ['b'],
    });
    expect(context).toEqual([1, ...codes('a')]);
    expect(continuations).toEqual([codes(' \n\u2003b')]);
    expect((await requestTokens(tokenizer, { context: 'a ', continuations: ['.'] })).continuations).toEqual([
      [901],
    ]);
  });

  it('has one BOS where the text spells it out', async () => {
    const { context } = await requestTokens(tokenizer, { context: '<s>a', continuations: ['b'] });
    expect(context).toEqual([1, ...codes('a')]);
  });

  it('stands on the BOS, or else the end token, where there is no context', async () => {
    expect(await requestTokens(tokenizer, { context: '', continuations: ['ab', '<s>c'] })).toEqual({
      context: [1],
      continuations: [codes('ab'), codes('c')],
    });
    const without = { ...tokenizer, bosTokenId: null };
    expect((await requestTokens(without, { context: '', continuations: ['ab'] })).context).toEqual([2]);
  });

  it('refuses a continuation without a token, and says where it is', async () => {
    const location = { file: 'x.jsonl', row: 3, field: 'choices.text' };
    await expect(
      requestTokens(tokenizer, { context: 't', continuations: ['h'], location }),
    ).rejects.toMatchObject({
      code: 'EMPTY_CONTINUATION',
      place: location,
    });
  });
});

describe('fitInto', () => {
  const context = [1, 2, 3, 4, 5];
  it('keeps contexts that fit, once for all', () => {
    const { groups, truncated } = fitInto({ context, continuations: [[6], [7, 8]] }, 7);
    expect(truncated).toBe(0);
    expect(groups).toEqual([
      {
        context: Int32Array.from(context),
        continuations: [Int32Array.of(6), Int32Array.of(7, 8)],
        indices: [[0], [1]],
      },
    ]);
  });

  it('cuts at the left, each context for its own continuation', () => {
    const { groups, truncated } = fitInto({ context, continuations: [[6], [7, 8, 9], [6, 6, 6]] }, 5);
    expect(groups.map((group) => [Array.from(group.context), group.indices])).toEqual([
      [[2, 3, 4, 5], [[0]]],
      [
        [4, 5],
        [[1], [2]],
      ],
    ]);
    expect(truncated).toBe(3);
  });

  it('asks for equal continuations once', () => {
    const [group] = fitInto({ context, continuations: [[6, 7], [8], [6, 7]] }, 99).groups;
    expect(group!.continuations.map((ids) => Array.from(ids))).toEqual([[6, 7], [8]]);
    expect(group!.indices).toEqual([[0, 2], [1]]);
  });

  it('needs one token of the context', () => {
    expect(fitInto({ context, continuations: [[6, 7, 8]] }, 4).groups[0]!.context).toEqual(Int32Array.of(5));
    expect(() => fitInto({ context, continuations: [[6, 7, 8]] }, 3, { row: 2 })).toThrow(
      expect.objectContaining({ code: 'CONTINUATION_TOO_LONG', place: { row: 2 } }) as Error,
    );
  });
});
