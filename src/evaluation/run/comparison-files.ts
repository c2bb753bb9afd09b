// A comparison as JSON, CSV and Markdown, and as rows of text for a terminal. Knows how figures are written, not what
// they measure.
import type { Estimate } from '../../statistics/bootstrap.ts';
import type { Comparison, ComparisonCell, ComparisonRow } from './comparison.ts';

/** Figures in full precision, as a record. */
export function comparisonRecord({ subjects, rows, confidence }: Comparison): object {
  return {
    models: subjects,
    compared_with: subjects[0],
    confidence,
    rows: rows.map(({ name, metric, unit, cells }) => ({
      task: name,
      metric,
      unit,
      models: Object.fromEntries(cells.map((cell, i) => [subjects[i]!, cell])),
    })),
  };
}

export const comparisonJson = (comparison: Comparison): string =>
  `${JSON.stringify(comparisonRecord(comparison), null, 2)}\n`;

/** A line for each figure and model, in full precision. */
export function comparisonCsv({ subjects, rows }: Comparison): string {
  const header =
    'task,metric,model,value,stderr,low,high,scored,total,difference,difference_low,difference_high';
  const lines = rows.flatMap(({ name, metric, cells }) =>
    cells.map(({ value, stderr, interval, scored, total, difference }, i) =>
      [
        name,
        metric,
        subjects[i]!,
        value,
        stderr,
        interval?.low,
        interval?.high,
        scored,
        total,
        difference?.value,
        difference?.low,
        difference?.high,
      ]
        .map((field) => csvField(field ?? ''))
        .join(','),
    ),
  );
  return `${[header, ...lines].join('\n')}\n`;
}

const csvField = (value: string | number): string =>
  /[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);

/** A row for each figure; of each model a column with its value, and one with its difference to the first. */
export function comparisonMarkdown(comparison: Comparison): string {
  const { subjects, rows } = comparison;
  const [first = '', ...others] = subjects;
  const header = ['task', 'metric', first, ...others.flatMap((name) => [name, `${name} − ${first}`])];
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const body = rows.map((row) => {
    const [base, ...rest] = row.cells;
    const cells = rest.flatMap((cell) => [valueText(cell, row), differenceText(cell.difference, row)]);
    return line([row.name, row.metric, valueText(base!, row), ...cells]);
  });
  const table = [line(header), line(header.map((_, i) => (i < 2 ? '---' : '--:'))), ...body].join('\n');
  return `${table}\n\n${legend(comparison)}\n`;
}

/** What the figures are, in one sentence. */
export function legend({ subjects, confidence, rows }: Comparison): string {
  const shares = rows.some(({ unit }) => unit === 'share') ? 'Shares in per cent; ' : '';
  const compared =
    subjects.length > 1
      ? `; differences to ${subjects[0]!} on the same items with ${Math.round(confidence * 100)}% bootstrap intervals`
      : '';
  const text = `${shares}± is the standard error${compared}.`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Cells of a table for a terminal: task, metric, model, value, difference. Repeated cells are empty. */
export function comparisonLines({ subjects, rows }: Comparison, details: boolean): string[][] {
  const shown = rows.filter(({ detail }) => details || !detail);
  return shown.flatMap((row, r) =>
    row.cells.map((cell, i) => [
      i > 0 || shown[r - 1]?.name === row.name ? '' : row.name,
      i > 0 ? '' : row.metric,
      subjects[i]!,
      valueText(cell, row),
      differenceText(cell.difference, row),
    ]),
  );
}

/** "84.3 ± 1.2", and how many items count where not all do, or where that is always told. */
export function valueText(
  { value, stderr, scored, total }: ComparisonCell,
  { unit, counted }: Unit & Pick<ComparisonRow, 'counted'>,
): string {
  const error = stderr === null ? '' : ` ± ${number(stderr, unit)}`;
  const count = scored === total && !counted ? '' : ` (${scored} of ${total} scored)`;
  return number(value, unit) + error + count;
}

/** "+1.2 [-0.3, +2.7]"; empty where there is none. */
export function differenceText(difference: Estimate | null, { unit }: Unit): string {
  if (difference === null) return '';
  const { value, low, high } = difference;
  return `${signed(value, unit)} [${signed(low, unit)}, ${signed(high, unit)}]`;
}

type Unit = Pick<ComparisonRow, 'unit'>;

const number = (value: number, unit: ComparisonRow['unit']): string =>
  !Number.isFinite(value) ? '–' : unit === 'share' ? (100 * value).toFixed(1) : value.toFixed(3);

function signed(value: number, unit: ComparisonRow['unit']): string {
  const text = number(value, unit);
  return text.startsWith('-')
    ? /[1-9]/.test(text)
      ? text
      : text.slice(1)
    : /[1-9]/.test(text)
      ? `+${text}`
      : text;
}
