// The detection suite: how well flagged tokens agree with the errors that the judge knows, over lambda.
// Knows counts and how they become figures; it does not know how they were counted.
import { defaultSettings } from '../../../src/alignment/settings.ts';
import type {
  BootstrapSettings,
  DetectionCounts,
  DetectionFigures,
  Estimate,
} from '../../../src/evaluation/index.ts';
import { bootstrapRatio, figuresOf, standardDeviation } from '../../../src/evaluation/index.ts';
import { percent } from '../../../src/report/format.ts';
import type { DetectionExperiment, DetectionResult } from '../experiment.ts';
import { detectionFigure } from '../figures.ts';
import { intervalText, markdownTable, valueText } from '../markdown.ts';
import type { Ground, Scale } from '../suite.ts';
import type { TableCell } from '../table.ts';

/** Ratios of judged to plain probability at which detection is measured; the default of `align` is 1.2. */
const detectionLambdas = [1, 1.05, 1.1, 1.2, 1.5, 2, 3, 5] as const;

type FigureId = Exclude<keyof DetectionFigures, 'lambda'>;

interface Column {
  readonly id: FigureId;
  readonly title: string;
  readonly part: keyof DetectionCounts;
  readonly whole: keyof DetectionCounts;
}

const columns: readonly Column[] = [
  { id: 'precision', title: 'token precision', part: 'flaggedWrong', whole: 'flagged' },
  { id: 'onsetRecall', title: 'onset recall', part: 'onsetsFound', whole: 'spans' },
  { id: 'spanRecall', title: 'span recall', part: 'spansFound', whole: 'spans' },
  { id: 'tokenRecall', title: 'token recall', part: 'flaggedWrong', whole: 'wrong' },
  { id: 'flaggedShare', title: 'flagged share', part: 'flagged', whole: 'tokens' },
];

export interface DetectionRow {
  readonly lambda: number;
  readonly cells: Readonly<Record<FigureId, TableCell | null>>;
}

export interface DetectionTable {
  readonly rows: readonly DetectionRow[];
  /** Unsatisfactory answers of all seeds, their tokens and their errors. */
  readonly answers: number;
  readonly tokens: number;
  readonly errors: number;
}

export const detectionTitle = 'Which tokens a judgment points at';

export const detectionAbout: string =
  "The base model's greedy answers to held-out instructions are judged; the tokens of those with errors that the " +
  'judgment makes more than lambda times as likely are compared with the places of the errors that the judge knows. ' +
  'Precision: flagged tokens that are part of an error (chance: that of random tokens). Onset recall: errors whose ' +
  'first token is flagged. Span recall: errors with any flagged token. A critique names at most two errors of an ' +
  'answer; recall counts them all.';

/** One experiment a seed: the seed draws the instructions and the wording of the critiques. */
export function detectionExperiments(
  scale: Scale,
  ground: Ground & { kind: 'world' },
): DetectionExperiment[] {
  return scale.seeds.map((seed) => ({
    kind: 'detection',
    answers: {
      kind: 'answers',
      model: ground.model,
      tasks: { split: ground.split, count: scale.test, seed },
      responses: 1,
      seed,
    },
    lambdas: detectionLambdas,
  }));
}

/** Shares over the answers of all seeds, with intervals over answers and deviations over seeds. */
export function layOutDetection(
  results: readonly DetectionResult[],
  bootstrap: BootstrapSettings = {},
): DetectionTable {
  const rows = detectionLambdas.map((lambda, i): DetectionRow => {
    const perSeed = results.map(({ counts }) => counts[i]!);
    const all = perSeed.flat();
    const cellOf = ({ id, part, whole }: Pick<Column, 'id' | 'part' | 'whole'>): TableCell | null => {
      const estimate = bootstrapRatio(
        all.map((counts) => counts[part]),
        all.map((counts) => counts[whole]),
        bootstrap,
      );
      const values = perSeed.flatMap((counts) => figuresOf(lambda, counts)[id] ?? []);
      return (
        estimate && { estimate, perSeed: values, deviation: standardDeviation(values), difference: null }
      );
    };
    return {
      lambda,
      cells: {
        chance: cellOf({ id: 'chance', part: 'wrong', whole: 'tokens' }),
        precision: cellOf(columns[0]!),
        onsetRecall: cellOf(columns[1]!),
        spanRecall: cellOf(columns[2]!),
        tokenRecall: cellOf(columns[3]!),
        flaggedShare: cellOf(columns[4]!),
      },
    };
  });
  const first = results.flatMap(({ counts }) => counts[0] ?? []);
  const total = (key: keyof DetectionCounts): number => first.reduce((sum, counts) => sum + counts[key], 0);
  return { rows, answers: first.length, tokens: total('tokens'), errors: total('spans') };
}

export function detectionMarkdown({ rows }: DetectionTable): string {
  const text = (cell: TableCell | null): string =>
    cell ? `${valueText(cell, 'share')} [${intervalText(cell.estimate, 'share')}]` : '–';
  return markdownTable(
    ['lambda', ...columns.map(({ title }) => title)],
    rows.map(({ lambda, cells }) => [String(lambda), ...columns.map(({ id }) => text(cells[id]))]),
  );
}

export function detectionConclusions({ rows, answers, tokens, errors }: DetectionTable): string[] {
  const usual = rows.find(({ lambda }) => lambda === defaultSettings.lambda)!;
  const value = (row: DetectionRow, id: FigureId): string => {
    const cell = row.cells[id];
    return cell ? percent(cell.estimate.value) : 'unknown';
  };
  const loose = rows[0]!;
  return [
    `${answers} unsatisfactory answers with ${tokens} tokens and ${errors} errors; a random token is part of an error with ${value(usual, 'chance')}.`,
    `At lambda ${usual.lambda}, the default: token precision ${value(usual, 'precision')}, onset recall ${value(usual, 'onsetRecall')}, span recall ${value(usual, 'spanRecall')}.`,
    `At lambda ${loose.lambda}: ${value(loose, 'flaggedShare')} of all tokens are flagged, with precision ${value(loose, 'precision')}.`,
  ];
}

export function detectionSvg({ rows }: DetectionTable): string {
  const lines: { name: string; values: (Estimate | null)[] }[] = [...columns.slice(0, 3), columns[4]!].map(
    ({ id, title }) => ({ name: title, values: rows.map(({ cells }) => cells[id]?.estimate ?? null) }),
  );
  return detectionFigure(
    rows.map(({ lambda }) => lambda),
    lines,
  );
}
