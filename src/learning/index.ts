// A model that learns from judgments while it answers.
export { openLearning } from './learning.ts';
export type { Learning, LearningNews, LearningOptions, LearningProgress, LearnOptions } from './learning.ts';
export { learnAutomatically } from './automatic.ts';
export type { AutomaticLearning, AutomaticSettings } from './automatic.ts';
export type { Answer, Answers } from './answers.ts';
export type { Drift, DriftAnswer, PromptSource } from './drift-record.ts';
export type { Beginning, GivenUp, Version } from './events.ts';
export type { GivenJudgment, Judgment, Mark } from './judgment.ts';
export type { VersionModel } from './models.ts';
export { learningDefaults } from './settings.ts';
export type { LearningSettings } from './settings.ts';
