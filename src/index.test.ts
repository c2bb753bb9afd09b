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
  expect(handedOut.length).toBeLessThanOrEqual(60);
  expect(sorted(false)).toEqual([
    'WhetstoneError',
    'addJudge',
    'addMethod',
    'addTask',
    'align',
    'alignOnline',
    'checkFile',
    'critique',
    'cut',
    'defaultSettings',
    'dpo',
    'dualCut',
    'evaluate',
    'feedbackConditional',
    'forwardPrediction',
    'generate',
    'hindsight',
    'ilfDpo',
    'ilfMle',
    'likelihood',
    'merge',
    'methodNames',
    'modelFolder',
    'openJudge',
    'openModel',
    'readTriplets',
    'reportRun',
    'respond',
    'score',
    'selfDistillation',
    'trainJudge',
    'writeTriplets',
  ]);
  expect(sorted(true)).toEqual([
    'AlignOptions',
    'AlignSettings',
    'AlignmentRun',
    'Engine',
    'EvaluateOptions',
    'GenerateOptions',
    'GeneratedRow',
    'GivenTriplet',
    'Judge',
    'JudgeTraining',
    'MergeOptions',
    'Method',
    'MethodName',
    'Objective',
    'OnlineOptions',
    'OnlineResult',
    'OnlineRun',
    'OnlineSettings',
    'OpenEngine',
    'OpenedModel',
    'PromptTemplate',
    'Response',
    'ScoreOptions',
    'ScoreRow',
    'StepRecord',
    'Tokenizer',
    'TrainJudgeOptions',
    'Triplet',
  ]);
});
