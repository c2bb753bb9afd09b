import { describe, expect, it } from 'vitest';
import { readPreference } from './read-preference.ts';

const read = (text: string, finish = 'stop'): object => readPreference({ text, finish });

describe('readPreference', () => {
  it.each([
    ['The first names all three.\n\nVerdict: 1', 1],
    ['Verdict: 2', 2],
    ['Both are right.\nverdict: Draw.', 1.5],
    ['**Verdict: 2**', 2],
    ['**Verdict:** Response 1', 1],
    ['> My final verdict is "2".', 2],
    ['Verdict: 1\nBecause the second is wrong about 7.', 1],
    ['<think>Verdict: 2? No.\nVerdict: 2</think>\nIt answers.\nVerdict: 1', 1],
    ['2', 2],
    ['Response 2.', 2],
    ['tie', 1.5],
    ['{"reason": "x", "verdict": 2}', 2],
    ['```json\n{"preference": 1.5}\n```', 1.5],
    ['Verdict: 2\nVerdict: 2', 2],
  ])('%j', (text, preference) => {
    expect(read(text)).toEqual({ preference });
  });

  it.each([
    ['The first is better.', /no verdict/],
    ['Verdict: 3', /no verdict/],
    ['Verdict: 12', /no verdict/],
    ['Verdict: 1 or 2', /no verdict/],
    ['I would say 1 of 2 is better', /no verdict/],
    ['Verdict: 1\nOn second thought:\nVerdict: 2', /differ/],
    ['{"verdict": "both wrong"}', /no verdict/],
    ['', /empty/],
    ['<think>Verdict: 1', /thoughts/],
  ])('%j says nothing', (text, why) => {
    expect(read(text)).toEqual({ unreadable: expect.stringMatching(why) as string });
  });

  it('tells a reply that was cut, refused or filtered', () => {
    expect(read('The first one has', 'length')).toEqual({
      unreadable: 'the reply was cut before its verdict',
    });
    expect(read('Verdict: 1', 'content_filter')).toHaveProperty('unreadable');
    expect(readPreference({ text: '', finish: 'stop', refusal: 'No.' })).toEqual({
      unreadable: 'the judge refuses: "No."',
    });
  });
});
