import { describe, expect, it } from 'vitest';
import { createRandom, randomFromState, shuffle } from './random.ts';
import { epochOrder } from './judgments/order.ts';

const draw = (n: number, random: { uint32(): number }): number[] =>
  Array.from({ length: n }, () => random.uint32());

describe('xoshiro128**', () => {
  it('gives the numbers of the authors’ C code', () => {
    expect(draw(10, randomFromState([1, 2, 3, 4]))).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('is seeded with SplitMix64 as in C', () => {
    expect(draw(5, createRandom(42))).toEqual([1776835114, 4165204688, 17111135, 2317295270, 2792088233]);
  });

  it('continues from a saved state', () => {
    const random = createRandom(7, 1);
    draw(100, random);
    const copy = randomFromState(random.state());
    expect(draw(20, copy)).toEqual(draw(20, random));
  });

  it('gives other numbers for every part of the seed', () => {
    const firsts = [
      createRandom(1),
      createRandom(2),
      createRandom(1, 0),
      createRandom(1, 1),
      createRandom(2, 1),
      createRandom(1, 1, 0),
      createRandom(-1),
      createRandom(0, 0),
      createRandom(0),
    ].map((random) => draw(2, random).join());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it('refuses what cannot be a seed or a state', () => {
    expect(() => createRandom(0.5)).toThrow(RangeError);
    expect(() => createRandom(1, NaN)).toThrow(RangeError);
    expect(() => randomFromState([0, 0, 0, 0])).toThrow(RangeError);
    expect(() => createRandom(1).below(0)).toThrow(RangeError);
  });

  it('draws floats in [0, 1) with the right mean and variance', () => {
    const random = createRandom(3);
    const values = Array.from({ length: 20000 }, () => random.float());
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  it('draws every integer below a bound about equally often', () => {
    const random = createRandom(4);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 12000; i++) counts[random.below(6)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

describe('shuffle', () => {
  it('finds every order of three things about equally often', () => {
    const random = createRandom(5);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = shuffle([0, 1, 2], random).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('epochOrder', () => {
  const order = (count: number, seed: number, epoch: number, on = true): number[] =>
    Array.from(epochOrder(count, { seed, epoch, shuffle: on }));

  it('is a permutation that depends on seed and epoch alone', () => {
    const first = order(100, 1, 0);
    expect([...first].sort((a, b) => a - b)).toEqual(order(100, 1, 0, false));
    expect(first).toEqual(order(100, 1, 0));
    expect(first).not.toEqual(order(100, 1, 1));
    expect(first).not.toEqual(order(100, 2, 0));
  });

  it('never changes, because saved runs rely on it', () => {
    expect(order(10, 42, 0)).toMatchInlineSnapshot(`
      [
        9,
        1,
        3,
        7,
        6,
        5,
        0,
        2,
        8,
        4,
      ]
    `);
    expect(order(10, 42, 1)).toMatchInlineSnapshot(`
      [
        9,
        8,
        4,
        7,
        0,
        6,
        2,
        1,
        5,
        3,
      ]
    `);
  });

  it('keeps the order of the data without shuffling, and copes with none and one', () => {
    expect(order(4, 9, 3, false)).toEqual([0, 1, 2, 3]);
    expect(order(0, 9, 3)).toEqual([]);
    expect(order(1, 9, 3)).toEqual([0]);
  });
});
