// Suites as data: whole, consistent, and expanded into the experiments that they mean.
import { describe, expect, it } from 'vitest';
import type { Model, HeldOutExperiment, TrialExperiment } from './experiment.ts';
import { canonicalJson } from './experiment.ts';
import { suiteMethods } from './methods.ts';
import { expand } from './plan.ts';
import { gridOf, settingsOf } from './settings.ts';
import type { Ground } from './suite.ts';
import { fullScale } from './suite.ts';
import { suites } from './suites.ts';
import { tableSizes } from './suites/table5.ts';
import { poorReader } from '../world/model.ts';
import { tuningSuite } from './tune.ts';
import { tunedAt } from './tuned.ts';

const model: Model = { name: 'model', fingerprint: 'abc' };
const bases = Object.fromEntries(
  [...tableSizes, poorReader].map((size) => [size, { name: `width ${size}`, fingerprint: `f${size}` }]),
);
const world: Ground = { kind: 'world', model, bases, split: 'test' };
const data: Ground = { kind: 'data', model, data: 'sha256:0', template: 'alpaca' };

describe.each([...Object.values(suites), tuningSuite(fullScale.train)])('$name', (suite) => {
  it('has rows of different names that are compared with rows of its own', () => {
    const ids = suite.rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { against } of suite.rows) if (against !== null) expect(ids).toContain(against);
    const columns = suite.paper?.columns.length ?? 0;
    for (const { paper } of suite.rows) if (paper) expect(paper).toHaveLength(columns);
  });

  it('never trains on the instructions that it tests', () => {
    for (const { experiment } of expand(suite.name as 'table2', fullScale, world)) {
      if (experiment.kind === 'trial') {
        expect(experiment.tests.split).toBe('test');
        if (experiment.training) expect(experiment.training.answers.tasks.split).toBe('train');
      }
    }
  });
});

it('trains every method of table2 on the same answers of a seed, DPO on more of them', () => {
  const trials = expand('table2', fullScale, world).map(({ experiment }) => experiment as TrialExperiment);
  const trained = trials.filter(({ training }) => training?.seed === 2).map(({ training }) => training!);
  const others = trained.filter(({ settings }) => settings.method !== 'dpo');
  expect(new Set(others.map(({ answers }) => canonicalJson(answers))).size).toBe(1);
  const dpo = trained.find(({ settings }) => settings.method === 'dpo')!;
  expect(dpo.answers).toEqual({ ...others[0]!.answers, responses: 4 });
  expect(new Set(trained.map(({ settings }) => settings.method))).toEqual(new Set(suiteMethods));
});

it('takes one test with praise and one without from the same training', () => {
  const rows = expand('table2', fullScale, world).filter(({ rowId }) => rowId.startsWith('hindsight'));
  expect(rows).toHaveLength(6);
  expect(new Set(rows.map(({ experiment }) => canonicalJson(experiment))).size).toBe(3);
});

it('shares cells between suites: CUT of table2 is CUT of table4', () => {
  const of = (name: 'table2' | 'table4'): string[] =>
    expand(name, fullScale, world)
      .filter(({ rowId }) => rowId === 'cut')
      .map(({ experiment }) => canonicalJson(experiment));
  expect(of('table2')).toEqual(of('table4'));
});

it('gives both lines of figure4 the same answers', () => {
  const at = (id: string): TrialExperiment =>
    expand('figure4', fullScale, world).find(({ rowId }) => rowId === id)!.experiment as TrialExperiment;
  expect(at('cut-0.25').training!.answers).toEqual(at('dpo-0.25').training!.answers);
  expect(at('cut-0.25').training!.instructions).toBe(Math.round(fullScale.train / 4));
});

it('takes models of three widths for table5, smallest first', () => {
  const trials = expand('table5', fullScale, world).map(({ experiment }) => experiment as TrialExperiment);
  const names = [...new Set(trials.map((trial) => trial.model.name))];
  expect(names).toEqual(tableSizes.map((size) => `width ${size}`));
  expect(names).toHaveLength(3);
  for (const { model: own, training } of trials) if (training) expect(training.answers.model).toBe(own);
});

it("scores held-out rows of a user's data instead, with the defaults of align", () => {
  const rows = expand('table4', fullScale, data).map(({ rowId, experiment }) => ({
    rowId,
    experiment: experiment as HeldOutExperiment,
  }));
  expect(rows[0]!.experiment.training).toBeNull();
  const [first, none] = expand('figure7', fullScale, data).map(
    ({ experiment }) => experiment as HeldOutExperiment,
  );
  expect(first!.training).toBeNull();
  expect(none!.training!.settings).toMatchObject({ method: 'cut', downsample: 0 });
  const without = rows.find(({ rowId }) => rowId === 'without-l1')!.experiment.training!;
  expect(without).toEqual({ share: 1, settings: { method: 'cut', l1: false, warmupSteps: 0.1 }, seed: 1 });
});

it('tries as many points for every method, and tuned settings are points of the grid or a start', () => {
  for (const train of [20, 60, 250])
    expect(new Set(suiteMethods.map((method) => gridOf(method, train).length))).toEqual(new Set([12]));
  for (const method of suiteMethods) {
    expect(settingsOf(method, 250)).toMatchObject({ method, batchSize: 8, ...tunedAt[250]!.methods[method] });
    expect(settingsOf(method, 250, { learningRate: 1 }).learningRate).toBe(1);
  }
});
