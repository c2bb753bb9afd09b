// Tables as Markdown. Knows how numbers of a table are written; it does not know where they come from.
import type { Estimate } from '../../src/evaluation/index.ts';
import { fixed, NONE, percent, points } from '../../src/report/format.ts';
import type { PaperColumn } from './paper.ts';
import type { Measure } from './measures.ts';
import type { Table, TableCell, TableRow } from './table.ts';

/** A Markdown table; the first column is left-aligned, the others right. Pipes in cells are escaped. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

const write = (value: number, unit: Measure['unit']): string =>
  unit === 'share' ? percent(value) : fixed(value, 3);

/** "84.3% ± 1.2": mean and standard deviation over seeds. */
export function valueText({ estimate, deviation }: TableCell, unit: Measure['unit']): string {
  const spread =
    deviation === null ? '' : ` ± ${unit === 'share' ? fixed(100 * deviation, 1) : fixed(deviation, 3)}`;
  return write(estimate.value, unit) + spread;
}

export function intervalText({ low, high }: Estimate, unit: Measure['unit']): string {
  return unit === 'share'
    ? `${fixed(100 * low, 1)} to ${fixed(100 * high, 1)}`
    : `${fixed(low, 3)} to ${fixed(high, 3)}`;
}

/** "+53.7 [50.1 to 57.2]", in points or nats. */
export function differenceText(difference: Estimate | null, unit: Measure['unit']): string {
  if (difference === null) return '';
  const { value } = difference;
  const signed = unit === 'share' ? points(value) : `${value > 0 ? '+' : ''}${fixed(value, 3)}`;
  return `${signed} [${intervalText(difference, unit)}]`;
}

const paperText = (value: number | null | undefined): string =>
  value === null || value === undefined ? '' : String(value);

const paperTitle = ({ title, source }: PaperColumn): string => `paper, ${source}: ${title}`;

/** The whole table: one line a row, or a grid of series by places. */
export function tableMarkdown(table: Table): string {
  return table.suite.layout === 'grid' && table.measures[0]?.id === 'success' ? grid(table) : list(table);
}

function list({ suite, measures, rows }: Table): string {
  const columns = measures[0]?.id === 'success' ? (suite.paper?.columns ?? []) : [];
  const header = [
    '',
    ...measures.flatMap(({ title }) => [title, '95% interval', 'difference']),
    'training, s',
    ...columns.map(paperTitle),
  ];
  return markdownTable(
    header,
    rows.map((row) => [
      labelOf(row),
      ...measures.flatMap(({ id, unit }) => {
        const cell = row.cells[id];
        if (!cell) return [row.refused === null ? NONE : 'not possible', '', ''];
        return [
          valueText(cell, unit),
          intervalText(cell.estimate, unit),
          differenceText(cell.difference, unit),
        ];
      }),
      row.seconds === null ? '' : fixed(row.seconds, 1),
      ...columns.map((_, i) => paperText(row.row.paper?.[i])),
    ]),
  );
}

const labelOf = ({ row, diverged, seeds }: TableRow): string =>
  diverged === 0
    ? row.label
    : `${row.label} (diverges${diverged === seeds ? '' : ` in ${diverged} of ${seeds} runs`})`;

function grid({ suite, rows }: Table): string {
  const placed = rows.filter(({ row }) => row.place);
  const xs = [...new Set(placed.map(({ row }) => row.place!.x))];
  const names = [...new Set(placed.map(({ row }) => row.place!.series))];
  const at = (series: string, x: number | null): TableRow | undefined =>
    placed.find(({ row }) => row.place!.series === series && row.place!.x === x);
  const labels = xs.map((x) => placed.find(({ row }) => row.place!.x === x)!.row.place!.xLabel ?? String(x));
  const header = [suite.axis ?? '', ...labels];
  const line = (title: string, text: (row: TableRow) => string): ((series: string) => string[]) => {
    return (series) => [
      `${series}${title}`,
      ...xs.map((x) => {
        const row = at(series, x);
        return row ? text(row) : '';
      }),
    ];
  };
  const value = line(
    '',
    (row) => valueText(row.cells.success!, 'share') + (row.diverged > 0 ? ' (diverges)' : ''),
  );
  const difference = line(', difference', (row) => differenceText(row.cells.success!.difference, 'share'));
  const lines = names.flatMap((series) => {
    const figures = suite.paper?.columns.map((column, i) =>
      line(`, ${paperTitle(column)}`, (row) => paperText(row.row.paper?.[i]))(series),
    );
    const known = (figures ?? []).filter((cells) => cells.slice(1).some((cell) => cell !== ''));
    return [value(series), difference(series), ...known];
  });
  const others = rows
    .filter(({ row }) => !row.place)
    .map((row) => `\n${row.row.label}: ${valueText(row.cells.success!, 'share')}`);
  return [markdownTable(header, lines), ...others].join('\n');
}
