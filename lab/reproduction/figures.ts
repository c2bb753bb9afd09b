// A table's figure as SVG: bars for lists, lines for grids. Knows tables; drawing is the report's business.
import type { Estimate } from '../../src/evaluation/index.ts';
import { barFigure } from '../../src/report/bar-figure.ts';
import { lineFigure } from '../../src/report/line-figure.ts';
import type { LinePoint } from '../../src/report/line-figure.ts';
import type { Table, TableRow } from './table.ts';

export function tableFigure(table: Table): string {
  const { suite, measures, rows } = table;
  const [measure] = measures;
  if (measure?.id !== 'success') return heldOutFigure(table);
  if (suite.layout === 'list') {
    return barFigure({
      title: `${suite.title}, 95% intervals`,
      value: { label: measures.length === 1 ? measure.title : 'share', format: 'percent', domain: [0, 1] },
      series: measures.map(({ title }) => ({ name: title })),
      groups: rows.map(({ row, cells }) => ({
        name: row.label,
        values: measures.map(({ id }) => cells[id]?.estimate ?? null),
      })),
    });
  }
  const onAxis = ({ row: { place } }: TableRow): boolean => typeof place?.x === 'number';
  const placed = rows.filter(onAxis);
  const names = [...new Set(placed.map(({ row }) => row.place!.series))];
  const xs = [...new Set(placed.map(({ row }) => row.place!.x!))];
  return lineFigure({
    title: `${suite.title}, 95% intervals`,
    x: {
      label: suite.axis ?? '',
      ticks: xs,
      ...(suite.name === 'figure4' && { format: 'percent' as const }),
      ...(suite.logAxis && { log: true }),
    },
    y: { label: 'satisfactory answers', format: 'percent' },
    series: names.map((name) => ({
      name,
      points: placed
        .filter(({ row }) => row.place!.series === name)
        .map(({ row, cells }) => pointOf(row.place!.x!, cells.success!.estimate)),
    })),
    references: rows
      .filter((row) => !onAxis(row))
      .map(({ row, cells }) => ({ name: row.label, y: cells.success!.estimate.value })),
  });
}

const pointOf = (x: number, { value, low, high }: Estimate): LinePoint => ({ x, y: value, low, high });

function heldOutFigure({ suite, rows }: Table): string {
  return barFigure({
    title: `${suite.title}: held-out responses, 95% intervals`,
    value: { label: 'log-perplexity, nats per token' },
    series: [{ name: 'satisfactory' }, { name: 'unsatisfactory' }],
    groups: rows
      .filter(({ refused }) => refused === null)
      .map(({ row, cells }) => ({
        name: row.label,
        values: [cells.good?.estimate ?? null, cells.bad?.estimate ?? null],
      })),
  });
}

/** Precision and recalls over lambda. */
export function detectionFigure(
  lambdas: readonly number[],
  lines: readonly { readonly name: string; readonly values: readonly (Estimate | null)[] }[],
): string {
  return lineFigure({
    title: 'Flagged tokens against the true errors, over lambda, 95% intervals',
    // Ticks between 1 and 1.2 would write over each other.
    x: { label: 'lambda', log: true, ticks: lambdas.filter((lambda) => lambda === 1 || lambda >= 1.2) },
    y: { label: 'share', format: 'percent', domain: [0, 1] },
    series: lines.map(({ name, values }) => ({
      name,
      points: values.map((value, i) => (value ? pointOf(lambdas[i]!, value) : { x: lambdas[i]!, y: null })),
    })),
  });
}
