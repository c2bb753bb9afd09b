// The names of the package's root entry, as they stand in src/index.ts: a new one is a decision, written down here.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const text = readFileSync(new URL('./index.ts', import.meta.url), 'utf8');
const handedOut = [...text.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type, names]) =>
  names!
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .map((name) => ({ name, type: type !== undefined })),
);
const sorted = (type: boolean): string[] =>
  handedOut
    .filter((each) => each.type === type)
    .map(({ name }) => name)
    .sort();

it('hands out what a person needs who aligns a model, and no more', () => {
  expect(text).not.toContain('export *');
  expect(handedOut.length).toBeLessThanOrEqual(70);
  expect(sorted(false)).toEqual([
    'WhetstoneError',
    'addMethod',
    'align',
    'alignOnline',
    'checkFile',
    'critique',
    'cut',
    'defaultSettings',
    'dpo',
    'dualCut',
    'feedbackConditional',
    'forwardPrediction',
    'generateText',
    'hindsight',
    'ilfDpo',
    'ilfMle',
    'likelihood',
    'log1mExp',
    'mergeAdapter',
    'methodNames',
    'modelFolder',
    'openJudge',
    'openModel',
    'readTriplets',
    'reportRun',
    'respond',
    'selfDistillation',
    'tokenShares',
    'trainJudge',
    'writeTriplets',
  ]);
  expect(sorted(true)).toEqual([
    'AlignOptions',
    'AlignSettings',
    'AlignmentPlan',
    'AlignmentRun',
    'DataReport',
    'Engine',
    'GivenTriplet',
    'Judge',
    'JudgeRequest',
    'JudgeTraining',
    'MergedModel',
    'Method',
    'MethodName',
    'ModelFolder',
    'Objective',
    'OnlineOptions',
    'OnlinePlan',
    'OnlineProgress',
    'OnlineResult',
    'OnlineRun',
    'OnlineSettings',
    'OpenEngine',
    'OpenedModel',
    'Outcome',
    'Place',
    'Problem',
    'PromptTemplate',
    'Response',
    'StepRecord',
    'Tokenizer',
    'TrainJudgeOptions',
    'Triplet',
    'TripletFile',
  ]);
});
