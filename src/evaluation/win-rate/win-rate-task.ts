// Pairwise win rate as a task of an evaluation: the subject's responses against reference outputs, as a comparer prefers
// them. Knows pairs and the order in which they are shown; neither judges nor models.
import { createHash } from 'node:crypto';
import { isCompared } from '../../judges/comparer.ts';
import type { Comparer, Comparison, PairRequest } from '../../judges/comparer.ts';
import { conversationText, promptKey, promptOf } from '../../rows/conversation.ts';
import { codePointLength } from '../../tokens/index.ts';
import type { ReferenceFile, ReferenceRow } from '../references.ts';
import { respondInTurns } from '../responses.ts';
import type { GenerationSettings } from '../responses.ts';
import type { EvaluationTask, Figure } from '../run/task.ts';
import { mean, standardDeviation } from '../../statistics/spread.ts';
import { writeAlpacaFiles } from './alpaca-files.ts';
import type { LengthControlled, LengthTable } from './length-control.ts';
import { lengthControlledWinRate, lengthFolds } from './length-control.ts';
import { isSwitched } from './order.ts';
import { bothWays, isFlip, winRate } from './win-rate.ts';

export interface WinRateSettings {
  readonly references: ReferenceFile;
  readonly comparer: Comparer;
  /** Ask about each pair in both orders; else in the one that its instruction draws. */
  readonly bothOrders: boolean;
  /** How subjects are asked: part of what a response depends on. */
  readonly template: string;
  readonly generation: GenerationSettings;
  /** Most rows; null takes all. */
  readonly limit: number | null;
  readonly lengthTable: LengthTable | null;
}

/** What the journal keeps of a row. */
export interface WinRateResult {
  /** The subject's response. */
  readonly output: string;
  /** In [1, 2], 2 where the response is better than the reference; null where the judge gave no readable answer. */
  readonly preference: number | null;
  /** What the judge said in each order; empty where both outputs are equal and nobody was asked. */
  readonly orders: readonly OrderResult[];
}

export interface OrderResult {
  /** Whether the response was shown before the reference. */
  readonly switched: boolean;
  /** 2 where the response is better, whatever the order. */
  readonly preference?: number;
  readonly unscored?: string;
}

/** Changes where the same rows would be compared in another way. */
const version = 1;

/**
 * A task whose figures are the win rate, the length-controlled one, and, where pairs are shown in both orders, the share
 * of pairs whose winner changes with the order.
 */
export function winRateTask(settings: WinRateSettings): EvaluationTask {
  const { references, comparer, bothOrders, template, generation, limit, lengthTable } = settings;
  const rows = limit === null ? references.rows : references.rows.slice(0, limit);
  const orders = (row: ReferenceRow): boolean[] =>
    comparer.ordered ? (bothOrders ? [false, true] : [isSwitched(conversationText(row))]) : [false];
  const common = [version, comparer.fingerprint, comparer.ordered && bothOrders, template, generation];
  const items = rows.map((row, i) => {
    const { reference } = row;
    const content = JSON.stringify([
      ...common,
      ...promptKey(row),
      reference,
      generation.temperature > 0 ? i : 0,
    ]);
    return { id: String(i), key: createHash('sha256').update(content).digest('hex') };
  });
  return {
    name: 'win_rate',
    description: {
      kind: 'win_rate',
      references: references.file,
      digest: references.digest,
      rows: rows.length,
      limit,
      judge: comparer.name,
      judge_fingerprint: comparer.fingerprint,
      compared: comparer.ordered ? (bothOrders ? 'both orders' : 'one order') : 'verdicts',
      template,
      generation,
      length_table: lengthTable !== null,
    },
    items,
    measure: (subject, pending, { signal, onResult }) =>
      respondInTurns(subject, rows, pending.map(Number), generation, signal, (some, responses) =>
        compareAll(
          comparer,
          some.map((index, i) => ({
            id: String(index),
            row: rows[index]!,
            output: responses[i]!.text,
            orders: orders(rows[index]!),
          })),
          signal,
          onResult,
        ),
      ),
    // What has no preference is asked about again.
    isResult: (value) => 'preference' in value && typeof value.preference === 'number' && 'output' in value,
    figures: (results) =>
      winRateFigures(rows, results as readonly WinRateResult[], comparer.ordered && bothOrders, lengthTable),
    remarks: (results) => [
      remarkOf(lengthControlOf(rows, results as readonly WinRateResult[], lengthTable)),
      ...unscoredRemark(results as readonly WinRateResult[]),
      ...(comparer.ordered
        ? []
        : [`${comparer.name}: satisfactory beats unsatisfactory, else it is a draw.`]),
    ],
    write: (folder, subject, results) =>
      writeAlpacaFiles(folder, rows, results as readonly WinRateResult[], {
        subject,
        judge: comparer.name,
      }),
  };
}

interface OpenPair {
  readonly id: string;
  readonly row: ReferenceRow;
  readonly output: string;
  readonly orders: readonly boolean[];
}

async function compareAll(
  comparer: Comparer,
  pairs: readonly OpenPair[],
  signal: AbortSignal,
  onResult: (item: string, result: WinRateResult) => void | Promise<void>,
): Promise<void> {
  const requests: PairRequest[] = [];
  const shown = new Map<string, { readonly pair: OpenPair; readonly switched: boolean }>();
  for (const pair of pairs) {
    const { id, row, output } = pair;
    if (output === row.reference) {
      await onResult(id, { output, preference: 1.5, orders: [] });
      continue;
    }
    for (const switched of pair.orders) {
      const name = switched ? `${id}-switched` : id;
      const [output_1, output_2] = switched ? [output, row.reference] : [row.reference, output];
      requests.push({ id: name, ...promptOf(row), output_1, output_2 });
      shown.set(name, { pair, switched });
    }
  }
  if (requests.length === 0) return;
  const heard = new Map<string, OrderResult[]>();
  await comparer.compare(requests, {
    signal,
    onComparison: async (comparison) => {
      const { pair, switched } = shown.get(comparison.id)!;
      const found = [...(heard.get(pair.id) ?? []), orderResult(comparison, switched)];
      heard.set(pair.id, found);
      if (found.length < pair.orders.length) return;
      const sorted = found.sort((a, b) => Number(a.switched) - Number(b.switched));
      await onResult(pair.id, { output: pair.output, preference: preferenceOf(sorted), orders: sorted });
    },
  });
}

const orderResult = (comparison: Comparison, switched: boolean): OrderResult =>
  isCompared(comparison)
    ? { switched, preference: switched ? 3 - comparison.preference : comparison.preference }
    : { switched, unscored: comparison.unscored };

/** Null where an order is unscored: half an answer would be one order's. */
function preferenceOf(orders: readonly OrderResult[]): number | null {
  const [one, other] = orders.map(({ preference }) => preference);
  if (one === undefined) return null;
  if (orders.length === 1) return one;
  return other === undefined ? null : bothWays(one, other);
}

const lengthControlOf = (
  rows: readonly ReferenceRow[],
  results: readonly WinRateResult[],
  table: LengthTable | null,
): LengthControlled | null =>
  lengthControlledWinRate(
    results.map(({ output, preference }, i) => ({
      preference,
      referenceLength: codePointLength(rows[i]!.reference),
      modelLength: codePointLength(output),
    })),
    table,
  );

/** Figures of one subject; what cannot be computed is NaN. */
export function winRateFigures(
  rows: readonly ReferenceRow[],
  results: readonly WinRateResult[],
  bothOrders: boolean,
  table: LengthTable | null,
): Figure[] {
  const preferences = results.map(({ preference }) => preference);
  const { winRate: rate, standardError, discreteWinRate, scored, total } = winRate(preferences);
  const share = (percent: number | null): number => (percent === null ? NaN : percent / 100);
  const error = (percent: number | null): number | null => (percent === null ? null : percent / 100);
  const common = { name: 'win_rate', scored, total, unit: 'share', counted: true } as const;
  const control = lengthControlOf(rows, results, table);
  const twice = results.flatMap(({ orders }) => {
    const [one, other] = orders.map(({ preference }) => preference);
    return one === undefined || other === undefined ? [] : [[one, other] as const];
  });
  const lengths = results.map(({ output }) => codePointLength(output));
  const deviation = standardDeviation(lengths);
  return [
    {
      ...common,
      metric: 'win_rate',
      value: share(rate),
      stderr: error(standardError),
      scores: preferences.map((preference) => (preference === null ? null : preference - 1)),
    },
    {
      ...common,
      metric: 'length_controlled_winrate',
      value: share(control?.winRate ?? null),
      stderr: error(control?.standardError ?? null),
      scores: null,
    },
    {
      ...common,
      metric: 'discrete_win_rate',
      value: share(discreteWinRate),
      stderr: null,
      scores: preferences.map((preference) =>
        preference === null ? null : preference === 1.5 ? 0.5 : Number(preference > 1.5),
      ),
      detail: true,
    },
    ...(bothOrders
      ? [
          {
            ...common,
            metric: 'flips',
            scored: twice.length,
            stderr: null,
            scores: null,
            value: twice.length === 0 ? NaN : twice.filter(([a, b]) => isFlip(a, b)).length / twice.length,
          },
        ]
      : []),
    {
      name: 'win_rate',
      metric: 'avg_length',
      value: mean(lengths),
      scores: lengths,
      unit: 'number',
      scored: total,
      total,
      stderr: deviation === null ? null : deviation / Math.sqrt(total),
    },
  ];
}

function unscoredRemark(results: readonly WinRateResult[]): string[] {
  const unscored = results.filter(({ preference }) => preference === null);
  const why = unscored[0]?.orders.find((order) => order.unscored !== undefined)?.unscored;
  return why === undefined
    ? []
    : [
        `${unscored.length} of ${results.length} pairs are unscored, the first because ${why}. The same command asks again.`,
      ];
}

function remarkOf(control: LengthControlled | null): string {
  if (control === null) return `A length-controlled win rate needs ${lengthFolds} scored pairs.`;
  const { variant } = control;
  const known = {
    length_controlled_v1: "AlpacaEval's length_controlled_v1, with the table's difficulties and known models",
    length_controlled_noreg:
      "AlpacaEval's length_controlled_noreg: the table has difficulties, but no known models to draw the fit to",
    length_controlled_minimal:
      "AlpacaEval's length_controlled_minimal: without a table of difficulties every prediction is the same, so its standard error is 0 and not a measure of its certainty",
  } as const;
  const none =
    control.coefficients.model === 0
      ? ' Its penalty left nothing of the model: these pairs are too few to tell.'
      : '';
  return `length_controlled_winrate is ${known[variant]}.${none}`;
}
