// What a suite is: rows as data, and how a row and a seed become an experiment. Knows no numbers of any table.
import { defaultSettings } from '../../src/alignment/settings.ts';
import type { AnswersExperiment, Experiment, MethodSettings, Model, TaskDraw } from './experiment.ts';
import type { SuiteMethod } from './methods.ts';
import { testedWithPraise } from './methods.ts';
import type { Claim, Evidence } from './claims.ts';
import type { Measure } from './measures.ts';
import type { PaperColumn } from './paper.ts';
import { settingsOf } from './settings.ts';

export interface SuiteRow {
  readonly id: string;
  readonly label: string;
  /** The row that this one is compared with; null for none. */
  readonly against: string | null;
  /** Hidden size of one of the models that come with the project; the suite's one model if absent. */
  readonly hiddenSize?: number;
  /** Null leaves the model as it is. */
  readonly training: RowTraining | null;
  /** What is read from the experiment: the plain test, the one with praise, or the test after so many rounds. */
  readonly part: 'plain' | 'praised' | number;
  /** Beside the suite's `paper.columns`; null where the paper has no such number. */
  readonly paper?: readonly (number | null)[];
  /** Column of a grid and place in its line figure; without a number it is a horizontal line there. */
  readonly place?: { readonly series: string; readonly x: number | null; readonly xLabel?: string };
}

export interface RowTraining {
  readonly method: SuiteMethod;
  /** Beyond what every row of the method has. */
  readonly settings?: MethodSettings;
  /** Training instructions in place of the scale's. */
  readonly train?: number;
  /** Share of them that is used; default 1. */
  readonly amount?: number;
  /** Responses judged for each instruction. */
  readonly responses: number;
  /** Settings of each round of an online run; offline if absent. */
  readonly rounds?: readonly MethodSettings[];
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  /** What is compared with what, for a reader who has not seen the paper. */
  readonly about: string;
  readonly layout: 'list' | 'grid';
  readonly rows: readonly SuiteRow[];
  readonly paper: { readonly columns: readonly PaperColumn[]; readonly words?: string } | null;
  /** Why it cannot be done without the world's judge; null if it can. */
  readonly needsWorld: string | null;
  /** Of a grid and its figure. */
  readonly axis?: string;
  readonly logAxis?: boolean;
  /** What is measured besides whether answers are satisfactory. */
  readonly measures?: readonly Measure[];
  /** What the paper claims, held against the table. */
  readonly claims?: (evidence: Evidence) => readonly Claim[];
}

/** How much is trained and tested. */
export interface Scale {
  /** Training instructions. */
  readonly train: number;
  readonly test: number;
  /** Training instructions of each online round. */
  readonly perRound: number;
  readonly seeds: readonly number[];
}

/**
 * With a thousand training instructions the better methods all come close to the world's ceiling and can hardly be
 * told apart; a quarter of that leaves room between them.
 */
export const fullScale: Scale = { train: 250, test: 600, perRound: 100, seeds: [1, 2, 3] };

/** What the rows are run on: the world, or a user's data. */
export type Ground =
  | {
      readonly kind: 'world';
      readonly model: Model;
      /** By hidden size, for rows that name one. */
      readonly sizes: Readonly<Record<number, Model>>;
      readonly split: 'development' | 'test';
    }
  | {
      readonly kind: 'data';
      readonly model: Model;
      readonly data: string;
      readonly template: string;
    };

/** Seed of the test instructions, the same whatever the row and the seed of the run. */
const testSeed = 0;
const heldOut = { share: 0.2, seed: 0 } as const;

/** Sizes of an online suite are laid out for this many training instructions. */
export function experimentOf(row: SuiteRow, seed: number, scale: Scale, ground: Ground): Experiment {
  if (ground.kind === 'data') return heldOutExperiment(row, seed, ground);
  const model = row.hiddenSize === undefined ? ground.model : ground.sizes[row.hiddenSize]!;
  const tests: TaskDraw = { split: ground.split, count: scale.test, seed: testSeed };
  const { training } = row;
  if (training === null) return { kind: 'trial', model, training: null, tests, praised: false };
  const train = training.train ?? scale.train;
  const instructions = Math.max(1, Math.round(train * (training.amount ?? 1)));
  const settings = settingsOf(training.method, instructions, training.settings);
  if (training.rounds) {
    const { responses, rounds } = training;
    return { kind: 'online', model, settings, instructions: scale.perRound, rounds, responses, seed, tests };
  }
  const answers: AnswersExperiment = {
    kind: 'answers',
    model,
    tasks: { split: 'train', count: train, seed },
    responses: training.responses,
    seed,
  };
  return {
    kind: 'trial',
    model,
    training: { answers, instructions, settings, seed },
    tests,
    praised: testedWithPraise.has(training.method),
  };
}

/**
 * The suite as it can be had on its ground. Without a judge there are no answers to a prompt with praise and no
 * rounds: a row that others are compared with after its rounds is then the model as it is.
 */
export function suiteOn(suite: Suite, ground: Ground): Suite {
  if (ground.kind === 'world') return suite;
  const rows = suite.rows
    .filter(({ part }) => part !== 'praised')
    .map((row): SuiteRow => {
      const start = row.training?.rounds && row.against === null;
      return start ? { ...row, label: 'base model', training: null } : row;
    });
  return { ...suite, rows };
}

function heldOutExperiment(row: SuiteRow, seed: number, ground: Ground & { kind: 'data' }): Experiment {
  const { model, data, template } = ground;
  const { training } = row;
  // A user's model trains with the defaults of `align`, but for a warm-up that fits any amount of data; only what
  // makes the method and the row is taken from ours.
  const settings = training && {
    warmupSteps: 0.1,
    ...training.settings,
    ...training.rounds?.at(-1),
    method: training.method,
  };
  return {
    kind: 'held-out',
    model,
    data,
    template,
    heldOut,
    training: settings && { share: training?.amount ?? 1, settings, seed },
    lambda: defaultSettings.lambda,
  };
}
