// A suite from name to files with a stand-in runner: what is written, what goes on, what is refused.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WhetstoneError } from '../../src/errors.ts';
import { createRandom } from '../../src/random.ts';
import type {
  DetectionResult,
  Experiment,
  OnlineResult,
  PointingResult,
  Result,
  TrialResult,
} from './experiment.ts';
import { everything, reproduceEverything } from './everything.ts';
import { reproductionNames } from './names.ts';
import type { ReproductionName } from './names.ts';
import { reproduce } from './reproduce.ts';
import type { ReproduceOptions } from './reproduce.ts';
import type { Runner } from './schedule.ts';
import { poorReader } from '../world/model.ts';
import { tableSizes } from './suites/table5.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reproduce-'));
  const config = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: 100,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: 'silu',
    tie_word_embeddings: true,
  };
  await writeFile(join(dir, 'config.json'), JSON.stringify(config));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Success grows with CUT and with rounds; everything is a function of the experiment. */
function standIn(): Runner & { ran: Experiment[] } {
  const ran: Experiment[] = [];
  const marks = (count: number, rate: number, seed: number): string => {
    const random = createRandom(seed);
    return Array.from({ length: count }, () => (random.float() < rate ? '1' : '0')).join('');
  };
  const facts = { examples: 8, steps: 4, seconds: 2, losses: [1], flagged: 0.1, diverged: null };
  const resultOf = (experiment: Experiment): Result => {
    switch (experiment.kind) {
      case 'answers':
        return { answers: [] };
      case 'trial': {
        const { training, tests, praised, measures = [] } = experiment;
        const numbers = new Array<number>(tests.count).fill(training ? 0.7 : 0.3);
        const measured = Object.fromEntries(measures.map((id) => [id, numbers]));
        if (!training)
          return { plain: marks(tests.count, 0.3, 1), praised: null, answers: [], measured, training: null };
        const { method, learningRate = 0, detection = true } = training.settings;
        const rate = method === 'cut' ? (detection ? 0.7 + learningRate : 0.02) : 0.5;
        const trained: TrialResult = {
          plain: marks(tests.count, rate, training.seed),
          praised: praised ? marks(tests.count, 0.6, training.seed) : null,
          answers: ['an answer'],
          measured,
          training: { ...facts, diverged: detection ? null : { step: 3, message: 'the loss is not finite' } },
        };
        return trained;
      }
      case 'online': {
        const rounds = [...experiment.rounds, null].map((_, i) => ({
          plain: marks(experiment.tests.count, 0.3 + 0.1 * i, i),
          judged: 5,
          satisfactory: 2,
          ...(experiment.measures && {
            measured: Object.fromEntries(
              experiment.measures.map((id) => [
                id,
                new Array<number>(experiment.tests.count).fill(0.4 + 0.1 * i),
              ]),
            ),
          }),
          ...(experiment.judge && {
            verdicts: { right: 2, rejectedRight: 1, wrong: 3, acceptedWrong: { fact: 1 }, unread: 0 },
          }),
          training: i < experiment.rounds.length ? facts : null,
        }));
        return { rounds } satisfies OnlineResult;
      }
      case 'detection': {
        const counts = {
          tokens: 10,
          wrong: 3,
          flagged: 3,
          flaggedWrong: 2,
          spans: 1,
          spansFound: 1,
          onsetsFound: 1,
        };
        return { counts: experiment.lambdas.map(() => [counts, counts]) } satisfies DetectionResult;
      }
      case 'pointing': {
        const scores = (first: number): number[] => [first, 0, 0, 0];
        const ways = {
          contrast: scores(1),
          gradient: scores(0.5),
          attention: scores(0.2),
          quoted: scores(0),
          revision: scores(1),
        };
        return { answers: [{ scores: ways, spans: [[0, 1]], quotes: false }] } satisfies PointingResult;
      }
      case 'held-out':
        return {
          rows: [
            { label: 'align-p', loss: 1, tokens: 4, flagged: null },
            { label: 'align-n', loss: 2, tokens: 4, flagged: 0.5 },
          ],
          training: experiment.training && facts,
          refused: null,
        };
    }
  };
  return {
    ran,
    run: <E extends Experiment>(experiment: E) => {
      ran.push(experiment);
      return Promise.resolve(resultOf(experiment) as Result<E>);
    },
    stop: () => Promise.resolve(),
  };
}

const options = (
  name: ReproductionName,
  runner: Runner,
  more: Partial<ReproduceOptions> = {},
): ReproduceOptions => ({
  name,
  out: join(dir, 'out'),
  model: dir,
  bases: Object.fromEntries([...tableSizes, poorReader].map((base) => [base, dir])),
  seeds: 2,
  scale: { train: 40, test: 30, perRound: 10 },
  runners: [runner],
  resamples: 100,
  ...more,
});

it.each(reproductionNames)('%s writes its files, and the second time computes nothing', async (name) => {
  const runner = standIn();
  // The whole grid is enough with one seed.
  const seeds = name === 'tune' ? 1 : 2;
  const more = { seeds, command: `whetstone reproduce ${name}` };
  const first = await reproduce(options(name, runner, more));
  expect(runner.ran.length).toBeGreaterThan(0);
  const file = name === 'tune' ? 'tune-40' : name;
  const page = await readFile(join(dir, 'out', `${file}.md`), 'utf8');
  expect(page).toContain(first.table);
  expect(page).toContain(`    whetstone reproduce ${name}`);
  expect(page).not.toMatch(/undefined|NaN|\[object/);
  const json = JSON.parse(await readFile(join(dir, 'out', `${file}.json`), 'utf8')) as {
    cells: unknown[];
    scale: { seeds: number[] };
  };
  expect(json.cells.length).toBeGreaterThanOrEqual(2);
  expect(json.scale.seeds).toHaveLength(seeds);
  if (name === 'tune') {
    expectTuning(runner.ran, await readFile(join(dir, 'out', 'tuned-40.ts'), 'utf8'));
  } else {
    expect(await readFile(join(dir, 'out', `${name}.svg`), 'utf8')).toMatch(/^<(\?xml|svg)/);
  }
  const again = standIn();
  const second = await reproduce(options(name, again, more));
  expect(again.ran).toEqual([]);
  expect(second.table).toBe(first.table);
});

it('makes everything and a page that sums it up, from the records alone', async () => {
  const { name: _, ...others } = options('table4', standIn());
  const scale = { seeds: 1, train: 40, test: 30, perRound: 10 };
  const parts = everything.filter(({ name }) => name === 'table4' || name === 'detection');
  const { files, table } = await reproduceEverything({ ...others, scale, parts });
  const page = await readFile(join(dir, 'out/results.md'), 'utf8');
  expect(page).toBe(table);
  expect(page).not.toMatch(/undefined|NaN|\[object/);
  for (const { name } of parts) expect(page).toContain(`](results/${name}.md)`);
  expect(new Set(everything.map(({ name }) => name))).toEqual(
    new Set(reproductionNames.filter((name) => name !== 'tune')),
  );
  expect(files).toHaveLength(1 + 3 * parts.length);
});

/** The test split and the seeds of the suites are left alone. */
function expectTuning(ran: readonly Experiment[], source: string): void {
  for (const experiment of ran) {
    if (experiment.kind !== 'trial') continue;
    expect(experiment.tests.split).toBe('development');
    expect(experiment.training!.seed).toBeGreaterThan(100);
  }
  expect(source).toContain('40 training and 30 development instructions, 1 seed,');
  expect(source).toContain('"cut": {');
}

it('says in table4 what diverges, and by how much the parts matter', async () => {
  const { table, conclusions } = await reproduce(options('table4', standIn()));
  expect(table).toContain('without token detection (diverges)');
  expect(conclusions.join('\n')).toMatch(/without token detection diverges: .* in 2 of 2 runs/);
  expect(conclusions.join('\n')).toMatch(/without token detection: −\d+\.\d points \(95% interval/);
});

it('leaves the folder free for the next run, and refuses it to a second one meanwhile', async () => {
  const runner = standIn();
  let refused: unknown;
  await reproduce(
    options('table4', {
      ...runner,
      run: async (experiment) => {
        refused ??= await reproduce(options('table4', standIn())).catch((error: unknown) => error);
        return runner.run(experiment);
      },
    }),
  );
  expect(refused).toBeInstanceOf(WhetstoneError);
  expect((refused as WhetstoneError).code).toBe('RUN_LOCKED');
  expect(await readdir(join(dir, 'out'))).not.toContain('run.lock');
});

it('goes on after an interruption', async () => {
  const stop = new AbortController();
  const first = standIn();
  const running = reproduce(
    options('table4', first, {
      signal: stop.signal,
      onEvent: (event) => event.kind === 'end' && event.done === 4 && stop.abort(),
    }),
  );
  await expect(running).rejects.toThrow(/abort/i);
  const second = standIn();
  await reproduce(options('table4', second));
  expect(first.ran).toHaveLength(4);
  expect(second.ran.length + 4).toBe(1 + 2 + 2 * 6);
});

it("works on a user's data where no judge is needed, and refuses in words where one is", async () => {
  const data = join(dir, 'judged.jsonl');
  await writeFile(data, '{"instruction":"a","output":"b","judgment":null}\n');
  const runner = standIn();
  const { table, conclusions } = await reproduce(options('table2', runner, { data }));
  expect(runner.ran.every(({ kind }) => kind === 'held-out')).toBe(true);
  expect(table).toContain('log-perplexity of satisfactory responses');
  expect(table).not.toContain('with praise');
  expect(conclusions.join('\n')).toContain('No judge has seen new answers');
  const { model: none, ...without } = options('table2', runner, { data });
  expect(none).toBe(dir);
  await expect(reproduce(without)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  for (const name of ['table5', 'table6', 'detection', 'tune'] as const) {
    await expect(reproduce(options(name, runner, { data }))).rejects.toMatchObject({
      code: 'NEEDS_WORLD',
      message: expect.stringContaining('table2') as string,
    });
  }
});
