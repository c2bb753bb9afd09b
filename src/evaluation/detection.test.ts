// Detection figures on responses made by hand: "The capital is Lima ." with a wrong "Lima".
import { describe, expect, it } from 'vitest';
import type { Span } from '../rows/unicode.ts';
import { detect, detectionFigures, flaggedTokens } from './detection.ts';

const log = (values: readonly number[]): number[] => values.map((value) => Math.log(value));

describe('flaggedTokens', () => {
  it('flags what is more than lambda times as likely under the judgment', () => {
    expect(flaggedTokens(log([0.5, 0.5, 0.1]), log([0.61, 0.59, 0.05]), 1.2)).toEqual([true, false, false]);
  });

  it('flags nothing for an infinite lambda', () => {
    expect(flaggedTokens([-9], [0], Infinity)).toEqual([false]);
  });
});

// Tokens: "The" " capital" " is" " Li" "ma" "." END
const offsets: Span[] = [
  [0, 3],
  [3, 11],
  [11, 14],
  [14, 17],
  [17, 19],
  [19, 20],
  [20, 20],
];
const even = new Array<number>(7).fill(Math.log(0.2));
const raised = (...tokens: number[]): number[] =>
  even.map((value, i) => (tokens.includes(i) ? value + 1 : value));

describe('detect', () => {
  it('counts tokens of an error, its onset and its span', () => {
    const errors: Span[] = [[15, 19]];
    expect(detect({ plain: even, judged: raised(0, 3), offsets, errors }, 1.2)).toEqual({
      tokens: 7,
      wrong: 2,
      flagged: 2,
      flaggedWrong: 1,
      spans: 1,
      spansFound: 1,
      onsetsFound: 1,
    });
    const late = detect({ plain: even, judged: raised(4), offsets, errors }, 1.2);
    expect([late.spansFound, late.onsetsFound]).toEqual([1, 0]);
  });

  it('counts a token of two errors once, and each error', () => {
    const errors: Span[] = [
      [15, 17],
      [16, 19],
    ];
    expect(detect({ plain: even, judged: raised(3), offsets, errors }, 1.2)).toMatchObject({
      wrong: 2,
      flaggedWrong: 1,
      spans: 2,
      spansFound: 2,
      onsetsFound: 2,
    });
  });

  it('takes what is missing for the token in its place', () => {
    const missing = (at: number): number[] => {
      const found = offsets.flatMap((_, i) => {
        const { onsetsFound } = detect({ plain: even, judged: raised(i), offsets, errors: [[at, at]] }, 1.2);
        return onsetsFound === 1 ? [i] : [];
      });
      return found;
    };
    expect(missing(20)).toEqual([6]); // the end came too early
    expect(missing(19)).toEqual([5]);
    expect(missing(15)).toEqual([3]);
    expect(missing(0)).toEqual([0]);
  });

  it('leaves out an error that no token touches', () => {
    expect(detect({ plain: even, judged: even, offsets, errors: [[30, 31]] }, 1.2).spans).toBe(0);
  });

  it('refuses arrays of different lengths', () => {
    expect(() => detect({ plain: [0], judged: even, offsets, errors: [] }, 1.2)).toThrow(RangeError);
  });
});

describe('detectionFigures', () => {
  it('adds up tokens and errors of all responses', () => {
    const responses = [
      { plain: even, judged: raised(0, 3), offsets, errors: [[15, 19]] as Span[] },
      { plain: even, judged: raised(3, 4), offsets, errors: [[15, 19]] as Span[] },
      { plain: even, judged: even, offsets, errors: [[20, 20]] as Span[] },
    ];
    const [figures, strict] = detectionFigures(responses, [1.2, 4]);
    expect(figures).toEqual({
      lambda: 1.2,
      precision: 3 / 4,
      chance: 5 / 21,
      spanRecall: 2 / 3,
      onsetRecall: 2 / 3,
      tokenRecall: 3 / 5,
      flaggedShare: 4 / 21,
    });
    // e < 4: nothing is flagged, so there is no precision, and that is not 0.
    expect(strict).toMatchObject({ lambda: 4, precision: null, spanRecall: 0, flaggedShare: 0 });
  });

  it('has no shares of nothing', () => {
    expect(detectionFigures([], [1])[0]).toMatchObject({ chance: null, precision: null, onsetRecall: null });
  });
});
