// What a person needs who aligns a model. Everything else is under the subpaths of the layers (package.json's exports);
// src/index.test.ts holds the list.
export { WhetstoneError } from './errors.ts';
export { modelFolder } from './hub/index.ts';
export {
  critique,
  cut,
  dpo,
  dualCut,
  feedbackConditional,
  forwardPrediction,
  hindsight,
  ilfDpo,
  ilfMle,
  likelihood,
  selfDistillation,
} from './objectives/index.ts';
export type { Objective } from './objectives/index.ts';
export { merge } from './engine/index.ts';
export type { Engine, MergeOptions, OpenEngine } from './engine/index.ts';
export type { PromptTemplate, Tokenizer } from './tokens/index.ts';
export { generate, openModel, respond } from './generation/index.ts';
export type { GeneratedRow, GenerateOptions, OpenedModel, Response } from './generation/index.ts';
export { checkFile, readTriplets, writeTriplets } from './judgments/index.ts';
export type { Triplet } from './judgments/index.ts';
export { addJudge, openJudge } from './judges/index.ts';
export type { Judge } from './judges/index.ts';
export { addMethod, align, alignOnline, defaultSettings, methodNames } from './alignment/index.ts';
export type {
  AlignmentRun,
  AlignOptions,
  AlignSettings,
  GivenTriplet,
  Method,
  MethodName,
  OnlineOptions,
  OnlineResult,
  OnlineRun,
  OnlineSettings,
  StepRecord,
} from './alignment/index.ts';
export { addTask, evaluate, score } from './evaluation/index.ts';
export type { EvaluateOptions, ScoreOptions, ScoreRow } from './evaluation/index.ts';
export { reportRun } from './run-report/index.ts';
export { trainJudge } from './judge-training/index.ts';
export type { JudgeTraining, TrainJudgeOptions } from './judge-training/index.ts';
