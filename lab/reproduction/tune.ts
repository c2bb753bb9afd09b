// Chooses each method's learning rate and knob on the development split, with the same number of runs for each.
// Knows the grid; the test split is never touched here.
import { percent } from '../../src/report/format.ts';
import { mean } from '../../src/evaluation/index.ts';
import type { MethodSettings } from './experiment.ts';
import { markdownTable } from './markdown.ts';
import type { SuiteMethod } from './methods.ts';
import { responsesFor, suiteMethods, titleOf } from './methods.ts';
import { gridOf, knobsAt, learningRatesAt } from './settings.ts';
import type { Suite, SuiteRow } from './suite.ts';
import type { Table } from './table.ts';
import type { Tuned } from './tuned.ts';

/** Seeds of tuning, which no suite uses. */
export const tuningSeeds: readonly number[] = [101];

const pointId = (method: SuiteMethod, point: number): string => `${method}-${point}`;

/** The grid of every method with so many training instructions. */
export const tuningSuite = (train: number): Suite => ({
  name: 'tune',
  title: `Settings for ${train} training instructions, chosen on the development split`,
  about:
    `Every method gets the same ${learningRatesAt(train).length * 4} points: ${learningRatesAt(train).length} learning ` +
    'rates times four values of a knob of its own or numbers of epochs. The best share of satisfactory answers to the ' +
    'plain prompt wins, the smaller learning rate among equals.',
  layout: 'list',
  paper: null,
  needsWorld: "it chooses by the judge's verdicts on new answers",
  rows: suiteMethods.flatMap((method) =>
    gridOf(method, train).map((settings, point): SuiteRow => {
      return {
        id: pointId(method, point),
        label: `${titleOf(method)}: ${settingsText(settings)}`,
        against: null,
        training: { method, settings, responses: responsesFor(method) },
        part: 'plain',
      };
    }),
  ),
});

/** "learning_rate 0.002, lambda 1.2" */
export function settingsText(settings: MethodSettings): string {
  const entries = Object.entries(settings).map(
    ([name, value]) => `${name} ${String(value as string | number | boolean | null)}`,
  );
  return entries.join(', ');
}

export interface TuningChoice {
  readonly method: SuiteMethod;
  readonly settings: MethodSettings;
  /** Share of satisfactory answers on the development split, in the order of the grid. */
  readonly rates: readonly number[];
}

export function chooseSettings(table: Table, train: number): TuningChoice[] {
  return suiteMethods.map((method) => {
    const grid = gridOf(method, train);
    const rates = grid.map((_, point) => {
      const row = table.rows.find(({ row: { id } }) => id === pointId(method, point))!;
      return mean(row.cells.success!.perSeed);
    });
    const order = grid.map((_, point) => point);
    const rate = (point: number): number => grid[point]!.learningRate!;
    order.sort((a, b) => rates[b]! - rates[a]! || rate(a) - rate(b) || a - b);
    return { method, settings: grid[order[0]!]!, rates };
  });
}

/** A table of knob values by learning rates for each method, the choice marked. */
export function tuningMarkdown(choices: readonly TuningChoice[], train: number): string {
  const learningRates = learningRatesAt(train);
  const header = ['method, knob', ...learningRates.map((rate) => `learning rate ${rate}`)];
  const rows = choices.flatMap(({ method, settings, rates }) =>
    knobsAt(method, train).map((knob, k) => [
      `${titleOf(method)}, ${settingsText(knob)}`,
      ...learningRates.map((learningRate, i) => {
        const text = percent(rates[k * learningRates.length + i]!);
        const chosen = JSON.stringify({ ...knob, learningRate }) === JSON.stringify(settings);
        return chosen ? `**${text}**` : text;
      }),
    ]),
  );
  return markdownTable(header, rows);
}

/** The content of tuned-TRAIN.ts. */
export function tunedSource(choices: readonly TuningChoice[], train: number, source: string): string {
  const methods = Object.fromEntries(choices.map(({ method, settings }) => [method, settings]));
  const record: Tuned = { source, methods: methods as Tuned['methods'] };
  return `// What \`whetstone reproduce tune --train ${train}\` chose on the development split; see its table for every point of the grid.
import type { Tuned } from './tuned.ts';

export const tuned: Tuned = ${JSON.stringify(record, null, 2)};
`;
}
