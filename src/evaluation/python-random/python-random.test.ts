// What must hold for every seed. test/golden has Python's own numbers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMersenneTwister } from './mersenne-twister.ts';
import { createPythonRandom } from './index.ts';

const seeds = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n });

describe('createMersenneTwister', () => {
  it('gives the first numbers of the reference program', () => {
    const word = createMersenneTwister([0x123, 0x234, 0x345, 0x456]);
    expect(Array.from({ length: 5 }, word)).toEqual([
      1067595299, 955945823, 477289528, 4107218783, 4228976476,
    ]);
  });
});

describe('createPythonRandom', () => {
  it('samples different items, as many as asked for, whichever way it draws', () => {
    fc.assert(
      fc.property(seeds, fc.nat(400), fc.nat(100), (seed, total, wanted) => {
        const count = Math.min(total, wanted);
        const items = Array.from({ length: total }, (_, i) => `item ${i}`);
        const drawn = createPythonRandom(seed).sample(items, count);
        expect(new Set(drawn).size).toBe(count);
        for (const item of drawn) expect(items).toContain(item);
        expect(createPythonRandom(seed).sample(items, count)).toEqual(drawn);
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it('keeps every item when shuffling', () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.nat(9), { maxLength: 50 }), (seed, items) => {
        const shuffled = [...items];
        createPythonRandom(seed).shuffle(shuffled);
        expect([...shuffled].sort()).toEqual([...items].sort());
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it('stays below its bounds', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (seed, bound) => {
        const draw = createPythonRandom(seed);
        for (let i = 0; i < 20; i++) {
          const drawn = draw.randrange(bound);
          expect(Number.isSafeInteger(drawn) && drawn >= 0 && drawn < bound).toBe(true);
        }
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('does not tell a seed from its negative, as Python does not', () => {
    expect(createPythonRandom(-7).random()).toBe(createPythonRandom(7n).random());
  });

  it('refuses what cannot be drawn', () => {
    const draw = createPythonRandom(1);
    expect(() => draw.sample([1, 2], 3)).toThrow('3 of 2');
    expect(() => draw.sample([1, 2], 1.5)).toThrow(RangeError);
    expect(() => draw.choice([])).toThrow(RangeError);
    expect(() => draw.randrange(0)).toThrow(RangeError);
    expect(() => draw.getrandbits(54)).toThrow(RangeError);
    expect(() => createPythonRandom(0.5)).toThrow(RangeError);
  });
});
