// From cells to a table: each row's measures over seeds, and its difference from the row it is compared with.
// Knows rows and outcomes; it does not know how a table is written.
import type { BootstrapSettings, Estimate, Outcomes } from '../../src/evaluation/index.ts';
import { bootstrapMean, mean, pairedBootstrap, standardDeviation } from '../../src/evaluation/index.ts';
import type {
  Experiment,
  HeldOutResult,
  OnlineResult,
  Result,
  TrainingFacts,
  TrialResult,
} from './experiment.ts';
import type { Evidence } from './claims.ts';
import type { Measure } from './measures.ts';
import { heldOutMeasures, successMeasure } from './measures.ts';
import type { Suite, SuiteRow } from './suite.ts';

export interface TableCell {
  /** Mean over seeds and items, with its interval. */
  readonly estimate: Estimate;
  /** Of the seeds' means; null for one seed. */
  readonly deviation: number | null;
  readonly perSeed: readonly number[];
  /** From the row that this one is compared with. */
  readonly difference: Estimate | null;
}

export interface TableRow {
  readonly row: SuiteRow;
  /** By measure; a measure without items is absent. */
  readonly cells: Readonly<Partial<Record<Measure['id'], TableCell>>>;
  /** Seeds whose loss was not finite at some step. */
  readonly diverged: number;
  readonly seeds: number;
  /** Mean wall-clock seconds of training, null for none. */
  readonly seconds: number | null;
  /** Mean number of examples trained on. */
  readonly examples: number | null;
  /** Why the data has nothing for this method. */
  readonly refused: string | null;
}

export interface Table {
  readonly suite: Suite;
  readonly measures: readonly Measure[];
  readonly rows: readonly TableRow[];
}

/** Results of one row, one a seed; a row without training has one. */
export type RowResults = readonly { readonly experiment: Experiment; readonly result: Result }[];

/** Lays out a suite. `results` has an entry for every row's id. */
export function layOutTable(
  suite: Suite,
  results: ReadonlyMap<string, RowResults>,
  bootstrap: BootstrapSettings = {},
): Table {
  const measures = suite.rows.some(({ id }) => results.get(id)?.[0]?.experiment.kind === 'held-out')
    ? heldOutMeasures
    : [successMeasure, ...(suite.measures ?? [])];
  const outcomesOf = (row: SuiteRow, measure: Measure): Outcomes =>
    results.get(row.id)!.map(({ experiment, result }) => outcomes(experiment, result, row.part, measure.id));
  const rows = suite.rows.map((row): TableRow => {
    const against = suite.rows.find(({ id }) => id === row.against);
    const runs = results.get(row.id)!;
    const facts = runs.flatMap(({ experiment, result }) => trainingOf(experiment, result, row.part));
    const cells: Partial<Record<Measure['id'], TableCell>> = {};
    for (const measure of measures) {
      const ours = outcomesOf(row, measure);
      if (ours.some(({ length }) => length === 0)) continue;
      const theirs = against && outcomesOf(against, measure);
      const perSeed = ours.map((seed) => mean(Array.from(seed)));
      cells[measure.id] = {
        estimate: bootstrapMean(ours, bootstrap),
        deviation: standardDeviation(perSeed),
        perSeed,
        difference: theirs?.every(({ length }) => length > 0)
          ? pairedBootstrap(ours, theirs, bootstrap)
          : null,
      };
    }
    return {
      row,
      cells,
      diverged: facts.filter(({ diverged }) => diverged !== null).length,
      seeds: runs.length,
      seconds: facts.length === 0 ? null : mean(facts.map(({ seconds }) => seconds)),
      examples: facts.length === 0 ? null : mean(facts.map(({ examples }) => examples)),
      refused: runs.map(({ result }) => ('refused' in result ? result.refused : null)).find(Boolean) ?? null,
    };
  });
  return { suite, measures, rows };
}

/** The table with the differences between any two of its rows in its main measure. */
export function evidenceOf(
  table: Table,
  results: ReadonlyMap<string, RowResults>,
  bootstrap: BootstrapSettings = {},
): Evidence {
  const [main] = table.measures;
  const row = (id: string): TableRow => {
    const found = table.rows.find((each) => each.row.id === id);
    if (!found) throw new RangeError(`${table.suite.name} has no row "${id}"`);
    return found;
  };
  const outcomesOf = (id: string, measure: Measure['id']): Outcomes =>
    results.get(id)!.map(({ experiment, result }) => outcomes(experiment, result, row(id).row.part, measure));
  return {
    table,
    row,
    value: (id, measure = main!.id) => row(id).cells[measure]!.estimate,
    difference: (ahead, behind, measure = main!.id) =>
      pairedBootstrap(outcomesOf(ahead, measure), outcomesOf(behind, measure), bootstrap),
  };
}

/** The numbers of one run, one an item: 1 or 0 for an answer, or what is measured of it or of a held-out row. */
export function outcomes(
  experiment: Experiment,
  result: Result,
  part: SuiteRow['part'],
  measure: Measure['id'],
): number[] {
  if (experiment.kind === 'held-out') {
    const { rows } = result as HeldOutResult;
    if (measure === 'flagged') return rows.flatMap(({ flagged }) => (flagged === null ? [] : [flagged]));
    const label = measure === 'good' ? 'align-p' : 'align-n';
    return rows.filter((row) => row.label === label).map(({ loss }) => loss);
  }
  if (measure === 'success') return Array.from(marksOf(experiment, result, part), Number);
  const { measured } =
    experiment.kind === 'online' ? (result as OnlineResult).rounds[part as number]! : (result as TrialResult);
  return [...(measured?.[measure] ?? [])];
}

function marksOf(experiment: Experiment, result: Result, part: SuiteRow['part']): string {
  if (experiment.kind === 'online') return (result as OnlineResult).rounds[part as number]!.plain;
  const trial = result as TrialResult;
  return part === 'praised' ? trial.praised! : trial.plain;
}

/** Facts of the training runs behind a row's number: all rounds up to its own. */
function trainingOf(experiment: Experiment, result: Result, part: SuiteRow['part']): TrainingFacts[] {
  if (experiment.kind === 'online') {
    return (result as OnlineResult).rounds.slice(0, part as number).flatMap(({ training }) => training ?? []);
  }
  const { training } = result as TrialResult | HeldOutResult;
  return training ? [training] : [];
}
