// An evaluation's folder as the data of a report: each figure of each model with its interval, and the differences.
// Draws nothing, and measures nothing.
import { readFile, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { evaluationFiles } from '../evaluation/run/evaluate.ts';
import { differenceText, valueText } from '../evaluation/run/comparison-files.ts';
import type { ComparisonCell } from '../evaluation/run/comparison.ts';
import { readYaml } from '../options/yaml.ts';
import type { ReportData, ReportFigure } from '../report/index.ts';
import { isFields } from '../rows/fields.ts';
import { adapterFolder } from '../runs/adapter-folder.ts';
import { option } from '../words/option.ts';
import { plural } from '../words/numbers.ts';
import { reasonOf } from '../words/system-errors.ts';

interface Results {
  readonly models: readonly string[];
  readonly confidence: number;
  readonly rows: readonly Row[];
}

interface Row {
  readonly task: string;
  readonly metric: string;
  readonly unit: 'share' | 'number';
  readonly models: Readonly<Record<string, ComparisonCell>>;
}

/**
 * The evaluation in the folder `dir`; null where its run.yaml is of something else, or is not there. Throws
 * WhetstoneError `BAD_RUN` where its results are not there, or are damaged.
 */
export async function evaluationReport(dir: string): Promise<Omit<ReportData, 'date'> | null> {
  const files = evaluationFiles(dir);
  const record = await readFile(files.record, 'utf8').catch(() => '');
  if (!/^evaluation:/m.test(record)) return null;
  const content = readYaml(record, { file: files.record, code: 'BAD_RUN', hint: again });
  const { versions, tasks } = isFields(content) ? content : {};
  const { models, rows, confidence } = readResults(
    files.json,
    await readFile(files.json, 'utf8').catch((cause: unknown) => {
      throw damaged(files.json, `the results cannot be read: ${reasonOf(cause)}`);
    }),
  );
  const [first = ''] = models;
  const compared = models.length > 1 ? `, the others compared with ${first} on the same items` : '';
  return {
    title: 'Models measured on tasks',
    summary: `${models.join(', ')}: ${plural(new Set(rows.map(({ task }) => task)).size, 'task')}${compared}.`,
    headline: {
      facts: rows.slice(0, 6).map((row) => ({
        label: `${row.task}, ${row.metric}`,
        value: models.map((name) => valueText(row.models[name]!, row)).join(' / '),
        note: models.join(' / '),
      })),
    },
    figures: figuresOf({ models, rows, confidence }),
    ...(isFields(versions) && { provenance: { versions: versions as Readonly<Record<string, string>> } }),
    ...(Array.isArray(tasks) && {
      settings: { tasks: tasks.map((task) => (isFields(task) ? String(task['name']) : String(task))) },
    }),
  };
}

/** A figure of one adapter. */
export interface EvaluatedRow {
  readonly task: string;
  readonly metric: string;
  readonly cell: ComparisonCell;
  /** The value as it is read, with its error. */
  readonly text: string;
}

/**
 * What the evaluation in `dir` found for the adapter in `adapterDir`. Throws WhetstoneError `BAD_RUN` where the folder holds
 * no evaluation, or one that did not measure it.
 */
export async function evaluationOf(dir: string, adapterDir: string): Promise<readonly EvaluatedRow[]> {
  const files = evaluationFiles(dir);
  const record = await readFile(files.record, 'utf8').catch(() => '');
  const content = readYaml(record, { file: files.record, code: 'BAD_RUN', hint: again });
  const models = isFields(content) && Array.isArray(content['models']) ? content['models'] : null;
  if (models === null)
    throw new WhetstoneError('BAD_RUN', 'this is no folder of an evaluation', {
      file: dir,
      hint: `Name the folder that "whetstone evaluate" wrote (its ${option('out')}).`,
    });
  const measured = models.filter(isFields);
  const own = await placeOf(adapterDir);
  const places = await Promise.all(
    measured.map(async ({ adapter }) => (typeof adapter === 'string' ? placeOf(adapter) : null)),
  );
  const name = measured[places.indexOf(own)]?.['name'];
  if (typeof name !== 'string')
    throw new WhetstoneError('BAD_RUN', `it did not measure the adapter ${own}`, {
      file: files.record,
      hint: `It measured: ${measured.map((each) => String(each['name'])).join(', ')}.`,
    });
  const { rows } = readResults(files.json, await readFile(files.json, 'utf8').catch(() => ''));
  return rows.flatMap((row) => {
    const cell = row.models[name];
    if (cell === undefined || !Number.isFinite(cell.value)) return [];
    return [{ task: row.task, metric: row.metric, cell, text: valueText(cell, row) }];
  });
}

/** An adapter may be named by its run, or through a link. */
const placeOf = async (path: string): Promise<string> => {
  const dir = await adapterFolder(path).catch(() => path);
  return realpath(dir).catch(() => resolve(dir));
};

/** Shares in one figure; numbers in one each, for their scales have nothing in common. */
function figuresOf({ models, rows, confidence }: Results): ReportFigure[] {
  const shares = rows.filter(({ unit }) => unit === 'share');
  const groups = [shares, ...rows.filter(({ unit }) => unit === 'number').map((row) => [row])];
  return groups
    .filter((group) => group.length > 0)
    .map((group) => ({
      heading: group.length === 1 ? `${group[0]!.task}: ${group[0]!.metric}` : 'Shares',
      caption: captionOf(group, models, confidence),
      kind: 'bars',
      figure: {
        title: group.length === 1 ? group[0]!.metric : 'Shares by task',
        value: {
          label: group.length === 1 ? group[0]!.metric : 'share',
          format: group[0]!.unit === 'share' ? 'percent' : 'number',
        },
        series: models.map((name, i) => ({ name, ...(i === 0 && models.length > 1 && { reference: true }) })),
        groups: group.map((row) => ({
          name: group.length === 1 ? row.task : `${row.task}, ${row.metric}`,
          values: models.map((name) => estimateOf(row.models[name]!)),
        })),
      },
    }));
}

const estimateOf = ({ value, interval }: ComparisonCell): { value: number } | null =>
  Number.isFinite(value) ? { value, ...interval } : null;

function captionOf(rows: readonly Row[], models: readonly string[], confidence: number): string {
  const differences = rows.flatMap((row) =>
    models.slice(1).flatMap((name) => {
      const text = differenceText(row.models[name]!.difference, row);
      return text === '' ? [] : [`${row.task}, ${row.metric}: ${name} ${text}`];
    }),
  );
  const intervals = `Whiskers are ${Math.round(100 * confidence)}% bootstrap intervals over items.`;
  return differences.length === 0
    ? intervals
    : `${intervals} Differences to ${models[0]!}: ${differences.join('; ')}.`;
}

function readResults(file: string, text: string): Results {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw damaged(file, 'expected JSON');
  }
  if (!isResults(content)) throw damaged(file, 'expected the results of an evaluation, by model and task');
  return { ...content, rows: content.rows.map((row) => ({ ...row, unit: row.unit ?? 'number' })) };
}

/** Folders of earlier versions do not say the unit. */
const isResults = (content: unknown): content is Results =>
  isFields(content) &&
  Array.isArray(content['models']) &&
  content['models'].length > 0 &&
  content['models'].every((name) => typeof name === 'string') &&
  typeof content['confidence'] === 'number' &&
  Array.isArray(content['rows']) &&
  content['rows'].every((row) => isRow(row, content['models'] as string[]));

const isRow = (row: unknown, models: readonly string[]): boolean => {
  if (!isFields(row) || typeof row['task'] !== 'string' || typeof row['metric'] !== 'string') return false;
  const cells = row['models'];
  return isFields(cells) && models.every((name) => isCell(cells[name]));
};

/** A figure that is no number is null in JSON. */
const isCell = (cell: unknown): boolean =>
  isFields(cell) &&
  [cell['value'], cell['stderr']].every((n) => n === null || typeof n === 'number') &&
  [cell['scored'], cell['total']].every((n) => typeof n === 'number') &&
  [cell['interval'], cell['difference']].every(isIntervalOrNull);

const isIntervalOrNull = (interval: unknown): boolean =>
  interval === null ||
  (isFields(interval) && ['low', 'high'].every((end) => typeof interval[end] === 'number'));

const again = `The same "whetstone evaluate" again, with this folder as ${option('out')}, measures what is missing and writes the results anew.`;

const damaged = (file: string, problem: string): WhetstoneError =>
  new WhetstoneError('BAD_RUN', problem, { file, hint: again });
