// From the results of a suite's experiments to its files: Markdown, JSON, SVG. Pure; nothing is computed or written.
import type { BootstrapSettings } from '../../src/evaluation/index.ts';
import type { CellStore } from './cells.ts';
import type { Claim } from './claims.ts';
import { conclusions } from './conclude.ts';
import {
  detectionAbout,
  detectionConclusions,
  detectionMarkdown,
  detectionSvg,
  detectionTitle,
  layOutDetection,
} from './detection/detection-table.ts';
import {
  layOutPointing,
  pointingAbout,
  pointingClaims,
  pointingConclusions,
  pointingMarkdown,
  pointingSvg,
  pointingTitle,
} from './detection/pointing-table.ts';
import type { DetectionResult, PointingResult } from './experiment.ts';
import { tableFigure } from './figures.ts';
import { tableMarkdown } from './markdown.ts';
import { suitePage } from './page.ts';
import type { Page } from './page.ts';
import { inWords } from './paper.ts';
import type { ReproductionName } from './names.ts';
import type { Plan } from './plan.ts';
import { suiteOf } from './plan.ts';
import type { Provenance } from './provenance.ts';
import { readableJson, recordOf } from './record.ts';
import type { RowResult } from './record.ts';
import { suiteOn } from './suite.ts';
import type { Scale, Suite } from './suite.ts';
import { evidenceOf, layOutTable } from './table.ts';
import type { RowResults, Table } from './table.ts';
import { chooseSettings, tunedSource, tuningMarkdown } from './tune.ts';

export interface Outcome {
  readonly title: string;
  readonly about: string;
  readonly table: string;
  readonly svg: string | null;
  readonly claims: readonly Claim[];
  readonly conclusions: readonly string[];
  readonly notes: readonly string[];
  readonly json: unknown;
  /** Further files by name. */
  readonly files: readonly [string, string][];
}

export function outcomeOf(
  name: ReproductionName,
  results: readonly RowResult[],
  plan: Plan,
  made: Provenance,
  bootstrap: BootstrapSettings = {},
): Outcome {
  const whole = suiteOf(name, plan.scale);
  if (whole === null) return name === 'detection-ways' ? pointingOutcome(results) : detectionOutcome(results);
  const suite = suiteOn(whole, plan.ground);
  const byRow = new Map<string, RowResults>(
    suite.rows.map(({ id }) => [id, results.filter(({ rowId }) => rowId === id)]),
  );
  // Choosing among many points needs no intervals.
  const table = layOutTable(suite, byRow, name === 'tune' ? { resamples: 1 } : bootstrap);
  return name === 'tune'
    ? tuningOutcome(suite, table, plan, made)
    : tableOutcome(suite, table, byRow, bootstrap);
}

function detectionOutcome(results: readonly RowResult[]): Outcome {
  const table = layOutDetection(results.map(({ result }) => result as DetectionResult));
  return {
    title: detectionTitle,
    about: detectionAbout,
    table: detectionMarkdown(table),
    svg: detectionSvg(table),
    claims: [],
    conclusions: detectionConclusions(table),
    notes: [inWords.detection, 'Intervals: percentile bootstrap over the answers of all seeds, 95%.'],
    json: table,
    files: [],
  };
}

function pointingOutcome(results: readonly RowResult[]): Outcome {
  const table = layOutPointing(
    results.map(({ rowId, result }) => ({ rowId, answers: (result as PointingResult).answers })),
  );
  return {
    title: pointingTitle,
    about: pointingAbout,
    table: pointingMarkdown(table),
    svg: pointingSvg(table),
    claims: pointingClaims(table),
    conclusions: pointingConclusions(table),
    notes: [
      inWords.detection,
      'Intervals: percentile bootstrap over answers, 95%; differences are paired by answer.',
    ],
    json: table,
    files: [],
  };
}

function tuningOutcome({ title, about }: Suite, table: Table, { scale }: Plan, made: Provenance): Outcome {
  const { train } = scale;
  const choices = chooseSettings(table, train);
  const seeds = scale.seeds.length;
  const source =
    `whetstone reproduce tune: ${scale.train} training and ${scale.test} development instructions, ` +
    `${seeds} seed${seeds === 1 ? '' : 's'}, commit ${made.commit ?? 'unknown'}, ${made.date.slice(0, 10)}`;
  return {
    title,
    about,
    table: tuningMarkdown(choices, train),
    svg: null,
    claims: [],
    conclusions: [`Chosen settings are bold; tuned-${train}.ts holds them, for lab/reproduction.`],
    notes: [],
    json: choices,
    files: [[`tuned-${train}.ts`, tunedSource(choices, train, source)]],
  };
}

function tableOutcome(
  { title, about, paper, claims, says }: Suite,
  table: Table,
  results: ReadonlyMap<string, RowResults>,
  bootstrap: BootstrapSettings,
): Outcome {
  const judged = table.measures[0]?.id === 'success';
  return {
    title,
    about,
    table: tableMarkdown(table),
    svg: tableFigure(table),
    claims: judged ? (claims?.(evidenceOf(table, results, bootstrap)) ?? []) : [],
    conclusions: [...conclusions(table), ...(judged ? (says?.(results) ?? []) : [])],
    notes: [
      ...(paper?.words ? [paper.words] : []),
      ...(paper?.columns.length
        ? [
            "The paper's columns are arXiv 2312.14591v4's own figures for models of 7 to 70 billion parameters; blank where it has none.",
          ]
        : []),
      'Means are over seeds and test items; ± is the standard deviation of the seeds. Intervals: percentile bootstrap, 2000 ' +
        'resamples that draw test items and seeds with replacement; differences are paired by item, and by seed where both rows ' +
        'have as many. With three seeds the part of the interval that comes from seeds is coarse.',
    ],
    json: tableJson(table),
    files: [],
  };
}

const tableJson = ({ measures, rows }: Table): unknown => ({ measures, rows });

/** What the files tell besides the outcome. */
export interface Making {
  readonly name: ReproductionName;
  readonly plan: Plan;
  readonly results: readonly RowResult[];
  readonly cells: Pick<CellStore, 'keyOf'>;
  readonly facts: Page['facts'];
  readonly command: string | null;
}

/** NAME.md, NAME.json, NAME.svg where there is a figure, and what else the suite has. */
export function filesOf(outcome: Outcome, making: Making): [string, string][] {
  const { plan, results, cells, facts, command } = making;
  const name = fileNameOf(making.name, plan.scale);
  const page: Page = {
    title: outcome.title,
    about: outcome.about,
    table: outcome.table,
    figure: outcome.svg === null ? null : `${name}.svg`,
    claims: outcome.claims,
    conclusions: outcome.conclusions,
    notes: [...outcome.notes, ...plan.notes],
    facts,
    command,
  };
  return [
    [`${name}.md`, suitePage(page)],
    [`${name}.json`, readableJson(recordOf(name, page, outcome.json, plan, results, cells))],
    ...(outcome.svg === null ? [] : [[`${name}.svg`, outcome.svg] as [string, string]]),
    ...outcome.files,
  ];
}

/** Tuning has a page for every number of training instructions. */
const fileNameOf = (name: ReproductionName, { train }: Pick<Scale, 'train'>): string =>
  name === 'tune' ? `tune-${train}` : name;
