// The order in which cells are computed, with stand-in runners.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCells } from './cells.ts';
import type { CellStore } from './cells.ts';
import type { AnswersExperiment, Experiment, Model, Result, TrialExperiment } from './experiment.ts';
import type { Runner, ScheduleEvent } from './schedule.ts';
import { computeCells } from './schedule.ts';

const model: Model = { name: 'model', fingerprint: 'abc' };
const answersOf = (seed: number): AnswersExperiment => ({
  kind: 'answers',
  model,
  tasks: { split: 'train', count: 10, seed },
  responses: 1,
  seed,
});
const trialOf = (seed: number, lambda: number): TrialExperiment => ({
  kind: 'trial',
  model,
  training: { answers: answersOf(seed), instructions: 10, settings: { lambda }, seed },
  tests: { split: 'test', count: 5, seed: 0 },
  praised: false,
});

let out: string;
let cells: CellStore;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'schedule-'));
  cells = await openCells(out, { suiteVersion: 1, whetstone: '0.1.0', world: 'w' });
});
afterEach(() => rm(out, { recursive: true, force: true }));

/** Notes what it runs; each experiment takes a turn of the event loop or more. */
function standIn(log: string[], fail?: (experiment: Experiment) => boolean): Runner {
  return {
    run: async <E extends Experiment>(experiment: E) => {
      log.push(experiment.kind);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (fail?.(experiment)) throw new Error('out of luck');
      const result: unknown =
        experiment.kind === 'answers'
          ? { answers: [] }
          : { plain: '10101', praised: null, answers: [], training: null };
      return result as Result<E>;
    },
    stop: () => Promise.resolve(),
  };
}

it('computes needs first and once, on one runner and on three', async () => {
  const experiments = [trialOf(1, 1.1), trialOf(1, 1.2), trialOf(2, 1.1), trialOf(2, 1.1)];
  for (const count of [1, 3]) {
    await rm(cells.dir, { recursive: true });
    cells = await openCells(out, { suiteVersion: 1, whetstone: '0.1.0', world: 'w' });
    const log: string[] = [];
    const runners = Array.from({ length: count }, () => standIn(log));
    const done = await computeCells(experiments, { cells, runners });
    expect([...log].sort()).toEqual(['answers', 'answers', 'trial', 'trial', 'trial']);
    expect(log[0]).toBe('answers');
    for (const experiment of experiments) expect(done.has(cells.keyOf(experiment))).toBe(true);
  }
});

it('goes on where it stopped, and says what is done', async () => {
  const log: string[] = [];
  await computeCells([trialOf(1, 1.1)], { cells, runners: [standIn(log)] });
  const events: ScheduleEvent[] = [];
  log.length = 0;
  await computeCells([trialOf(1, 1.1), trialOf(1, 1.2)], {
    cells,
    runners: [standIn(log)],
    onEvent: (event) => events.push(event),
  });
  expect(log).toEqual(['trial']);
  expect(events[0]).toEqual({ kind: 'plan', total: 3, cached: 2 });
  expect(events.at(-1)).toMatchObject({ kind: 'end', done: 3, total: 3, secondsLeft: 0 });
});

it('computes a damaged cell again and says so', async () => {
  const log: string[] = [];
  await computeCells([trialOf(1, 1.1)], { cells, runners: [standIn(log)] });
  await writeFile(join(cells.dir, `${cells.keyOf(trialOf(1, 1.1))}.json`), '{"half": ');
  const events: ScheduleEvent[] = [];
  log.length = 0;
  await computeCells([trialOf(1, 1.1)], {
    cells,
    runners: [standIn(log)],
    onEvent: (event) => events.push(event),
  });
  expect(log).toEqual(['trial']);
  expect(events[0]).toMatchObject({
    kind: 'damaged',
    message: expect.stringContaining('not a whole cell') as string,
  });
});

it('keeps what was computed when something fails, and begins nothing new', async () => {
  const log: string[] = [];
  const experiments = [trialOf(1, 1.1), trialOf(1, 1.2), trialOf(1, 1.3)];
  const failing = standIn(
    log,
    (experiment) => experiment.kind === 'trial' && experiment.training!.settings.lambda === 1.2,
  );
  await expect(computeCells(experiments, { cells, runners: [failing] })).rejects.toThrow('out of luck');
  expect(log).toEqual(['answers', 'trial', 'trial']);
  expect(await cells.read(experiments[0]!)).toHaveProperty('result');
  expect(await cells.read(experiments[2]!)).toBeNull();
});

it('lets a runner that waits for another end when that one fails', async () => {
  const log: string[] = [];
  const failing = (): Runner => standIn(log, ({ kind }) => kind === 'answers');
  const running = computeCells([trialOf(1, 1.1)], { cells, runners: [failing(), failing()] });
  await expect(running).rejects.toThrow('out of luck');
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  const running = computeCells([trialOf(1, 1.1), trialOf(2, 1.1)], {
    cells,
    runners: [standIn([])],
    signal: stop.signal,
    onEvent: (event) => event.kind === 'end' && stop.abort(),
  });
  await expect(running).rejects.toThrow(/abort/i);
});
