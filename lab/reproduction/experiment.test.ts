// Names of cells, and what an experiment needs.
import { expect, it } from 'vitest';
import type { AnswersExperiment, Model, Surroundings, TrialExperiment } from './experiment.ts';
import { canonicalJson, cellKey, needsOf } from './experiment.ts';

const model: Model = { name: 'model', fingerprint: 'abc' };
const surroundings: Surroundings = { suiteVersion: 1, whetstone: '0.1.0', world: 'w' };
const answers: AnswersExperiment = {
  kind: 'answers',
  model,
  tasks: { split: 'train', count: 10, seed: 1 },
  responses: 1,
  seed: 1,
};
const trial: TrialExperiment = {
  kind: 'trial',
  model,
  training: { answers, instructions: 10, settings: { method: 'cut', lambda: 1.2 }, seed: 1 },
  tests: { split: 'test', count: 5, seed: 0 },
  praised: false,
};

it('writes equal records alike, whatever the order of their keys', () => {
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
});

it('names a cell by everything that decides its result', () => {
  const key = cellKey(trial, surroundings);
  expect(key).toMatch(/^[0-9a-f]{32}$/);
  expect(cellKey({ ...trial }, { ...surroundings })).toBe(key);
  const training = trial.training!;
  const others: [TrialExperiment, Surroundings][] = [
    [{ ...trial, training: { ...training, seed: 2 } }, surroundings],
    [{ ...trial, training: { ...training, settings: { method: 'cut', lambda: 1.3 } } }, surroundings],
    [{ ...trial, tests: { ...trial.tests, count: 6 } }, surroundings],
    [{ ...trial, model: { ...model, fingerprint: 'abd' } }, surroundings],
    [trial, { ...surroundings, suiteVersion: 2 }],
    [trial, { ...surroundings, whetstone: '0.1.1' }],
    [trial, { ...surroundings, world: 'v' }],
  ];
  const keys = others.map(([experiment, around]) => cellKey(experiment, around));
  expect(new Set([key, ...keys]).size).toBe(others.length + 1);
});

it('needs the answers that it trains on or looks into', () => {
  expect(needsOf(trial)).toEqual([answers]);
  expect(needsOf({ ...trial, training: null })).toEqual([]);
  const detection = { kind: 'detection', answers, lambdas: [1.2] } as const;
  expect(needsOf(detection)).toEqual([answers]);
});
