// What one cell of a suite computes, as plain data: everything that decides its result and nothing else, so that
// two suites that ask for the same thing share it. Knows no file and runs nothing.
import { createHash } from 'node:crypto';
import type { AlignSettings } from '../../src/alignment/settings.ts';
import type { DetectionCounts } from '../../src/evaluation/index.ts';
import type { Label } from '../../src/judgments/triplet.ts';
import type { Measure } from './measures.ts';
import type { Way } from './detection/ways.ts';
import type { Split } from '../world/index.ts';

/** Instructions of the world: the first `count` that a seed draws from a split. */
export interface TaskDraw {
  readonly split: Split;
  readonly count: number;
  readonly seed: number;
  /** Families of instructions; all if absent. */
  readonly only?: readonly string[];
}

/** A model folder by its content; where it lies is the bench's business. */
export interface Model {
  readonly name: string;
  readonly fingerprint: string;
}

/** The settings of `align` that make a method; model, data, seed and threads come from elsewhere. */
export type MethodSettings = Partial<
  Omit<
    AlignSettings,
    'model' | 'data' | 'adapter' | 'template' | 'seed' | 'threads' | 'saveSteps' | 'saveTotalLimit'
  >
>;

/** A model's answers to instructions, judged: the first is greedy, further ones are sampled at temperature 1. */
export interface AnswersExperiment {
  readonly kind: 'answers';
  readonly model: Model;
  readonly tasks: TaskDraw;
  readonly responses: number;
  readonly seed: number;
}

/** Trains on judged answers (or not at all) and counts good answers to other instructions. */
export interface TrialExperiment {
  readonly kind: 'trial';
  readonly model: Model;
  readonly training: {
    readonly answers: AnswersExperiment;
    /** How many of the instructions are used, the first ones. */
    readonly instructions: number;
    readonly settings: MethodSettings;
    readonly seed: number;
  } | null;
  readonly tests: TaskDraw;
  /** Whether the test is taken a second time with praise in the prompt. */
  readonly praised: boolean;
  /** What else is measured of every test instruction. */
  readonly measures?: readonly Measure['id'][];
}

/** A model that judges in the world's judge's place. */
export interface ModelJudge {
  readonly model: Model;
  /** Null asks the model as it is. */
  readonly training: {
    readonly answers: AnswersExperiment;
    /** How many of their judgments it learns from, the first ones. */
    readonly judgments: number;
    readonly settings: MethodSettings;
    readonly seed: number;
  } | null;
}

/** Rounds of: the present model answers fresh instructions, the judge judges, training goes on from its adapter. */
export interface OnlineExperiment {
  readonly kind: 'online';
  readonly model: Model;
  readonly settings: MethodSettings;
  /** Instructions a round; rounds differ in nothing but these settings. */
  readonly instructions: number;
  readonly rounds: readonly MethodSettings[];
  readonly responses: number;
  readonly seed: number;
  readonly tests: TaskDraw;
  /** Folds each round's adapter into the model, so that the next round begins with a fresh one. */
  readonly merged?: true;
  /** In place of the world's judge. */
  readonly judge?: ModelJudge;
  /** What else is measured of every test instruction. */
  readonly measures?: readonly Measure['id'][];
}

/** Flags the tokens of unsatisfactory answers and compares them with the errors that the judge knows. */
export interface DetectionExperiment {
  readonly kind: 'detection';
  readonly answers: AnswersExperiment;
  readonly lambdas: readonly number[];
}

/** Points at tokens of unsatisfactory answers in several ways, beside the errors that the judge knows. */
export interface PointingExperiment {
  readonly kind: 'pointing';
  readonly answers: AnswersExperiment;
}

/** Trains on part of a file of judged responses (or not at all) and scores the responses of the rest. */
export interface HeldOutExperiment {
  readonly kind: 'held-out';
  readonly model: Model;
  /** Content of the data file and of the template. */
  readonly data: string;
  readonly template: string;
  readonly heldOut: { readonly share: number; readonly seed: number };
  readonly training: {
    /** How much of the training part is used, in (0, 1]. */
    readonly share: number;
    readonly settings: MethodSettings;
    readonly seed: number;
  } | null;
  /** For the share of tokens that the trained model would still flag. */
  readonly lambda: number;
}

export type Experiment =
  | AnswersExperiment
  | DetectionExperiment
  | HeldOutExperiment
  | OnlineExperiment
  | PointingExperiment
  | TrialExperiment;

/** One response and what the judge said. */
export interface JudgedAnswer {
  readonly output: string;
  /** Null where the answer is satisfactory. */
  readonly judgment: string | null;
  /** 10 for a satisfactory answer; 5, 3 or 1 for one, two or more errors. */
  readonly score: number;
  /** Code points of its errors. */
  readonly errors: readonly (readonly [number, number])[];
}

export interface AnswersResult {
  /** One list an instruction, in the order of the draw, equal responses listed once. */
  readonly answers: readonly (readonly JudgedAnswer[])[];
}

/** What became of a training run. Losses in nats. */
export interface TrainingFacts {
  readonly examples: number;
  readonly steps: number;
  /** Wall-clock seconds of everything from opening the engine to the last step. */
  readonly seconds: number;
  readonly losses: readonly number[];
  /** Mean share of flagged tokens over all steps. */
  readonly flagged: number;
  /** The step whose loss was not finite, counted from 1; what follows was measured with the step before it. */
  readonly diverged: { readonly step: number; readonly message: string } | null;
}

export interface TrialResult {
  /** One character an instruction: 1 satisfactory, 0 not. */
  readonly plain: string;
  readonly praised: string | null;
  /** The answers to the plain prompt. */
  readonly answers: readonly string[];
  /** What else was asked for, one number an instruction. */
  readonly measured?: Readonly<Partial<Record<Measure['id'], readonly number[]>>>;
  readonly training: TrainingFacts | null;
}

export interface OnlineResult {
  /** Round 0 is the untrained model. */
  readonly rounds: readonly {
    readonly plain: string;
    /** Of the round's own answers, before training: how many, and how many were satisfactory. */
    readonly judged: number;
    readonly satisfactory: number;
    /** What else was asked for, one number a test instruction. */
    readonly measured?: TrialResult['measured'];
    /** Where a model judged: what the world's judge says of the same answers. */
    readonly verdicts?: JudgeVerdicts;
    readonly training: TrainingFacts | null;
  }[];
}

/** Answers that a model judged, by what the world's judge says of them. */
export interface JudgeVerdicts {
  readonly right: number;
  /** Of the right ones, those that the model rejected. */
  readonly rejectedRight: number;
  readonly wrong: number;
  /** Of the wrong ones, those that the model accepted, by the kind of their first error. */
  readonly acceptedWrong: Readonly<Record<string, number>>;
  /** Replies that could not be read; their answers are not trained on. */
  readonly unread: number;
}

export interface DetectionResult {
  /** For each lambda the counts of every unsatisfactory answer. */
  readonly counts: readonly (readonly DetectionCounts[])[];
}

/** An unsatisfactory answer with what each way makes of its tokens, end token included. */
export interface PointedAnswer {
  /** By way, one number a token, greater where it points: [tokens]. */
  readonly scores: Readonly<Record<Way, readonly number[]>>;
  /** The tokens of each error, by position. */
  readonly spans: readonly (readonly number[])[];
  /** Whether the judgment holds a word of the answer that the instruction has not. */
  readonly quotes: boolean;
}

export interface PointingResult {
  readonly answers: readonly PointedAnswer[];
}

export interface HeldOutResult {
  /** One for each held-out row. `loss` is the mean -log p of a response token after the plain prompt, nats. */
  readonly rows: readonly {
    readonly label: Label;
    readonly loss: number;
    readonly tokens: number;
    readonly flagged: number | null;
  }[];
  readonly training: TrainingFacts | null;
  /** Why the method cannot learn from this data; `rows` is then empty. */
  readonly refused: string | null;
}

export interface ResultOf {
  readonly answers: AnswersResult;
  readonly detection: DetectionResult;
  readonly 'held-out': HeldOutResult;
  readonly online: OnlineResult;
  readonly pointing: PointingResult;
  readonly trial: TrialResult;
}

/** Result of an experiment. */
export type Result<E extends Experiment = Experiment> = ResultOf[E['kind']];

/** What else decides a result: versions of the code and the content of the world. */
export interface Surroundings {
  /** Raised by hand whenever the same experiment would give other numbers. */
  readonly suiteVersion: number;
  readonly whetstone: string;
  readonly world: string;
}

/** Name of a cell: the first 128 bits of SHA-256 over the experiment and its surroundings, in hex. */
export function cellKey(experiment: Experiment, surroundings: Surroundings): string {
  const text = canonicalJson({ experiment, surroundings });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The experiments whose results this one reads. */
export function needsOf(experiment: Experiment): Experiment[] {
  if (experiment.kind === 'detection' || experiment.kind === 'pointing') return [experiment.answers];
  if (experiment.kind === 'online' && experiment.judge?.training) return [experiment.judge.training.answers];
  return experiment.kind === 'trial' && experiment.training ? [experiment.training.answers] : [];
}

/** JSON with the keys of every object in order, so that equal records have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
