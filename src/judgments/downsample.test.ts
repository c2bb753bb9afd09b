import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { downsampleSatisfactory, keptAfterDownsampling } from './downsample.ts';
import type { Label, Triplet } from './triplet.ts';

const label = fc.constantFrom<Label>('align-p', 'align-n');

describe('keptAfterDownsampling', () => {
  it('keeps all negatives, the asked share of the rest, and the order', () => {
    fc.assert(
      fc.property(
        fc.array(label, { maxLength: 60 }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.integer(),
        (rest, ratio, seed) => {
          const labels: Label[] = [...rest, 'align-n'];
          const kept = Array.from(keptAfterDownsampling(labels, ratio, seed));
          const negatives = labels.filter((l) => l === 'align-n').length;
          const positives = labels.length - negatives;
          const keptLabels = kept.map((i) => labels[i]);
          expect(keptLabels.filter((l) => l === 'align-n')).toHaveLength(negatives);
          expect(keptLabels.filter((l) => l === 'align-p')).toHaveLength(
            Math.min(positives, Math.floor(ratio * negatives)),
          );
          expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
          expect(Array.from(keptAfterDownsampling(labels, ratio, seed))).toEqual(kept);
        },
      ),
    );
  });

  it.each([
    [287, 0.25, 71],
    [231, 0.25, 57],
    [242, 0.25, 60],
    [3, 0.25, 0],
    [10, 0.3, 3],
    [7, 1.5, 10],
  ])('of %i negatives at ratio %f keeps %i satisfactory rows, rounded down', (negatives, ratio, wanted) => {
    const labels = Array.from({ length: negatives + 800 }, (_, i): Label =>
      i < negatives ? 'align-n' : 'align-p',
    );
    expect(keptAfterDownsampling(labels, ratio, 42)).toHaveLength(negatives + wanted);
  });

  it('draws other rows with another seed, each about equally often', () => {
    const labels = Array.from({ length: 12 }, (_, i): Label => (i < 4 ? 'align-n' : 'align-p'));
    const times = new Array<number>(12).fill(0);
    for (let seed = 0; seed < 800; seed++)
      for (const i of keptAfterDownsampling(labels, 0.5, seed)) times[i]!++;
    expect(times.slice(0, 4)).toEqual([800, 800, 800, 800]);
    for (const count of times.slice(4)) expect(Math.abs(count - 200)).toBeLessThan(50);
  });

  it('refuses a ratio without meaning and data without negatives', () => {
    expect(() => keptAfterDownsampling(['align-n'], -1, 0)).toThrow(/downsample.*found -1/s);
    expect(() => keptAfterDownsampling(['align-n'], NaN, 0)).toThrow(/found NaN/);
    expect(() => keptAfterDownsampling(['align-p'], 1, 0)).toThrow(/no row has a judgment/);
    expect(keptAfterDownsampling([], 1, 0)).toHaveLength(0);
  });
});

it('downsampleSatisfactory works on triplets', () => {
  const row = (judgment: string | null, i: number): Triplet => ({
    instruction: `ask ${i}`,
    output: 'say',
    judgment,
    source: { file: 'x', row: i + 1 },
  });
  const triplets = [null, 'bad', null, null, 'worse', null].map(row);
  const kept = downsampleSatisfactory(triplets, 0.5, 1);
  expect(kept.map(({ judgment }) => judgment).filter(Boolean)).toEqual(['bad', 'worse']);
  expect(kept).toHaveLength(3);
  expect(downsampleSatisfactory(triplets, 10, 1)).toBe(triplets);
});
