// One suite from its name to its files: plan, cells, outcome, files.
// Knows the order of these things; each of them is done elsewhere.
import { join, resolve } from 'node:path';
import { makeFolder, removeLeftovers, writeFileDurably } from '../../src/durable/files.ts';
import { lockFolder } from '../../src/durable/lock.ts';
import { WhetstoneError } from '../../src/errors.ts';
import type { Cell, CellStore } from './cells.ts';
import { openCells } from './cells.ts';
import { filesOf, outcomeOf } from './outcome.ts';
import { suiteNames } from './names.ts';
import type { ReproductionName, SuiteName } from './names.ts';
import { planOf, suiteOf } from './plan.ts';
import type { Plan } from './plan.ts';
import { provenance } from './provenance.ts';
import { computeCells } from './schedule.ts';
import type { Runner, ScheduleEvent } from './schedule.ts';
import type { Scale } from './suite.ts';
import { suites } from './suites.ts';
import type { WorldModel } from '../world/model.ts';
import type { WorkerCommand } from './workers.ts';
import { inChild, inProcess } from './workers.ts';

export interface ReproduceOptions {
  readonly name: ReproductionName;
  /** Folder for NAME.md, NAME.json, NAME.svg and cells/; several suites may share it and then share cells. */
  readonly out: string;
  /** Model folder: one pretrained on the world (default the one that comes with the project) or, with `data`, any. */
  readonly model?: string;
  /** Folders of models that rows name, in place of those that come with the project. */
  readonly bases?: Readonly<Partial<Record<WorldModel, string>>>;
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
  /** Resamples behind each interval; default 2000. */
  readonly resamples?: number;
  /** The command line, to be written beside the numbers. */
  readonly command?: string;
  /** In place of the real runners; for tests. */
  readonly runners?: readonly Runner[];
}

export interface Reproduction {
  readonly name: ReproductionName | 'all';
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
  const { name } = options;
  const out = resolve(options.out);
  refuseWithoutWorld(options);
  await makeFolder(out);
  const lock = await lockFolder(out);
  try {
    await removeLeftovers(out);
    const plan = await planOf(options, out);
    const cells = await openCells(out, plan.setup.surroundings);
    await removeLeftovers(cells.dir);
    const runners = options.runners ?? (await openRunners(options, plan));
    const computed = await compute(plan, cells, runners, options);
    const results = plan.experiments.map(({ rowId, experiment }) => ({
      rowId,
      experiment,
      result: computed.get(cells.keyOf(experiment))!.result,
    }));
    const made = await provenance();
    const outcome = outcomeOf(name, results, plan, made, { resamples: options.resamples });
    const seconds = (performance.now() - began) / 1000;
    const computeSeconds = [...computed.values()].reduce((sum, cell) => sum + cell.seconds, 0);
    const facts = { ...made, seconds, computeSeconds, jobs: runners.length };
    const files = filesOf(outcome, { name, plan, results, cells, facts, command: options.command ?? null });
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

/** The plan's cells, those that were there included; the runners end with it. */
async function compute(
  plan: Plan,
  cells: CellStore,
  runners: readonly Runner[],
  { onEvent, signal }: ReproduceOptions,
): Promise<Map<string, Cell>> {
  const experiments = plan.experiments.map(({ experiment }) => experiment);
  try {
    return await computeCells(experiments, { cells, runners, onEvent, signal });
  } finally {
    await Promise.all(runners.map((runner) => runner.stop()));
  }
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

async function openRunners(options: ReproduceOptions, { setup, jobs }: Plan): Promise<Runner[]> {
  const { worker, signal } = options;
  if (!worker || jobs === 1) return [await inProcess(setup, signal)];
  return Array.from({ length: jobs }, () => inChild(worker, setup, signal));
}
