// Python's random numbers against Python's own.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPythonRandom } from '../../src/evaluation/python-random/index.ts';

interface Stream {
  readonly seed: string;
  readonly random: readonly number[];
  readonly getrandbits: readonly (readonly [bits: number, value: number])[];
  readonly randrange: readonly (readonly [bound: number, value: number])[];
  readonly choice: readonly number[];
  readonly shuffle: readonly number[];
  readonly sample: readonly (readonly [total: number, drawn: readonly number[]])[];
  readonly last: number;
}

const { streams } = JSON.parse(readFileSync(new URL('python-random.json', import.meta.url), 'utf8')) as {
  readonly streams: readonly Stream[];
};
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe.each(streams)('seed $seed', (golden) => {
  it('draws what Python draws', () => {
    const draw = createPythonRandom(BigInt(golden.seed));
    expect(golden.random.map(() => draw.random())).toEqual(golden.random);
    for (const [bits, value] of golden.getrandbits) expect(draw.getrandbits(bits)).toBe(value);
    for (const [bound, value] of golden.randrange) expect(draw.randrange(bound)).toBe(value);
    expect([1, 2, 9, 1000].map((count) => draw.choice(range(count)))).toEqual(golden.choice);
    const shuffled = range(30);
    draw.shuffle(shuffled);
    expect(shuffled).toEqual(golden.shuffle);
    for (const [total, drawn] of golden.sample) {
      expect(draw.sample(range(total), drawn.length), `${drawn.length} of ${total}`).toEqual(drawn);
    }
    expect(range(1000).map(() => draw.random())[999]).toBe(golden.last);
  });
});
