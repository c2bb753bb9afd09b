import { describe, expect, it } from 'vitest';
import type { Triplet } from '../../judgments/index.ts';
import { resolveSettings } from '../settings.ts';
import { requireLessons, trainingRows } from './training-rows.ts';
import type { JudgedRound } from './training-rows.ts';

const row = (name: string, good: boolean): Triplet => ({
  ...{ instruction: name, output: name, judgment: good ? null : 'Wrong.' },
  source: { file: 'x', row: 1 },
});
const names = (rows: readonly Triplet[]): string[] => rows.map(({ instruction }) => instruction);
const round = (
  prefix: string,
  good: number,
  bad: number,
  unfinished: readonly string[] = [],
): JudgedRound => {
  const triplets = [
    ...Array.from({ length: good }, (_, i) => row(`${prefix}+${i}`, true)),
    ...Array.from({ length: bad }, (_, i) => row(`${prefix}-${i}`, false)),
  ];
  return { triplets, finished: triplets.map(({ instruction }) => !unfinished.includes(instruction)) };
};
const cut = { ...resolveSettings({ model: 'm', data: null }), downsample: null };

describe('trainingRows', () => {
  it('keeps satisfactory responses in proportion to the others, and static triplets whole', () => {
    const mix = [row('mix', true), row('mixed', true), row('mixes', true)];
    const rows = trainingRows([round('a', 20, 4)], mix, { downsample: 0.5, seed: 1 });
    expect(rows.filter(({ judgment }) => judgment !== null)).toHaveLength(4);
    expect(names(rows).filter((name) => name.startsWith('a+'))).toHaveLength(2);
    expect(names(rows).slice(-3)).toEqual(['mix', 'mixed', 'mixes']);
    expect(names(trainingRows([round('a', 20, 4)], [], { downsample: 0.5, seed: 1 }))).toEqual(
      names(rows).slice(0, -3),
    );
    expect(trainingRows([round('a', 20, 4)], [], { downsample: null, seed: 1 })).toHaveLength(24);
  });

  it('leaves out what is satisfactory but cut off, not what is unsatisfactory', () => {
    const rows = trainingRows([round('a', 2, 2, ['a+1', 'a-1'])], [], { downsample: null, seed: 1 });
    expect(names(rows)).toEqual(['a+0', 'a-0', 'a-1']);
  });

  it('leaves out empty responses', () => {
    const { triplets, finished } = round('a', 1, 2);
    const empty = triplets.map((triplet, i) => (i === 1 ? { ...triplet, output: ' ' } : triplet));
    const rows = trainingRows([{ triplets: empty, finished }], [], { downsample: null, seed: 1 });
    expect(names(rows)).toEqual(['a+0', 'a-1']);
  });

  it('takes several rounds together', () => {
    const rows = trainingRows([round('a', 4, 1), round('b', 4, 3)], [], { downsample: 0.5, seed: 1 });
    expect(names(rows).filter((name) => name.includes('-'))).toEqual(['a-0', 'b-0', 'b-1', 'b-2']);
    expect(names(rows).filter((name) => name.includes('+'))).toHaveLength(2);
  });

  it('keeps everything where nothing is unsatisfactory; the method decides whether that will do', () => {
    const own = round('a', 3, 0);
    const rows = trainingRows([own], [], { downsample: 0.25, seed: 1 });
    expect(rows).toHaveLength(3);
    const about = { round: 2, mixed: 0, own: own.triplets, adapter: 'run/adapter' };
    expect(() => requireLessons(rows, { ...about, settings: cut })).toThrow(
      /round 2: 3 of 3 scored responses are satisfactory.*"cut" needs.*\n.*run\/adapter/,
    );
    requireLessons(rows, { ...about, settings: { ...cut, method: 'likelihood' } });
    const more = [...rows, row('mixed', false)];
    requireLessons(more, { ...about, settings: cut });
    expect(() => requireLessons(more, { ...about, mixed: 1, settings: cut })).toThrow(/"cut" needs/);
  });
});
