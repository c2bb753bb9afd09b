// Tables from results made by hand: measures, differences, conclusions and Markdown.
import { describe, expect, it } from 'vitest';
import { compareOrder, conclusions } from './conclude.ts';
import type { Model, HeldOutExperiment, OnlineExperiment, Result, TrialExperiment } from './experiment.ts';
import { tableFigure } from './figures.ts';
import { markdownTable, tableMarkdown } from './markdown.ts';
import type { Suite, SuiteRow } from './suite.ts';
import type { RowResults, Table } from './table.ts';
import { layOutTable } from './table.ts';

const model: Model = { name: 'model', fingerprint: 'abc' };
const tests = { split: 'test', count: 10, seed: 0 } as const;
const trial: TrialExperiment = { kind: 'trial', model, training: null, tests, praised: false };
const facts = { examples: 8, steps: 4, seconds: 2, losses: [1, 0.5], flagged: 0.1, diverged: null };

const run = (plain: string, more: object = {}): RowResults[number] => ({
  experiment: trial,
  result: { plain, praised: null, answers: [], training: null, ...more },
});

const rowOf = (id: string, paper: number[] | null, more: Partial<SuiteRow> = {}): SuiteRow => ({
  id,
  label: id.toUpperCase(),
  against: id === 'base' ? null : 'base',
  training: null,
  part: 'plain',
  ...(paper && { paper }),
  ...more,
});

const suite: Suite = {
  name: 'test',
  title: 'A test',
  about: '',
  layout: 'list',
  paper: { columns: [{ title: 'win rate', source: 'Table 0' }] },
  needsWorld: null,
  rows: [
    rowOf('base', [1]),
    rowOf('good', [60]),
    rowOf('praised', [30], { part: 'praised' }),
    rowOf('unknown', null),
  ],
};

const results = new Map<string, RowResults>([
  ['base', [run('1000000000')]],
  ['good', [run('1111111110', { training: facts }), run('1111111111', { training: facts })]],
  ['praised', [run('0000000000', { praised: '0000000001' }), run('0000000000', { praised: '0000000000' })]],
  ['unknown', [run('1111100000', { training: { ...facts, diverged: { step: 3, message: '' } } })]],
]);
const table = layOutTable(suite, results, { resamples: 200 });

describe('layOutTable', () => {
  it('averages over seeds and compares item by item', () => {
    const [base, good, praised] = table.rows;
    expect(base!.cells.success).toMatchObject({ perSeed: [0.1], deviation: null, difference: null });
    expect(good!.cells.success!.estimate.value).toBeCloseTo(0.95);
    expect(good!.cells.success!.perSeed).toEqual([0.9, 1]);
    expect(good!.cells.success!.deviation).toBeCloseTo(Math.SQRT1_2 / 10);
    expect(good!.cells.success!.difference!.value).toBeCloseTo(0.85);
    expect(good!.cells.success!.difference!.low).toBeGreaterThan(0.5);
    expect(praised!.cells.success!.perSeed).toEqual([0.1, 0]);
    expect(good).toMatchObject({ seconds: 2, examples: 8, seeds: 2, diverged: 0 });
    expect(table.rows[3]).toMatchObject({ diverged: 1, seeds: 1 });
  });

  it('reads the round that a row is about, and the training up to it', () => {
    const online: OnlineExperiment = {
      kind: 'online',
      model,
      settings: {},
      instructions: 5,
      rounds: [{}, {}],
      responses: 1,
      seed: 1,
      tests,
    };
    const round = (plain: string, seconds: number | null): object => ({
      plain,
      judged: 5,
      satisfactory: 1,
      training: seconds === null ? null : { ...facts, seconds },
    });
    const result = { rounds: [round('00', 1), round('10', 3), round('11', null)] } as unknown as Result;
    const rows = [0, 1, 2].map((part) => rowOf(part === 0 ? 'base' : `after-${part}`, null, { part }));
    const runs: RowResults = [{ experiment: online, result }];
    const laidOut = layOutTable({ ...suite, rows }, new Map(rows.map(({ id }) => [id, runs])), {
      resamples: 10,
    });
    expect(laidOut.rows.map(({ cells }) => cells.success!.estimate.value)).toEqual([0, 0.5, 1]);
    expect(laidOut.rows.map(({ seconds }) => seconds)).toEqual([null, 1, 2]);
  });
});

describe('conclusions', () => {
  it('compares every pair that the paper has figures for', () => {
    const { pairs, agreed, reversed } = compareOrder(table.rows, 0);
    // base < praised < good in the paper; here praised is behind base.
    expect([pairs, agreed]).toEqual([3, 2]);
    expect(reversed.map((pair) => pair.map(({ row }) => row.id))).toEqual([['praised', 'base']]);
  });

  it('says so, and names what diverges and what is best', () => {
    const text = conclusions(table).join('\n');
    expect(text).toContain('2 of 3 pairs by win rate (Table 0) (here "PRAISED" is not ahead of "BASE").');
    expect(text).toContain('UNKNOWN diverges: the loss was not finite in 1 of 1 runs');
    expect(text).toContain('Best: GOOD with 95.0%');
  });
});

describe('tableMarkdown', () => {
  it('has a line for each row with its spread, difference and the figure of the paper', () => {
    const lines = tableMarkdown(table).split('\n');
    expect(lines[0]).toContain('paper, Table 0: win rate');
    expect(lines[2]).toMatch(/^\| BASE \| 10\.0% \|.*\|\s+\|\s+\| 1 \|$/);
    expect(lines[3]).toMatch(/^\| GOOD \| 95\.0% ± 7\.1 \| .* \| \+85\.0 \[.*\] \| 2\.0 \| 60 \|$/);
    expect(lines[5]).toContain('UNKNOWN (diverges)');
    expect(lines[5]).toMatch(/\| {2}\|$/);
  });

  it('lays out a grid of series by places', () => {
    const rows = ['a', 'b'].flatMap((series) =>
      [0, 1].map((x) =>
        rowOf(`${series}${x}`, series === 'a' ? [x] : null, {
          against: null,
          place: { series, x, xLabel: `x${x}` },
        }),
      ),
    );
    const marks = ['0', '1', '1', '0'];
    const runs = new Map(rows.map(({ id }, i): [string, RowResults] => [id, [run(marks[i]!)]]));
    const laidOut = layOutTable({ ...suite, layout: 'grid', axis: 'amount', rows }, runs, { resamples: 10 });
    const lines = tableMarkdown(laidOut).split('\n');
    expect(lines[0]).toBe('| amount | x0 | x1 |');
    expect(lines).toContain('| a | 0.0% | 100.0% |');
    expect(lines).toContain('| a, paper, Table 0: win rate | 0 | 1 |');
    expect(lines).toContain('| b | 100.0% | 0.0% |');
    expect(lines.some((line) => line.startsWith('| b, paper'))).toBe(false);
    expect(tableFigure(laidOut)).toContain('<svg');
  });

  it('escapes what would end a cell', () => {
    expect(markdownTable(['a'], [['x|y\nz']])).toBe('| a |\n| --- |\n| x\\|y z |');
  });
});

describe('held-out rows', () => {
  const experiment: HeldOutExperiment = {
    kind: 'held-out',
    model,
    data: 'd',
    template: 'alpaca',
    heldOut: { share: 0.2, seed: 0 },
    training: null,
    lambda: 1.2,
  };
  const scored = (good: number, bad: number, refused: string | null = null): RowResults => [
    {
      experiment,
      result: {
        rows: refused
          ? []
          : [0, 1, 2, 3, 4, 5].map((i) => ({
              label: i % 2 === 0 ? ('align-p' as const) : ('align-n' as const),
              loss: (i % 2 === 0 ? good : bad) + i / 100,
              tokens: 5,
              flagged: i % 2 === 0 ? null : 0.4,
            })),
        training: null,
        refused,
      },
    },
  ];
  const laidOut: Table = layOutTable(
    suite,
    new Map([
      ['base', scored(2, 2)],
      ['good', scored(1, 3)],
      ['praised', scored(1, 1)],
      ['unknown', scored(0, 0, 'no row has a score')],
    ]),
    { resamples: 200 },
  );

  it('measures both kinds of response and what is still flagged', () => {
    const [base, good, , unknown] = laidOut.rows;
    expect(base!.cells.good!.estimate.value).toBeCloseTo(2.02);
    expect(good!.cells.good!.difference!.value).toBeCloseTo(-1);
    expect(good!.cells.bad!.difference!.value).toBeCloseTo(1);
    expect(good!.cells.flagged!.estimate.value).toBeCloseTo(0.4);
    expect(unknown!.cells).toEqual({});
  });

  it('says what it means, and why a method was not trained', () => {
    const text = conclusions(laidOut).join('\n');
    expect(text).toContain('both beyond the intervals: GOOD.');
    expect(text).toContain('UNKNOWN was not trained: no row has a score');
    expect(tableMarkdown(laidOut)).toContain('not possible');
    expect(tableFigure(laidOut)).toContain('<svg');
  });
});
