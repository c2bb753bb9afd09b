// What a person needs who aligns a model. Everything else is under the subpaths of the layers (package.json's exports);
// src/index.test.ts holds the list.
export { WhetstoneError } from './errors.ts';
export type { Place, Problem } from './errors.ts';
export { modelFolder } from './hub/index.ts';
export type { ModelFolder } from './hub/index.ts';
export { mergeAdapter } from './models/index.ts';
export type { MergedModel } from './models/index.ts';
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
  log1mExp,
  selfDistillation,
  tokenShares,
} from './objectives/index.ts';
export type { Objective } from './objectives/index.ts';
export type { Engine, OpenEngine } from './engine/index.ts';
export type { PromptTemplate, Tokenizer } from './tokens/index.ts';
export { generateText, openModel, respond } from './generation/index.ts';
export type { OpenedModel, Response } from './generation/index.ts';
export { checkFile, readTriplets, writeTriplets } from './judgments/index.ts';
export type { DataReport, Triplet, TripletFile } from './judgments/index.ts';
export { openJudge } from './judges/index.ts';
export type { Judge, JudgeRequest, Outcome } from './judges/index.ts';
export { addMethod, align, alignOnline, defaultSettings, methodNames } from './alignment/index.ts';
export type {
  AlignmentPlan,
  AlignmentRun,
  AlignOptions,
  AlignSettings,
  GivenTriplet,
  Method,
  MethodName,
  OnlineOptions,
  OnlinePlan,
  OnlineProgress,
  OnlineResult,
  OnlineRun,
  OnlineSettings,
  StepRecord,
} from './alignment/index.ts';
export { reportRun } from './run-report/index.ts';
export { trainJudge } from './judge-training/index.ts';
export type { JudgeTraining, TrainJudgeOptions } from './judge-training/index.ts';
