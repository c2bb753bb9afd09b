// What a suite is: rows as data, and how a row and a seed become an experiment. Knows no numbers of any table.
import { defaultSettings } from '../../src/alignment/settings.ts';
import type {
  AnswersExperiment,
  Experiment,
  MethodSettings,
  Model,
  ModelJudge,
  TaskDraw,
} from './experiment.ts';
import type { SuiteMethod } from './methods.ts';
import { pairedResponses, testedWithPraise } from './methods.ts';
import type { Claim, Evidence } from './claims.ts';
import type { Measure } from './measures.ts';
import type { PaperColumn } from './paper.ts';
import type { RowResults } from './table.ts';
import type { WorldModel } from '../world/model.ts';
import { fixedSettings, settingsOf } from './settings.ts';

export interface SuiteRow {
  readonly id: string;
  readonly label: string;
  /** The row that this one is compared with; null for none. */
  readonly against: string | null;
  /** One of the models that come with the project; the suite's one model if absent. */
  readonly base?: WorldModel;
  /** Families that are tested, and at most how many of their instructions: some have few. All if absent. */
  readonly tested?: { readonly families: readonly string[]; readonly atMost: number };
  /** Null leaves the model as it is. */
  readonly training: RowTraining | null;
  /** So many times the seeds of the others; 1 if absent. */
  readonly seedsTimes?: number;
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
  /** Families of instructions that it trains on; all if absent. */
  readonly only?: readonly string[];
  /** The model whose answers were judged; the row's own if absent. */
  readonly answersOf?: WorldModel;
  /** Settings of each round of an online run; offline if absent. Then `train` is the number of instructions a round. */
  readonly rounds?: readonly MethodSettings[];
  /** Folds each round's adapter into the model. */
  readonly merged?: true;
  /** A model as the judge, trained on so many of the world's judgments; 0 asks it as it is. */
  readonly judge?: { readonly judgments: number; readonly settings: MethodSettings };
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
  /** Further sentences, from what the table does not hold. */
  readonly says?: (results: ReadonlyMap<string, RowResults>) => readonly string[];
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
      /** Those that rows name. */
      readonly bases: Readonly<Partial<Record<WorldModel, Model>>>;
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
export function experimentOf(
  row: SuiteRow,
  seed: number,
  scale: Scale,
  ground: Ground,
  measures: readonly Measure[] = [],
): Experiment {
  if (ground.kind === 'data') return heldOutExperiment(row, seed, ground);
  const modelOf = (base: WorldModel | undefined): Model =>
    base === undefined ? ground.model : ground.bases[base]!;
  const model = modelOf(row.base);
  const tests: TaskDraw = {
    split: ground.split,
    count: Math.min(scale.test, row.tested?.atMost ?? scale.test),
    seed: testSeed,
    ...onlyOf(row.tested?.families),
  };
  const more = measures.length > 0 && { measures: measures.map(({ id }) => id) };
  const { training } = row;
  if (training === null) return { kind: 'trial', model, training: null, tests, praised: false, ...more };
  const train = training.train ?? scale.train;
  const instructions = Math.max(1, Math.round(train * (training.amount ?? 1)));
  const settings = settingsOf(training.method, train, training.settings);
  const { responses, rounds, merged, judge } = training;
  if (rounds) {
    return {
      kind: 'online',
      model,
      settings,
      instructions: training.train ?? scale.perRound,
      rounds,
      responses,
      seed,
      tests,
      ...(merged && { merged }),
      ...(judge && { judge: judgeOf(judge, model, seed) }),
      ...more,
    };
  }
  const answers: AnswersExperiment = {
    kind: 'answers',
    model: modelOf(training.answersOf ?? row.base),
    tasks: { split: 'train', count: train, seed, ...onlyOf(training.only) },
    responses,
    seed,
  };
  return {
    kind: 'trial',
    model,
    training: { answers, instructions, settings, seed },
    tests,
    praised: testedWithPraise.has(training.method),
    ...more,
  };
}

const onlyOf = (only: readonly string[] | undefined): { only?: readonly string[] } => (only ? { only } : {});

/** The judge's own model, trained on the judgments of several answers to instructions that rounds do not draw. */
function judgeOf(
  { judgments, settings }: NonNullable<RowTraining['judge']>,
  model: Model,
  seed: number,
): ModelJudge {
  if (judgments === 0) return { model, training: null };
  const own = seed + judgeSeeds;
  const answers: AnswersExperiment = {
    kind: 'answers',
    model,
    tasks: { split: 'train', count: judgeInstructions, seed: own },
    responses: pairedResponses,
    seed: own,
  };
  return { model, training: { answers, judgments, settings: { ...fixedSettings, ...settings }, seed: own } };
}

/** Apart from those of the suites and of tuning. */
const judgeSeeds = 200;
/** With several answers to each there are more than 3000 judgments. */
const judgeInstructions = 1200;

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
