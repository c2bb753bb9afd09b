// Judge models: trained on judged triplets, tested on judgments kept back.
export { agreementOf } from './agreement.ts';
export type { DecisionPair } from './agreement.ts';
export type { Agreement } from '../judges/local/agreement.ts';
export { splitByInstruction } from './rows.ts';
export { judgeDefaults } from './settings.ts';
export type { JudgeOwnSettings, JudgeTrainingSettings } from './settings.ts';
export { trainJudge } from './train-judge.ts';
export type { JudgeTraining, JudgeTrainingPlan, TrainJudgeOptions } from './train-judge.ts';
