// Writes a data report for people: aligned columns, findings grouped by kind, the first rows of each.
import { percent, plural } from '../words/numbers.ts';
import { FINDING_TITLES, SEVERITIES } from './findings.ts';
import type { Finding, FindingCode, Severity } from './findings.ts';
import type { DataReport } from './check.ts';
import type { Spread } from './lengths.ts';
import type { ResponseEnd } from '../tokens/encode.ts';

export interface ReportStyle {
  /** How many findings of each kind to show; 5 if left out, Infinity for all. */
  readonly perKind?: number;
  /** Longest line, in characters; 110 if left out. */
  readonly width?: number;
  /** Marks the severity of a heading, for instance with colour; the text alone has to be enough. */
  readonly paint?: (text: string, severity: Severity) => string;
}

/** Several lines, no line break at the end. */
export function formatReport(report: DataReport, style: ReportStyle = {}): string {
  return [
    `${report.file}  (${report.format}, layout ${report.layout})`,
    '',
    ...formatCounts(report),
    '',
    ...formatLengths(report),
    '',
    ...formatFindings(report, style),
  ].join('\n');
}

/** The whole report as indented JSON, every finding included: for `--json`. */
export function reportToJson(report: DataReport): string {
  return JSON.stringify(report, null, 2);
}

function formatCounts(report: DataReport): string[] {
  const { rows, triplets, satisfactory, unsatisfactory, reasons, marked, marks } = report;
  const share = (count: number): string => (triplets === 0 ? '' : percent(count / triplets));
  const why = [
    [reasons['no-judgment'], 'without a judgment'],
    [reasons['begins-with-perfect'], 'begin with "Perfect"'],
    [reasons.score, 'by their score'],
  ] as const;
  const detail = why.filter(([count]) => count > 0).map(([count, text]) => `${count} ${text}`);
  const lines = table([
    ['rows', String(rows), '', ''],
    ['triplets', String(triplets), '', ''],
    ['  satisfactory', String(satisfactory), share(satisfactory), detail.join(', ')],
    ['  unsatisfactory', String(unsatisfactory), share(unsatisfactory), ''],
    ...(marked > 0 ? [['  with marked errors', String(marked), share(marked), plural(marks, 'mark')]] : []),
  ]);
  const skipped = Object.entries(report.skipped).map(([reason, count]) => `left out: ${count} (${reason})`);
  return [...lines, ...skipped];
}

function formatLengths({ characters, tokens }: DataReport): string[] {
  const row = (name: string, spread: Spread | null): string[] =>
    spread === null
      ? []
      : [name, spread.min, spread.median, spread.p95, spread.max, spread.total].map((cell) => String(cell));
  const rows = [
    ['length', 'min', 'median', '95%', 'max', 'total'],
    row('instruction, characters', characters.instruction),
    row('response, characters', characters.response),
    row('judgment, characters', characters.judgment),
    row('prompt, tokens', tokens?.prompt ?? null),
    row('prompt with judgment, tokens', tokens?.judgedPrompt ?? null),
    row('response, tokens', tokens?.response ?? null),
  ].filter((cells) => cells.length > 0);
  const lines = table(rows);
  if (tokens?.end) lines.push(...formatEnd(tokens.end));
  if (tokens) {
    if (tokens.cutoffLength !== null) {
      lines.push(
        `cut-off of ${tokens.cutoffLength} tokens: ${tokens.truncated} prompts shortened, ` +
          `${tokens.unfit} rows do not fit`,
      );
    }
    if (tokens.maxPositions !== null && tokens.beyond > 0)
      lines.push(`the model takes ${tokens.maxPositions} tokens: ${tokens.beyond} rows are longer`);
    if (tokens.retokenized > 0)
      lines.push(`responses tokenized apart from their prompt: ${tokens.retokenized}`);
    if (tokens.failed > 0) lines.push(`rows that cannot be tokenized: ${tokens.failed}`);
  }
  return lines;
}

function formatEnd({ text, ids, before }: ResponseEnd): string[] {
  const tokens = `${ids.length === 1 ? 'token' : 'tokens'} ${ids.join(', ')}`;
  const end = `a response ends in ${JSON.stringify(text)} (${tokens}), which is trained and scored with it`;
  if (before === '') return [end];
  return [end, `before a response the template writes ${JSON.stringify(before)}, which is not trained`];
}

const WEIGHT: readonly Severity[] = ['error', 'warning', 'note'];

function formatFindings(report: DataReport, style: ReportStyle): string[] {
  const { perKind = 5, width = 110, paint = (text) => text } = style;
  const groups = new Map<FindingCode, Finding[]>();
  for (const item of report.findings) {
    const group = groups.get(item.code);
    if (group) group.push(item);
    else groups.set(item.code, [item]);
  }
  if (groups.size === 0) return ['nothing suspicious found'];
  const weight = (code: FindingCode): number => WEIGHT.indexOf(SEVERITIES[code]);
  const codes = (Object.keys(FINDING_TITLES) as FindingCode[])
    .filter((code) => groups.has(code))
    .sort((a, b) => weight(a) - weight(b));
  const lines = codes.flatMap((code) => {
    const group = groups.get(code)!;
    const severity = SEVERITIES[code];
    const heading = `${paint(`${severity}: ${FINDING_TITLES[code]} (${group.length})`, severity)} [${code}]`;
    const shown = group.slice(0, perKind).map((item) => formatFinding(item, width));
    const rest = group.length - shown.length;
    return [heading, ...shown, ...(rest > 0 ? [`  … and ${rest} more`] : []), ''];
  });
  return [...lines, summary(report.findings)];
}

function formatFinding({ row, part, field, message, excerpt }: Finding, width: number): string {
  const place = `  row ${row}${part === undefined ? '' : ` ${part}`}${field && ` ${field}`}: ${message}`;
  if (excerpt === '') return place;
  const room = width - place.length - 3;
  // Too little room to recognise a text by is not worth a fragment.
  if (room < 20) return place;
  const points = Array.from(excerpt);
  const text = points.length > room ? `${points.slice(0, room - 1).join('')}…` : excerpt;
  return `${place} | ${text}`;
}

function summary(findings: readonly Finding[]): string {
  const count = (severity: Severity): number => findings.filter((item) => item.severity === severity).length;
  return [
    plural(count('error'), 'error'),
    plural(count('warning'), 'warning'),
    plural(count('note'), 'note'),
  ].join(', ');
}

/** First column to the left, the others to the right, except a last column of words. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows.map((cells) =>
    cells
      .map((cell, column) => {
        const words = column === 0 || /[^\d.%\s]/.test(cell.replace(/^(?:min|median|max|total)$/, ''));
        return words ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
      })
      .join('  ')
      .trimEnd(),
  );
}
