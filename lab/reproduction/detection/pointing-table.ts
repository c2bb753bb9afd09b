// The suite of ways to find what a judgment is about: thresholds chosen on development answers, precision and recall on test
// answers, by model and by whether the judgment quotes the answer. Knows scores of tokens; not how they come about.
import type { DetectionCounts, Estimate } from '../../../src/evaluation/index.ts';
import { bootstrapMean, bootstrapRatio, mean, pairedBootstrap } from '../../../src/evaluation/index.ts';
import { fixed, NONE, percent, points } from '../../../src/report/format.ts';
import { lineFigure } from '../../../src/report/line-figure.ts';
import { worldModelWidths } from '../../world/model.ts';
import type { Claim } from '../claims.ts';
import { differenceWords, ours, together, verdictOf } from '../claims.ts';
import type { Experiment, PointedAnswer } from '../experiment.ts';
import { intervalText, markdownTable } from '../markdown.ts';
import type { Ground, Scale } from '../suite.ts';
import { gradedWays, wayNames, ways } from './ways.ts';
import type { Way } from './ways.ts';

export const pointingTitle = 'Ways to find the tokens that a judgment is about';

export const pointingAbout: string =
  "Tokens of unsatisfactory greedy answers to held-out instructions, each way's against the errors that the judge knows. Each way's " +
  'threshold is the one with the best F on answers to development instructions of the largest model. F: the harmonic mean of the ' +
  "share of an answer's flagged tokens that are part of an error, and the share of its errors whose first token is flagged; mean over " +
  "answers. Precision and recall are over all tokens and errors. Gradient: the norm of the derivative of the judgment's log-likelihood, " +
  "as a critique of the answer, by the token's embedding. Attention: the mean weight over layers and heads on the judgment, where the " +
  'token is predicted. These models were not taught to quote on demand; what they know is to revise, so asking is asking for a revision.';

/** Hidden sizes, the largest first. */
export const pointingWidths: readonly number[] = [...worldModelWidths].sort((a, b) => b - a);

const rowOf = (split: string, width: number): string => `${split}-${width}`;

/** Test answers of every model and seed, and development answers of the largest model. */
export function pointingExperiments(
  scale: Scale,
  ground: Ground & { kind: 'world' },
): { rowId: string; experiment: Experiment }[] {
  const of = (
    split: 'development' | 'test',
    width: number,
    seed: number,
  ): { rowId: string; experiment: Experiment } => ({
    rowId: rowOf(split, width),
    experiment: {
      kind: 'pointing',
      answers: {
        kind: 'answers',
        model: ground.bases[width]!,
        tasks: { split, count: scale.test, seed },
        responses: 1,
        seed,
      },
    },
  });
  return [
    of('development', pointingWidths[0]!, scale.seeds[0]!),
    ...pointingWidths.flatMap((width) => scale.seeds.map((seed) => of('test', width, seed))),
  ];
}

interface WayFigures {
  readonly way: Way;
  readonly f: Estimate;
  /** From the contrast. */
  readonly difference: Estimate | null;
  readonly precision: Estimate | null;
  readonly onsetRecall: Estimate | null;
  readonly spanRecall: Estimate | null;
  readonly tokenRecall: Estimate | null;
}

interface Group {
  readonly name: string;
  readonly answers: number;
  readonly ways: readonly WayFigures[];
}

export interface PointingTable {
  readonly thresholds: Readonly<Record<Way, number>>;
  /** All test answers of the largest model first. */
  readonly groups: readonly Group[];
  /** Of the largest model: precision and onset recall over thresholds. */
  readonly curves: readonly {
    readonly way: Way;
    readonly points: readonly { recall: number; precision: number }[];
  }[];
}

/** A token is flagged where its score is above the threshold. */
function countsOf({ scores, spans }: PointedAnswer, way: Way, threshold: number): DetectionCounts {
  const flags = scores[way].map((score) => score > threshold);
  const wrong = new Set(spans.flat());
  const count = <T>(items: Iterable<T>, is: (item: T) => boolean): number => [...items].filter(is).length;
  return {
    tokens: flags.length,
    wrong: wrong.size,
    flagged: count(flags, Boolean),
    flaggedWrong: count(wrong, (token) => flags[token]!),
    spans: spans.length,
    spansFound: count(spans, (tokens) => tokens.some((token) => flags[token])),
    onsetsFound: count(spans, ([first]) => flags[first!]!),
  };
}

function fOf({ flagged, flaggedWrong, spans, onsetsFound }: DetectionCounts): number {
  if (flaggedWrong === 0 || onsetsFound === 0) return 0;
  const [precision, recall] = [flaggedWrong / flagged, onsetsFound / spans];
  return (2 * precision * recall) / (precision + recall);
}

const fsOf = (answers: readonly PointedAnswer[], way: Way, threshold: number): number[] =>
  answers.map((answer) => fOf(countsOf(answer, way, threshold)));

/** Just below each of 60 quantiles of the scores. */
function thresholdsOf(answers: readonly PointedAnswer[], way: Way): number[] {
  if (!gradedWays.includes(way)) return [0.5];
  const sorted = answers.flatMap(({ scores }) => scores[way]).sort((a, b) => a - b);
  const steps = 60;
  return [
    ...new Set(Array.from({ length: steps }, (_, i) => sorted[Math.floor((i * sorted.length) / steps)]!)),
  ];
}

export function layOutPointing(
  results: readonly { readonly rowId: string; readonly answers: readonly PointedAnswer[] }[],
): PointingTable {
  const answersOf = (rowId: string): PointedAnswer[] =>
    results
      .filter((result) => result.rowId === rowId)
      .flatMap(({ answers }) => answers)
      .filter(({ spans }) => spans.length > 0);
  const [largest, ...others] = pointingWidths;
  const development = answersOf(rowOf('development', largest!));
  const best = (way: Way): number =>
    thresholdsOf(development, way)
      .map((threshold) => ({ threshold, f: mean(fsOf(development, way, threshold)) }))
      .reduce((a, b) => (b.f > a.f ? b : a)).threshold;
  const thresholds = Object.fromEntries(wayNames.map((way) => [way, best(way)])) as Record<Way, number>;
  const tested = answersOf(rowOf('test', largest!));
  const groups = [
    { name: `width ${largest}`, answers: tested },
    {
      name: `width ${largest}, the judgment quotes the answer`,
      answers: tested.filter(({ quotes }) => quotes),
    },
    { name: `width ${largest}, it does not`, answers: tested.filter(({ quotes }) => !quotes) },
    ...others.map((width) => ({ name: `width ${width}`, answers: answersOf(rowOf('test', width)) })),
  ].filter(({ answers }) => answers.length > 0);
  return {
    thresholds,
    groups: groups.map(({ name, answers }) => ({
      name,
      answers: answers.length,
      ways: wayNames.map((way) => figuresOf(answers, way, thresholds)),
    })),
    curves: wayNames.map((way) => ({
      way,
      points: thresholdsOf(tested, way)
        .map((threshold) => tested.map((answer) => countsOf(answer, way, threshold)))
        .map((counts) => ({
          recall: total(counts, 'onsetsFound') / total(counts, 'spans'),
          precision: total(counts, 'flaggedWrong') / total(counts, 'flagged'),
        }))
        .filter(({ precision }) => Number.isFinite(precision))
        .sort((a, b) => a.recall - b.recall),
    })),
  };
}

const total = (counts: readonly DetectionCounts[], key: keyof DetectionCounts): number =>
  counts.reduce((sum, each) => sum + each[key], 0);

function figuresOf(
  answers: readonly PointedAnswer[],
  way: Way,
  thresholds: Readonly<Record<Way, number>>,
): WayFigures {
  const counts = answers.map((answer) => countsOf(answer, way, thresholds[way]));
  const share = (part: keyof DetectionCounts, whole: keyof DetectionCounts): Estimate | null =>
    bootstrapRatio(
      counts.map((each) => each[part]),
      counts.map((each) => each[whole]),
    );
  const fs = counts.map(fOf);
  return {
    way,
    f: bootstrapMean([fs]),
    difference:
      way === 'contrast' ? null : pairedBootstrap([fs], [fsOf(answers, 'contrast', thresholds.contrast)]),
    precision: share('flaggedWrong', 'flagged'),
    onsetRecall: share('onsetsFound', 'spans'),
    spanRecall: share('spansFound', 'spans'),
    tokenRecall: share('flaggedWrong', 'wrong'),
  };
}

export function pointingMarkdown({ groups, thresholds }: PointingTable): string {
  const text = (estimate: Estimate | null): string =>
    estimate ? `${percent(estimate.value)} [${intervalText(estimate, 'share')}]` : NONE;
  const header = [
    '',
    'threshold',
    'F',
    'F, difference',
    'token precision',
    'onset recall',
    'span recall',
    'token recall',
  ];
  return markdownTable(
    header,
    groups.flatMap(({ name, answers, ways: rows }) => [
      [`**${name}** (${answers} answers)`, ...header.slice(1).map(() => '')],
      ...rows.map(({ way, f, difference, precision, onsetRecall, spanRecall, tokenRecall }) => [
        ways[way],
        gradedWays.includes(way) ? fixed(thresholds[way], 3) : '',
        text(f),
        difference ? `${points(difference.value)} [${intervalText(difference, 'share')}]` : '',
        text(precision),
        text(onsetRecall),
        text(spanRecall),
        text(tokenRecall),
      ]),
    ]),
  );
}

/** One for each group: that CUT's contrast is ahead of every other way by F. */
export function pointingClaims({ groups }: PointingTable): Claim[] {
  return groups.map(({ name, ways: rows }) => {
    const others = rows.filter(({ difference }) => difference !== null);
    // A difference is another way minus the contrast.
    const turned = others.map(({ difference }) => ({
      value: -difference!.value,
      low: -difference!.high,
      high: -difference!.low,
    }));
    return {
      claim: `CUT's contrast finds the tokens better than the other ways (${name}).`,
      source: ours,
      verdict: together(turned.map((difference) => verdictOf(difference))),
      evidence: `${others.map(({ way }, i) => `${differenceWords(turned[i]!)} of F against "${ways[way]}"`).join('; ')}.`,
    };
  });
}

export function pointingConclusions({ groups, thresholds }: PointingTable): string[] {
  return [
    `The contrast's threshold of ${fixed(thresholds.contrast, 3)} nats is lambda ${fixed(Math.exp(thresholds.contrast), 2)}.`,
    ...groups.map(({ name, ways: rows }) => {
      const [first, second] = [...rows].sort((a, b) => b.f.value - a.f.value);
      return `${name}: best by F is "${ways[first!.way]}" (${percent(first!.f.value)}), then "${ways[second!.way]}" (${percent(second!.f.value)}).`;
    }),
  ];
}

export function pointingSvg({ curves, groups }: PointingTable): string {
  return lineFigure({
    title: `Precision by onset recall over thresholds, ${groups[0]?.name ?? ''}`,
    x: { label: 'onset recall', format: 'percent', domain: [0, 1] },
    y: { label: 'token precision', format: 'percent', domain: [0, 1] },
    series: curves.map(({ way, points: own }) => ({
      name: ways[way],
      points: own.map(({ recall, precision }) => ({ x: recall, y: precision })),
    })),
    names: 'legend',
  });
}
