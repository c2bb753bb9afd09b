import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultDecisionWords, outcomeOfReply, readDecision, withDecision } from './decision.ts';

const words = defaultDecisionWords;

describe('readDecision', () => {
  it('takes back apart what withDecision put together', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, perfect) => {
        const reply = withDecision(text, perfect, words);
        expect(readDecision(reply, words)).toEqual({ perfect, words: text.trim() });
      }),
    );
  });

  it.each([
    ['It is wrong. No.', false, 'It is wrong.'],
    ['Perfect.\nyes.\n', true, 'Perfect.'],
    ['No.', false, ''],
    ['Is it right?\nNo.\nYes.', true, 'Is it right?\nNo.'],
  ])('%j', (reply, perfect, rest) => {
    expect(readDecision(reply, words)).toEqual({ perfect, words: rest });
  });

  it.each(['', 'It is wrong.', 'Yes', 'Eyes.', 'Casino.', 'Yes. The rest is missing'])(
    '%j decides nothing',
    (reply) => {
      expect(readDecision(reply, words)).toBeNull();
    },
  );

  it('knows other words, the longer one first', () => {
    const other = { yes: 'good.', no: 'not good.' };
    expect(readDecision('Too long.\nnot good.', other)).toEqual({ perfect: false, words: 'Too long.' });
    expect(readDecision('Perfect.\ngood.', other)).toEqual({ perfect: true, words: 'Perfect.' });
  });
});

describe('the outcome of a reply', () => {
  const of = (reply: string): object => outcomeOfReply('a', reply, words);

  it.each([
    ['Perfect.\nYes.', { judgment: 'Perfect.' }],
    ['The sum is 3.\nNo.', { judgment: 'The sum is 3.' }],
    ['Yes.', { judgment: null }],
    ['The response is correct.\nYes.', { judgment: null }],
    ['The sum is 3.\nYes.', { judgment: null, suspicious: 'criticism' }],
    [
      'Perfect, but it should be 3.\nYes.',
      { judgment: 'Perfect, but it should be 3.', suspicious: 'criticism' },
    ],
    ['The response is correct.\nNo.', { judgment: 'The response is correct.', suspicious: 'praise' }],
  ])('%j', (reply, expected) => {
    expect(of(reply)).toEqual({ id: 'a', ...expected });
  });

  it.each([
    ['Perfect.\nNo.', /rejects the response in words of praise/],
    ['No.', /without a word/],
    ['The sum is 3.', /ends in "Yes." or "No.", found "The sum is 3."/],
    ['', /found nothing/],
  ])('%j is no verdict', (reply, why) => {
    expect(of(reply)).toEqual({ id: 'a', unscored: expect.stringMatching(why) as string });
  });
});
