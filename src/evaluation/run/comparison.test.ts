import { describe, expect, it } from 'vitest';
import {
  comparisonCsv,
  comparisonJson,
  comparisonLines,
  comparisonMarkdown,
  legend,
} from './comparison-files.ts';
import { compare } from './comparison.ts';
import type { Figure } from './task.ts';

const figure = (scores: readonly (number | null)[] | null, more: Partial<Figure> = {}): Figure => {
  const known = scores?.filter((score) => score !== null) ?? [];
  return {
    name: 'task',
    metric: 'acc',
    value: known.reduce((sum, score) => sum + score, 0) / Math.max(1, known.length),
    stderr: 0.0123,
    scored: known.length,
    total: scores?.length ?? 0,
    unit: 'share',
    scores,
    ...more,
  };
};

describe('compare', () => {
  it('pairs items with the first subject, and leaves out those without a score', () => {
    const { rows } = compare(
      ['a', 'b', 'c'],
      [[figure([1, 0, 1, null])], [figure([1, 1, null, 1])], [figure([1, 0, 1, 1])]],
    );
    const [first, second, third] = rows[0]!.cells;
    expect(first!.difference).toBeNull();
    // Of the first two items only.
    expect(second!.difference!.value).toBe(0.5);
    expect(third!.difference).toEqual({ value: 0, low: 0, high: 0 });
    expect([second!.scored, second!.total]).toEqual([3, 4]);
  });

  it('compares nothing where a figure is no mean or no item is shared', () => {
    const { rows } = compare(
      ['a', 'b'],
      [
        [figure(null), figure([null, 1])],
        [figure(null), figure([1, null])],
      ],
    );
    expect(rows.map(({ cells }) => cells[1]!.difference)).toEqual([null, null]);
  });

  it('gives the same interval for the same seed', () => {
    const scores = Array.from({ length: 40 }, (_, i) => ((i * 7) % 3 === 0 ? 1 : 0));
    const others = Array.from({ length: 40 }, (_, i) => (i * 5) % 2);
    const of = (seed: number) =>
      compare(['a', 'b'], [[figure(scores)], [figure(others)]], { seed }).rows[0]!.cells[1];
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });
});

describe('files', () => {
  const comparison = compare(
    ['base', 'a|b,c'],
    [
      [figure([1, 0, 1, 0]), figure([3, 4], { name: 'part', unit: 'number', metric: 'ppl', detail: true })],
      [
        figure([1, 0, 0, null]),
        figure([2, 4], { name: 'part', unit: 'number', metric: 'ppl', detail: true }),
      ],
    ],
    { resamples: 100 },
  );

  it('in Markdown', () => {
    const lines = comparisonMarkdown(comparison).split('\n');
    expect(lines[0]).toBe('| task | metric | base | a\\|b,c | a\\|b,c − base |');
    expect(lines[2]).toMatch(
      /^\| task \| acc \| 50\.0 ± 1\.2 \| 33\.3 ± 1\.2 \(3 of 4 scored\) \| -33\.3 \[/,
    );
    expect(lines[3]).toMatch(/^\| part \| ppl \| 3\.500 ± 0\.012 \| 3\.000 ± 0\.012 \| -0\.500 \[/);
    expect(lines.at(-2)).toBe(legend(comparison));
  });

  it('in CSV', () => {
    const lines = comparisonCsv(comparison).trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    const [low, high] = [lines[1]!.split(',')[5], lines[1]!.split(',')[6]].map(Number);
    expect(low).toBeLessThan(0.5);
    expect(high).toBeGreaterThan(0.5);
    expect(lines[1]).toBe(`task,acc,base,0.5,0.0123,${low},${high},4,4,,,`);
    expect(lines[2]).toMatch(
      /^task,acc,"a\|b,c",0\.333333333\d*,0\.0123,[\d.]+,[\d.]+,3,4,-0\.333333333\d*,-0\.\d+,0$/,
    );
  });

  it('in JSON', () => {
    expect(JSON.parse(comparisonJson(comparison))).toMatchObject({
      models: ['base', 'a|b,c'],
      compared_with: 'base',
      rows: [
        { task: 'task', metric: 'acc', models: { base: { value: 0.5, difference: null } } },
        { task: 'part' },
      ],
    });
  });

  it('for a terminal, details where they are asked for', () => {
    expect(comparisonLines(comparison, false).map((row) => row.slice(0, 3))).toEqual([
      ['task', 'acc', 'base'],
      ['', '', 'a|b,c'],
    ]);
    expect(comparisonLines(comparison, true)).toHaveLength(4);
  });
});
