// One suite from its name to its files: what has to be computed, computing it, the table, Markdown, JSON and SVG.
// Knows the order of these things; each of them is done elsewhere.
import { defaultSettings } from '../../src/alignment/settings.ts';
import { mkdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { dataDigest, folderDigests } from '../../src/runs/digests.ts';
import { removeLeftovers, writeFileDurably } from '../../src/durable/files.ts';
import { lockFolder } from '../../src/durable/lock.ts';
import { versions } from '../../src/alignment/record.ts';
import { WhetstoneError } from '../../src/errors.ts';
import { readDecoderConfig } from '../../src/models/config.ts';
import { worldTemplate } from '../world/index.ts';
import { worldModelDir } from '../world/model.ts';
import type { Cell, CellStore } from './cells.ts';
import { openCells } from './cells.ts';
import { conclusions } from './conclude.ts';
import {
  detectionAbout,
  detectionConclusions,
  detectionExperiments,
  detectionMarkdown,
  detectionSvg,
  detectionTitle,
  layOutDetection,
} from './detection-table.ts';
import type { DetectionResult, Experiment, Model, Result } from './experiment.ts';
import { canonicalJson } from './experiment.ts';
import { tableFigure } from './figures.ts';
import { tableMarkdown } from './markdown.ts';
import type { BenchSetup } from './open-bench.ts';
import { worldFingerprint } from './open-bench.ts';
import { inWords } from './paper.ts';
import type { Provenance } from './provenance.ts';
import { provenance } from './provenance.ts';
import { computeCells } from './schedule.ts';
import type { Runner, ScheduleEvent } from './schedule.ts';
import { fixedSettings } from './settings.ts';
import { experimentOf, fullScale, suiteOn } from './suite.ts';
import type { Ground, Scale, Suite } from './suite.ts';
import type { SuiteName } from './suites.ts';
import { suiteNames, suites } from './suites.ts';
import { layOutTable } from './table.ts';
import type { RowResults, Table } from './table.ts';
import { chooseSettings, tunedSource, tuningMarkdown, tuningSeeds, tuningSuite } from './tune.ts';
import { tuned } from './tuned.ts';
import type { WorkerCommand } from './workers.ts';
import { inChild, inProcess } from './workers.ts';
import { suitePage } from './page.ts';

/** Everything that `reproduce` can make. */
export type ReproductionName = SuiteName | 'detection' | 'tune';
export const reproductionNames: readonly ReproductionName[] = [...suiteNames, 'detection', 'tune'];

/** Raised by hand whenever the same experiment would give other numbers than before. */
const suiteVersion = 1;

export interface ReproduceOptions {
  readonly name: ReproductionName;
  /** Folder for NAME.md, NAME.json, NAME.svg and cells/; several suites may share it and then share cells. */
  readonly out: string;
  /** Model folder: one pretrained on the world (default the one that comes with the project) or, with `data`, any. */
  readonly model?: string;
  /** Models of the hidden sizes that table5 compares, in place of those that come with the project. */
  readonly sizes?: Readonly<Record<number, string>>;
  /** A user's judged responses; absent asks the world. */
  readonly data?: string;
  /** Prompt template for `data`: a file, or a name that `align` knows; default "alpaca". */
  readonly template?: string;
  /** How many seeds; default 3, and 1 for "tune". */
  readonly seeds?: number;
  /** Sizes other than the full ones; smaller ones make quicker and wider intervals. */
  readonly scale?: Partial<Omit<Scale, 'seeds'>>;
  /** Experiments at once; default as many as there are cores for a narrow model, else 1. */
  readonly jobs?: number;
  readonly onEvent?: (event: ScheduleEvent) => void;
  readonly signal?: AbortSignal;
  /** How to start worker processes; without it everything runs in this process, one experiment at a time. */
  readonly worker?: WorkerCommand;
  /** The command line, to be written beside the numbers. */
  readonly command?: string;
  /** In place of the real runners; for tests. */
  readonly runners?: readonly Runner[];
}

export interface Reproduction {
  readonly name: ReproductionName;
  /** The files that were written. */
  readonly files: readonly string[];
  readonly conclusions: readonly string[];
  /** The Markdown table alone. */
  readonly table: string;
  /** Wall-clock seconds of this call. */
  readonly seconds: number;
}

/**
 * Computes what is missing of a suite and writes its table. A suite that was interrupted goes on with the cells
 * that are there.
 *
 * Throws WhetstoneError: `NEEDS_WORLD` for a suite that a user's data cannot answer, `RUN_LOCKED` where another
 * process works in the folder, and what models, data and training throw.
 */
export async function reproduce(options: ReproduceOptions): Promise<Reproduction> {
  const began = performance.now();
  const { name, signal } = options;
  const out = resolve(options.out);
  refuseWithoutWorld(options);
  await mkdir(out, { recursive: true });
  const lock = await lockFolder(out);
  try {
    await removeLeftovers(out);
    const plan = await planOf(options, out);
    const cells = await openCells(out, plan.setup.surroundings);
    await removeLeftovers(cells.dir);
    const experiments = plan.experiments.map(({ experiment }) => experiment);
    const runners = options.runners ?? (await openRunners(options, plan));
    let computed: Map<string, Cell>;
    try {
      computed = await computeCells(experiments, {
        cells,
        runners,
        ...(options.onEvent && { onEvent: options.onEvent }),
        ...(signal && { signal }),
      });
    } finally {
      await Promise.all(runners.map((runner) => runner.stop()));
    }
    const results = plan.experiments.map(({ rowId, experiment }) => ({
      rowId,
      experiment,
      result: computed.get(cells.keyOf(experiment))!.result,
    }));
    const made = await provenance();
    const outcome = outcomeOf(name, results, plan, made);
    const seconds = (performance.now() - began) / 1000;
    const computeSeconds = [...computed.values()].reduce((sum, cell) => sum + cell.seconds, 0);
    const facts = { ...made, seconds, computeSeconds, jobs: runners.length };
    const page = suitePage({
      title: outcome.title,
      about: outcome.about,
      table: outcome.table,
      figure: outcome.svg === null ? null : `${name}.svg`,
      conclusions: outcome.conclusions,
      notes: [...outcome.notes, ...plan.notes],
      facts,
      command: options.command ?? null,
    });
    const json = {
      name,
      title: outcome.title,
      conclusions: outcome.conclusions,
      ...facts,
      command: options.command ?? null,
      scale: plan.scale,
      ground: plan.ground,
      surroundings: plan.setup.surroundings,
      fixed_settings: fixedSettings,
      tuned,
      table: outcome.json,
      cells: results.map(({ rowId, experiment, result }) => cellRecord(cells, rowId, experiment, result)),
    };
    const files: [string, string][] = [
      [`${name}.md`, page],
      [`${name}.json`, readableJson(json)],
      ...(outcome.svg === null ? [] : [[`${name}.svg`, outcome.svg] as [string, string]]),
      ...outcome.files,
    ];
    for (const [file, content] of files) await writeFileDurably(join(out, file), content);
    return {
      name,
      files: files.map(([file]) => join(options.out, file)),
      conclusions: outcome.conclusions,
      table: outcome.table,
      seconds,
    };
  } finally {
    await lock.release();
  }
}

function suiteOf(name: ReproductionName): Suite | null {
  if (name === 'tune') return tuningSuite;
  return name === 'detection' ? null : suites[name];
}

function refuseWithoutWorld({ name, data, model }: ReproduceOptions): void {
  if (data === undefined) return;
  const suite = suiteOf(name);
  if (model === undefined) {
    throw new WhetstoneError('INVALID_OPTIONS', "a user's data needs a model to be trained on", {
      hint: 'Give a Hugging Face model folder.',
    });
  }
  const reason = suite ? suite.needsWorld : 'it compares with errors whose places are known';
  if (reason === null) return;
  const possible = suiteNames.filter((other: SuiteName) => suites[other].needsWorld === null);
  throw new WhetstoneError('NEEDS_WORLD', `"${name}" cannot be made from a file of judgments: ${reason}`, {
    hint: `Leave out --data, or take one of ${possible.join(', ')}.`,
  });
}

interface Plan {
  readonly ground: Ground;
  readonly scale: Scale;
  readonly setup: BenchSetup;
  readonly jobs: number;
  /** In the order of rows and seeds; rows without training have one. */
  readonly experiments: readonly { readonly rowId: string; readonly experiment: Experiment }[];
  readonly notes: readonly string[];
}

async function planOf(options: ReproduceOptions, out: string): Promise<Plan> {
  const { name, data } = options;
  const modelDir = options.model ?? worldModelDir();
  const { hiddenSize } = await readDecoderConfig(modelDir);
  const narrow = hiddenSize < 256;
  const jobs = options.worker ? (options.jobs ?? (narrow ? availableParallelism() : 1)) : 1;
  const share = jobs > 1 ? Math.max(1, Math.floor(availableParallelism() / jobs)) : null;
  const first = name === 'tune' ? tuningSeeds[0]! : fullScale.seeds[0]!;
  const count = options.seeds ?? (name === 'tune' ? tuningSeeds.length : fullScale.seeds.length);
  const seeds = Array.from({ length: count }, (_, i) => first + i);
  const scale: Scale = { ...fullScale, ...options.scale, seeds };

  const model: Model = { name: 'model', fingerprint: await fingerprintOf(modelDir) };
  const widths = suiteOf(name)?.rows.flatMap((row) => row.hiddenSize ?? []) ?? [];
  const sizes = await modelsOf(widths, options.sizes ?? {});
  const template = data === undefined ? await writeTemplate(out) : (options.template ?? 'alpaca');
  const ground: Ground =
    data === undefined
      ? { kind: 'world', model, sizes: sizes.models, split: name === 'tune' ? 'development' : 'test' }
      : { kind: 'data', model, data: await dataDigest(data), template: await templateContent(template) };
  const setup: BenchSetup = {
    out,
    surroundings: {
      suiteVersion,
      whetstone: (await versions()).whetstone,
      world: data === undefined ? worldFingerprint() : 'none',
    },
    models: { model: resolve(modelDir), ...sizes.dirs },
    template,
    data: data === undefined ? null : resolve(data),
    threads: narrow ? 1 : share,
  };
  return {
    ground,
    scale,
    setup,
    jobs,
    experiments: expand(name, scale, ground),
    notes: notesOn(ground, scale),
  };
}

/** The models that rows name by their hidden size, and where they lie. */
async function modelsOf(
  widths: readonly number[],
  given: Readonly<Record<number, string>>,
): Promise<{ models: Record<number, Model>; dirs: Record<string, string> }> {
  const models: Record<number, Model> = {};
  const dirs: Record<string, string> = {};
  for (const width of new Set(widths)) {
    const name = `width ${width}`;
    const dir = given[width] ?? worldModelDir(width);
    dirs[name] = resolve(dir);
    models[width] = { name, fingerprint: await fingerprintOf(dir) };
  }
  return { models, dirs };
}

/** Every row's experiments, one a seed; a row without training is the same for all seeds. */
export function expand(
  name: ReproductionName,
  scale: Scale,
  ground: Ground,
): { rowId: string; experiment: Experiment }[] {
  const whole = suiteOf(name);
  if (whole === null) {
    if (ground.kind !== 'world') throw new TypeError('detection needs the world');
    return detectionExperiments(scale, ground).map((experiment) => ({ rowId: 'detection', experiment }));
  }
  return suiteOn(whole, ground).rows.flatMap((row) =>
    (row.training === null ? scale.seeds.slice(0, 1) : scale.seeds).map((seed) => ({
      rowId: row.id,
      experiment: experimentOf(row, seed, scale, ground),
    })),
  );
}

async function openRunners(options: ReproduceOptions, { setup, jobs }: Plan): Promise<Runner[]> {
  const { worker, signal } = options;
  if (!worker || jobs === 1) return [await inProcess(setup, signal)];
  return Array.from({ length: jobs }, () => inChild(worker, setup, signal));
}

async function fingerprintOf(model: string): Promise<string> {
  return canonicalJson(await folderDigests(model));
}

async function writeTemplate(out: string): Promise<string> {
  const path = join(out, 'world-template.json');
  await writeFileDurably(path, `${JSON.stringify(worldTemplate, null, 2)}\n`);
  return path;
}

/** A template file by its content, a preset by its name. */
async function templateContent(template: string): Promise<string> {
  const isFile = await stat(template)
    .then((found) => found.isFile())
    .catch(() => false);
  return isFile ? dataDigest(template) : template;
}

interface RowResult {
  readonly rowId: string;
  readonly experiment: Experiment;
  readonly result: Result;
}

interface Outcome {
  readonly title: string;
  readonly about: string;
  readonly table: string;
  readonly svg: string | null;
  readonly conclusions: readonly string[];
  readonly notes: readonly string[];
  readonly json: unknown;
  /** Further files by name. */
  readonly files: readonly [string, string][];
}

function outcomeOf(
  name: ReproductionName,
  results: readonly RowResult[],
  plan: Plan,
  made: Provenance,
): Outcome {
  const whole = suiteOf(name);
  if (whole === null) {
    const table = layOutDetection(results.map(({ result }) => result as DetectionResult));
    return {
      title: detectionTitle,
      about: detectionAbout,
      table: detectionMarkdown(table),
      svg: detectionSvg(table),
      conclusions: detectionConclusions(table),
      notes: [inWords.detection, 'Intervals: percentile bootstrap over the answers of all seeds, 95%.'],
      json: table,
      files: [],
    };
  }
  const suite = suiteOn(whole, plan.ground);
  const byRow = new Map<string, RowResults>(
    suite.rows.map(({ id }) => [id, results.filter(({ rowId }) => rowId === id)]),
  );
  // Choosing among many points needs no intervals.
  const table = layOutTable(suite, byRow, name === 'tune' ? { resamples: 1 } : {});
  const { title, about } = suite;
  if (name === 'tune') {
    const choices = chooseSettings(table);
    const seeds = plan.scale.seeds.length;
    const source =
      `whetstone reproduce tune: ${plan.scale.train} training and ${plan.scale.test} development instructions, ` +
      `${seeds} seed${seeds === 1 ? '' : 's'}, commit ${made.commit ?? 'unknown'}, ${made.date.slice(0, 10)}`;
    return {
      title,
      about,
      table: tuningMarkdown(choices),
      svg: null,
      conclusions: ['Chosen settings are bold; tuned.ts holds them for lab/reproduction/tuned.ts.'],
      notes: [],
      json: choices,
      files: [['tuned.ts', tunedSource(choices, source)]],
    };
  }
  return {
    title,
    about,
    table: tableMarkdown(table),
    svg: tableFigure(table),
    conclusions: conclusions(table),
    notes: [
      ...(suite.paper?.words ? [suite.paper.words] : []),
      ...(suite.paper?.columns.length
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

function notesOn(ground: Ground, { train, test, perRound, seeds }: Scale): string[] {
  if (ground.kind === 'data') {
    return [
      'Rows of the data were split by instruction (seeded): a fifth is held out and scored. Methods train with the ' +
        'defaults of `align`, but for a warm-up of a tenth of the run. Perplexity is e to the power of its logarithm, ' +
        `which is a mean over responses of the mean over their tokens. Flagged: at lambda ${defaultSettings.lambda}, by the trained model.`,
    ];
  }
  return [
    `${train} training instructions (${perRound} a round online), ${test} ${ground.split} instructions, the same for every ` +
      `row; seeds ${seeds.join(', ')} draw training instructions, order, dropout and LoRA's initial values. All answers to ` +
      'test instructions are greedy.',
    `Settings: ${tuned.source}.`,
  ];
}

/** JSON with a line for each field, and one for each item of a list among them. */
function readableJson(record: object): string {
  const lines = Object.entries(record).map(([name, value]: [string, unknown]) => {
    const items = Array.isArray(value) && value.length > 0 ? (value as unknown[]) : null;
    const text = items
      ? `[\n${items.map((item) => `  ${JSON.stringify(item)}`).join(',\n')}\n ]`
      : JSON.stringify(value);
    return ` ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** A run compactly: what was measured item by item, without texts. */
function cellRecord(cells: CellStore, rowId: string, experiment: Experiment, result: Result): unknown {
  const { answers, ...rest } = result as unknown as { answers?: unknown };
  void answers;
  return { row: rowId, key: cells.keyOf(experiment), experiment, result: rest };
}
