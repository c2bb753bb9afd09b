import { describe, expect, it } from 'vitest';
import { defaultDecisionWords } from '../judges/local/decision.ts';
import { labelOf } from '../judgments/index.ts';
import type { Triplet } from '../judgments/index.ts';
import { splitByInstruction, withDecisionRow } from './rows.ts';

const source = { file: 'x', row: 1 };
const triplet = (i: number, more: Partial<Triplet> = {}): Triplet => ({
  ...{ instruction: `Say ${i}.`, output: 'x', judgment: null, source },
  ...more,
});

describe('splitByInstruction', () => {
  const rows = Array.from({ length: 3000 }, (_, i) => triplet(i % 1000, { output: `${i}` }));
  const { train, heldOut } = splitByInstruction(rows, 0.1);

  it('loses no row and keeps their order', () => {
    const order = (some: readonly Triplet[]): number[] => some.map(({ output }) => Number(output));
    expect([...order(train), ...order(heldOut)].sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
    expect(order(train)).toEqual([...order(train)].sort((a, b) => a - b));
  });

  it('keeps all responses to an instruction together', () => {
    const seen = new Set(train.map(({ instruction }) => instruction));
    expect(heldOut.filter(({ instruction }) => seen.has(instruction))).toEqual([]);
    expect(heldOut.length / rows.length).toBeGreaterThan(0.07);
    expect(heldOut.length / rows.length).toBeLessThan(0.13);
  });

  it('puts a row where it was before, whatever else there is', () => {
    const fewer = splitByInstruction(rows.slice(0, 700), 0.1);
    expect(heldOut.slice(0, fewer.heldOut.length)).toEqual(fewer.heldOut);
    const more = new Set(splitByInstruction(rows, 0.3).heldOut);
    expect(heldOut.every((row) => more.has(row))).toBe(true);
  });

  it('tells inputs apart, and takes an empty one for none', () => {
    const part = (row: Triplet): boolean => splitByInstruction([row], 0.5).heldOut.length === 1;
    for (let i = 0; i < 20; i++) expect(part(triplet(i, { input: '' }))).toBe(part(triplet(i)));
    const parts = Array.from({ length: 40 }, (_, i) => part(triplet(0, { input: `${i}` })));
    expect(new Set(parts).size).toBe(2);
  });
});

describe('withDecisionRow', () => {
  it.each<[string, Partial<Triplet>, string]>([
    ['criticism', { judgment: ' It is wrong. ' }, 'It is wrong.\nNo.'],
    ['praise', { judgment: 'Perfect answer.' }, 'Perfect answer.\nYes.'],
    ['no words', { judgment: null }, 'Flawless.\nYes.'],
    ['blank words', { judgment: '  ' }, 'Flawless.\nYes.'],
    ['words with a good score', { judgment: 'Fine, if long.', score: 8 }, 'Fine, if long.\nYes.'],
  ])('%s', (_, more, expected) => {
    const row = triplet(1, more);
    const found = withDecisionRow(row, 'Flawless.', defaultDecisionWords);
    expect(found.judgment).toBe(expected);
  });

  it('leaves the label as it was where the praise begins with "perfect"', () => {
    for (const judgment of ['Bad.', 'Perfect.', null]) {
      const row = triplet(1, { judgment });
      expect(labelOf(withDecisionRow(row, 'Perfect.', defaultDecisionWords))).toBe(labelOf(row));
    }
  });
});
