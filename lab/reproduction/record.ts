// What is saved of a suite beside its page, as JSON: the page's parts, the numbers of its table, and what was measured item by
// item, so that every figure of the page can be held against what it was made from. Pure.
import type { DetectionCounts } from '../../src/evaluation/index.ts';
import type { CellStore } from './cells.ts';
import type {
  DetectionResult,
  Experiment,
  OnlineResult,
  Result,
  TrainingFacts,
  TrialResult,
} from './experiment.ts';
import type { Page } from './page.ts';
import type { Plan } from './plan.ts';
import { fixedSettings } from './settings.ts';
import { tunedFor } from './tuned.ts';

export interface RowResult {
  readonly rowId: string;
  readonly experiment: Experiment;
  readonly result: Result;
}

/** A cell without texts and without the losses of its steps. */
export interface SavedCell {
  readonly row: string;
  /** Name of the cell's file. */
  readonly key: string;
  readonly result: object;
}

export interface SavedRecord {
  readonly name: string;
  readonly page: Page;
  readonly scale: Plan['scale'];
  readonly ground: Plan['ground'];
  readonly surroundings: Plan['setup']['surroundings'];
  readonly fixedSettings: object;
  readonly tuned: object;
  /** The table's numbers, as the suite lays them out. */
  readonly table: unknown;
  readonly cells: readonly SavedCell[];
}

export function recordOf(
  name: string,
  page: Page,
  table: unknown,
  plan: Plan,
  results: readonly RowResult[],
  cells: Pick<CellStore, 'keyOf'>,
): SavedRecord {
  return {
    name,
    page,
    scale: plan.scale,
    ground: plan.ground,
    surroundings: plan.setup.surroundings,
    fixedSettings,
    tuned: tunedFor(plan.scale.train),
    table,
    cells: results.map(({ rowId, experiment, result }) => ({
      row: rowId,
      key: cells.keyOf(experiment),
      result: savedResult(experiment, result),
    })),
  };
}

function savedResult(experiment: Experiment, result: Result): object {
  switch (experiment.kind) {
    case 'trial': {
      const { plain, praised, measured, training } = result as TrialResult;
      return { plain, praised, ...(measured && { measured: rounded(measured) }), training: facts(training) };
    }
    case 'online':
      return {
        rounds: (result as OnlineResult).rounds.map(({ training, measured, ...round }) => ({
          ...round,
          ...(measured && { measured: rounded(measured) }),
          training: facts(training),
        })),
      };
    case 'detection':
      return { totals: (result as DetectionResult).counts.map(totalOf) };
    case 'answers':
    case 'pointing':
      return {};
    case 'held-out':
      return result;
  }
}

/** Four digits are what pages show and more. */
const rounded = (measured: NonNullable<TrialResult['measured']>): object =>
  Object.fromEntries(
    Object.entries(measured).map(([id, values]) => [id, values.map((value) => Number(value.toFixed(4)))]),
  );

function facts(training: TrainingFacts | null): object | null {
  if (training === null) return null;
  const { losses: _, ...others } = training;
  return others;
}

function totalOf(counts: readonly DetectionCounts[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const each of counts) {
    for (const [name, count] of Object.entries(each) as [string, number][]) {
      total[name] = (total[name] ?? 0) + count;
    }
  }
  return total;
}

/** JSON with a line for each field, and one for each item of a list among them. */
export function readableJson(record: object): string {
  const lines = Object.entries(record).map(([name, value]: [string, unknown]) => {
    const items = Array.isArray(value) && value.length > 0 ? (value as unknown[]) : null;
    const text = items
      ? `[\n${items.map((item) => `  ${JSON.stringify(item)}`).join(',\n')}\n ]`
      : JSON.stringify(value);
    return ` ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}
