import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Sequence } from '../engine/engine.ts';
import { responseTooLong, truncateLeft } from './truncate.ts';

const sequence = (ids: number[], responseStart: number): Sequence => ({
  ids: Int32Array.from(ids),
  responseStart,
});

describe('truncateLeft', () => {
  test('drops the oldest prompt tokens and keeps the BOS', () => {
    const cut = truncateLeft(sequence([1, 5, 6, 7, 8, 9], 4), { cutoffLength: 4, bosTokenId: 1 });
    expect(cut?.dropped).toBe(2);
    expect(cut?.sequence).toEqual(sequence([1, 7, 8, 9], 2));
  });

  test('a first token that is no BOS is dropped like any other', () => {
    const cut = truncateLeft(sequence([4, 5, 6, 7, 8, 9], 4), { cutoffLength: 4, bosTokenId: 1 });
    expect(cut?.sequence).toEqual(sequence([6, 7, 8, 9], 2));
    expect(truncateLeft(sequence([1, 5, 6], 2), { cutoffLength: 2, bosTokenId: null })?.sequence.ids[0]).toBe(
      5,
    );
  });

  test('what fits is the very same object', () => {
    const whole = sequence([1, 5, 6, 7], 2);
    expect(truncateLeft(whole, { cutoffLength: 4, bosTokenId: 1 })).toEqual({ sequence: whole, dropped: 0 });
    expect(truncateLeft(whole, { cutoffLength: 4, bosTokenId: 1 })?.sequence).toBe(whole);
  });

  test('keeps the response, the newest prompt tokens and the limit', () => {
    const ids = fc.array(fc.integer({ min: 2, max: 99 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        ids,
        ids,
        fc.integer({ min: 0, max: 26 }),
        fc.boolean(),
        (prompt, response, cutoffLength, bos) => {
          const head = bos ? [1, ...prompt] : prompt;
          const cut = truncateLeft(sequence([...head, ...response], head.length), {
            cutoffLength,
            bosTokenId: 1,
          });
          if (response.length >= cutoffLength) return void expect(cut).toBeNull();
          const kept = Array.from(cut?.sequence.ids ?? []);
          const start = cut?.sequence.responseStart ?? 0;
          expect(kept.length).toBe(Math.min(cutoffLength, head.length + response.length));
          expect(kept.slice(start)).toEqual(response);
          expect(start).toBe(head.length - (cut?.dropped ?? 0));
          const tail = bos ? kept.slice(1, start) : kept.slice(0, start);
          expect(tail).toEqual(tail.length === 0 ? [] : prompt.slice(-tail.length));
          expect(kept[0] === 1).toBe(bos);
        },
      ),
    );
  });
});

test('a response that leaves no room becomes an error with row, tokens, cut-off and remedy', () => {
  expect(truncateLeft(sequence([1, 5, 8, 9], 2), { cutoffLength: 2, bosTokenId: 1 })).toBeNull();
  const place = { file: 'rows.json', row: 7, field: 'output' };
  const error = responseTooLong({ responseTokens: 2, cutoffLength: 2 }, place);
  expect(error.code).toBe('RESPONSE_TOO_LONG');
  expect(error.message).toMatch(/^rows\.json, row 7, field "output": the response has 2 tokens/);
  expect(error.message).toContain('cut-off of 2');
  expect(error.message).toContain('option `cutoffLen` to 3');
});
