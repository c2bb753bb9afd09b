// What a table says, in sentences made from its numbers: where it agrees with the paper's order and where not.
import { percent, points } from '../../src/report/format.ts';
import type { Table, TableRow } from './table.ts';

/** Sentences, each a line of its own. */
export function conclusions(table: Table): string[] {
  if (table.measures[0]?.id !== 'success') return heldOutConclusions(table);
  const { suite } = table;
  return [
    ...(suite.paper?.columns.length ? [orderSentence(table)] : []),
    ...divergence(table),
    ...(suite.layout === 'list' ? leaders(table) : []),
    ...(specific[suite.name]?.(table) ?? []),
  ];
}

const successOf = (row: TableRow): number => row.cells.success!.estimate.value;

export interface OrderComparison {
  /** Pairs of rows that the paper's figure puts in an order. */
  readonly pairs: number;
  readonly agreed: number;
  /** Pairs that come out the other way round here: [ahead in the paper, ahead here]. */
  readonly reversed: readonly (readonly [TableRow, TableRow])[];
}

/** Compares the order of every two rows that have a figure in the paper's column; ties of ours count as reversed. */
export function compareOrder(rows: readonly TableRow[], column: number): OrderComparison {
  const known = rows.filter(({ row }) => typeof row.paper?.[column] === 'number');
  const reversed: (readonly [TableRow, TableRow])[] = [];
  let pairs = 0;
  for (const [i, a] of known.entries()) {
    for (const b of known.slice(i + 1)) {
      const theirs = a.row.paper![column]! - b.row.paper![column]!;
      if (theirs === 0) continue;
      pairs++;
      const [ahead, behind] = theirs > 0 ? [a, b] : [b, a];
      if (successOf(ahead) <= successOf(behind)) reversed.push([ahead, behind]);
    }
  }
  return { pairs, agreed: pairs - reversed.length, reversed };
}

function orderSentence(table: Table): string {
  const parts = table.suite.paper!.columns.map(({ title, source }, column) => {
    const { pairs, agreed, reversed } = compareOrder(table.rows, column);
    const named = reversed
      .slice(0, 4)
      .map(([ahead, behind]) => `"${ahead.row.label}" is not ahead of "${behind.row.label}"`);
    const rest = reversed.length > 4 ? [`${reversed.length - 4} more`] : [];
    const but = reversed.length === 0 ? '' : ` (here ${[...named, ...rest].join('; ')})`;
    return `${agreed} of ${pairs} pairs by ${title} (${source})${but}`;
  });
  return `Order of rows as in the paper: ${parts.join('. ')}.`;
}

function divergence({ rows }: Table): string[] {
  return rows
    .filter(({ diverged }) => diverged > 0)
    .map(
      (row) =>
        `${row.row.label} diverges: the loss was not finite in ${row.diverged} of ${row.seeds} runs, which were tested ` +
        'with the parameters of the last good step.',
    );
}

/** Which rows the best one is ahead of beyond their intervals. */
function leaders({ rows }: Table): string[] {
  const [best, ...others] = [...rows].sort((a, b) => successOf(b) - successOf(a));
  if (!best || others.length === 0) return [];
  const { low } = best.cells.success!.estimate;
  const level = others.filter((row) => row.cells.success!.estimate.high >= low);
  const what = `Best: ${best.row.label} with ${percent(successOf(best))}`;
  if (level.length === others.length) return [`${what}, but its interval overlaps that of every other row.`];
  const named = level.map(({ row }) => row.label).join(', ');
  const exceptions = level.length === 0 ? '' : ` but ${named}`;
  return [`${what}; its interval lies above that of every other row${exceptions}.`];
}

const find = ({ rows }: Table, id: string): TableRow => rows.find(({ row }) => row.id === id)!;

/** "ahead by 12.3 points", or that the interval holds 0. */
function differenceWords({ cells }: TableRow): string {
  const { value, low, high } = cells.success!.difference!;
  const interval = `95% interval ${points(low)} to ${points(high)}`;
  if (low > 0 || high < 0) return `${points(value)} points (${interval})`;
  return `${points(value)} points, which is within chance (${interval})`;
}

const specific: Readonly<Record<string, (table: Table) => string[]>> = {
  table4: (table) => {
    const base = find(table, 'base').cells.success!.estimate;
    return table.rows
      .filter(({ row }) => row.against === 'cut')
      .map((row) => {
        const collapsed = row.cells.success!.estimate.high < base.low;
        const fate = collapsed ? ' It falls below the base model: training does not converge.' : '';
        return `${row.row.label}: ${differenceWords(row)} against CUT.${fate}`;
      });
  },
  table5: (table) => {
    const trained = table.rows.filter(({ row }) => row.against !== null);
    const better = trained.filter(({ cells }) => cells.success!.difference!.low > 0);
    const words = trained
      .map((row) => `${row.row.label} ${points(row.cells.success!.difference!.value)}`)
      .join(', ');
    return [
      `CUT is ahead of its base beyond the interval at ${better.length} of ${trained.length} sizes (${words} points); the paper's is ahead at all three.`,
    ];
  },
  table6: (table) => {
    const last = new Map<string, TableRow[]>();
    for (const row of table.rows)
      last.set(row.row.place!.series, [...(last.get(row.row.place!.series) ?? []), row]);
    return [...last].map(([series, rows]) => {
      const rates = rows.map(successOf);
      const best = rates.indexOf(Math.max(...rates));
      return `${series}: ${percent(rates[0]!)} before, ${percent(rates.at(-1)!)} after the last round, best after round ${best} (${percent(rates[best]!)}).`;
    });
  },
  figure4: (table) => {
    const xs = [...new Set(table.rows.flatMap(({ row }) => row.place?.x ?? []))];
    return xs.map((x) => {
      const cut = find(table, `cut-${x}`);
      const dpo = find(table, `dpo-${x}`);
      const [a, b] = [cut.cells.success!.estimate, dpo.cells.success!.estimate];
      const apart = a.low > b.high || b.low > a.high ? 'intervals apart' : 'intervals overlap';
      return `With ${cut.row.place!.xLabel} of the instructions CUT has ${percent(a.value)} and DPO ${percent(b.value)} (${apart}).`;
    });
  },
  figure7: (table) => {
    const rows = table.rows.filter(({ row }) => row.place);
    const best = rows.reduce((a, b) => (successOf(b) > successOf(a) ? b : a));
    const worst = rows.reduce((a, b) => (successOf(b) < successOf(a) ? b : a));
    const [high, low] = [best.cells.success!.estimate, worst.cells.success!.estimate];
    const apart = high.low > low.high ? '' : '; their intervals overlap, so this does not show an optimum';
    return [
      `Best with at most ${best.row.place!.xLabel} satisfactory for each unsatisfactory (${percent(high.value)}), worst with ${worst.row.place!.xLabel} (${percent(low.value)})${apart}. The paper found a moderate ratio best and kept 0.25.`,
    ];
  },
};

function heldOutConclusions({ rows }: Table): string[] {
  const better = rows.filter(({ cells }) => {
    const [good, bad] = [cells.good?.difference, cells.bad?.difference];
    return good && bad && good.high < 0 && bad.low > 0;
  });
  const named = better.map(({ row }) => row.label).join(', ');
  return [
    better.length === 0
      ? 'No row makes held-out satisfactory responses likelier and unsatisfactory ones less likely at once beyond the intervals.'
      : `Satisfactory held-out responses became likelier and unsatisfactory ones less likely, both beyond the intervals: ${named}.`,
    'No judge has seen new answers: this says what the model finds likely, not how well it answers.',
    ...rows
      .filter(({ refused }) => refused)
      .map(({ row, refused }) => `${row.label} was not trained: ${refused!}`),
  ];
}
