// Child processes that compute experiments: results, errors and sudden ends, with a stand-in for the other side.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AnswersExperiment } from './experiment.ts';
import type { BenchSetup } from './open-bench.ts';
import { inChild } from './workers.ts';
import type { Runner } from './schedule.ts';

// The seed of the experiment says what becomes of it.
const otherSide = `
let setup;
process.on('message', ({ kind, setup: given, experiment }) => {
  if (kind === 'setup') return void (setup = given);
  if (experiment.seed === 1) return void process.send({ kind: 'result', result: { answers: [setup.out, process.argv[2]] } });
  if (experiment.seed === 2) return void process.send({ kind: 'error', code: 'NOTHING_TO_LEARN', message: 'no rows', stack: '' });
  if (experiment.seed === 3) return void process.send({ kind: 'error', code: null, message: 'a fault', stack: 'Error: a fault at there' });
  if (experiment.seed === 4) process.exit(7);
});
process.once('disconnect', () => process.exit(0));
`;
const setup: BenchSetup = {
  out: '/somewhere/',
  surroundings: { suiteVersion: 1, whetstone: '0', world: 'w' },
  models: {},
  template: 'alpaca',
  data: null,
  threads: 1,
};
const experiment = (seed: number): AnswersExperiment => ({
  kind: 'answers',
  model: { name: 'model', fingerprint: 'abc' },
  tasks: { split: 'train', count: 1, seed: 1 },
  responses: 1,
  seed,
});

let dir: string;
let runner: Runner;
let stop: AbortController;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'workers-'));
  const file = join(dir, 'worker.mjs');
  await writeFile(file, otherSide);
  stop = new AbortController();
  runner = inChild({ file, args: ['here'] }, setup, stop.signal);
});
afterEach(async () => {
  await runner.stop();
  await rm(dir, { recursive: true, force: true });
});

it('gives back results, one after another, and errors with their codes', async () => {
  const expected = { answers: ['/somewhere/', 'here'] };
  expect(await runner.run(experiment(1))).toEqual(expected);
  await expect(runner.run(experiment(2))).rejects.toMatchObject({
    code: 'NOTHING_TO_LEARN',
    message: 'no rows',
  });
  await expect(runner.run(experiment(3))).rejects.toMatchObject({ stack: 'Error: a fault at there' });
  expect(await runner.run(experiment(1))).toEqual(expected);
});

it('says that a process died, at once and whenever it is asked again', async () => {
  await expect(runner.run(experiment(4))).rejects.toMatchObject({
    code: 'WORKER_DIED',
    message: expect.stringContaining('exit code 7') as string,
  });
  await expect(runner.run(experiment(1))).rejects.toMatchObject({ code: 'WORKER_DIED' });
});

it('ends what is under way when told to stop', async () => {
  const running = runner.run(experiment(5));
  setTimeout(() => stop.abort(), 50);
  await expect(running).rejects.toThrow(/abort/i);
});
