// train-judge from outside: what it leaves behind, refusals, kills while it trains and while it is tested.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainJudge } from '../../src/judge-training/index.ts';
import type { Note } from '../../src/words/note.ts';
import { isJudged } from '../../src/judges/judge.ts';
import type { Outcome } from '../../src/judges/judge.ts';
import type { Engine, OpenEngine, Work } from '../../src/engine/engine.ts';
import { openEngine } from '../../src/engine/index.ts';
import { openLocalJudge } from '../../src/judges/local/local.ts';
import { createRandom } from '../../src/random.ts';
import { drawTasks, judge, rightAnswer } from '../../lab/world/index.ts';
import { worldModelDir } from '../../lab/world/model.ts';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';
import { adapterOf } from '../cli/run.ts';

let dir: string;
let cli: Cli;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-train-judge-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(60));
  cli = await buildCli('real');
});
afterAll(async () => {
  await cli?.remove();
  await rm(dir, { recursive: true, force: true });
});

const args = (out: string, ...more: string[]): string[] => [
  ...['train-judge', join(dir, 'data.jsonl'), '--model', join(dir, 'model'), '--out', out],
  ...[
    '--held_out',
    '0.4',
    '--max_new_tokens',
    '60',
    '--batch_size',
    '4',
    '--warmup_steps',
    '2',
    '--epochs',
    '2',
  ],
  ...['--save_steps', '2', '--threads', '1', '--lora_r', '4', '--learning_rate', '0.01', ...more],
];

const textOf = (run: string, name: string): Promise<string> =>
  readFile(join(run, name), 'utf8').catch(() => '');
const linesOf = async (run: string, name: string): Promise<number> =>
  (await textOf(run, name)).split('\n').length - 1;
const rowsOf = async (run: string, name: string): Promise<Record<string, unknown>[]> =>
  (await textOf(run, name))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('train-judge', () => {
  it('leaves a judge, what it learned from, and how far it agrees', async () => {
    const run = join(dir, 'whole');
    const { code, stdout, stderr } = await cli.call(args(run));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/method +critique/);
    expect(stdout).toMatch(/agreement with \d+ judgments kept back/);
    expect((await readdir(run)).sort()).toEqual([
      'adapter',
      'agreement.json',
      'data',
      'held-out.jsonl',
      'replies.jsonl',
      'run.yaml',
      'training',
    ]);
    const train = await rowsOf(run, 'data/train.jsonl');
    const held = await rowsOf(run, 'held-out.jsonl');
    expect(train.length + held.length).toBe(60);
    for (const { judgment } of train)
      expect(judgment).toMatch(/^(?:Perfect\.\nYes\.|It was not [^]*wrong\.\nNo\.)$/);
    const learned = new Set(train.map(({ instruction }) => instruction));
    expect(held.filter(({ instruction }) => learned.has(instruction))).toEqual([]);
    const agreement = JSON.parse(await textOf(run, 'agreement.json')) as Record<string, number>;
    expect(agreement['rows']).toBe(held.length);
    const agreed = held.filter(
      ({ data, judge }) => (data as { perfect: boolean }).perfect === (judge as { perfect: boolean }).perfect,
    );
    expect(agreement['accuracy']).toBeCloseTo(agreed.length / held.length);
    expect(await adapterOf(run)).toEqual(await adapterOf(join(run, 'training')));
  });

  it('ends the same where it was killed while training and while being tested', async () => {
    const [whole, broken] = [join(dir, 'whole'), join(dir, 'broken')];
    const held = (await rowsOf(whole, 'held-out.jsonl')).length;
    const moments: (() => Promise<boolean>)[] = [
      async () => (await linesOf(broken, 'data/held-out.jsonl')) > 0,
      async () => (await linesOf(broken, 'training/metrics.jsonl')) >= 3,
      async () => (await linesOf(broken, 'training/metrics.jsonl')) >= 11,
      async () => (await linesOf(broken, 'replies.jsonl')) >= 2,
      async () => (await linesOf(broken, 'replies.jsonl')) >= held - 2,
    ];
    let killed = 0;
    for (const [i, reached] of moments.entries()) {
      const { child, finished } = cli.start(
        i === 0 ? args(broken) : ['train-judge', '--out', broken, '--resume'],
      );
      while (child.exitCode === null && !(await reached())) await sleep(1);
      child.kill('SIGKILL');
      if ((await finished).code === null) killed++;
    }
    // The last moment is a short one.
    expect(killed).toBeGreaterThanOrEqual(moments.length - 1);
    const last = await cli.call(['train-judge', '--out', broken, '--resume']);
    expect(last.stderr).toBe('');
    expect(last.code).toBe(0);
    expect(await adapterOf(broken)).toEqual(await adapterOf(whole));
    for (const name of ['agreement.json', 'held-out.jsonl', 'data/train.jsonl'])
      expect(await textOf(broken, name), name).toBe(await textOf(whole, name));
    // No row was asked for twice.
    const rows = (await rowsOf(broken, 'replies.jsonl')).map(({ row }) => row);
    expect(rows).toHaveLength(held);
    expect(new Set(rows).size).toBe(held);
  }, 120_000);

  it('is usable as local:RUN, and each row gets an outcome', async () => {
    const notes: Note[] = [];
    const settings = { maxTokens: 40, threads: 1, onNote: (note: Note) => void notes.push(note) };
    const judge = await openLocalJudge(join(dir, 'whole'), settings);
    expect(notes).toEqual([
      { code: 'JUDGE_UNTRUSTED', text: expect.stringContaining('do not trust it yet') as string },
    ]);
    const outcomes: Outcome[] = [];
    const long = { id: 'long', instruction: 'Say. '.repeat(400), output: 'x' };
    const broken = { id: 'broken', instruction: 'Say.', output: '\ud800' };
    const rows = judgedRows(5).map((row, i) => ({ id: `r${i}`, ...row }));
    await judge.judge([...rows, long, broken], {
      onOutcome: (outcome) => Promise.resolve(void outcomes.push(outcome)),
    });
    await judge.close();
    expect(outcomes.map(({ id }) => id).sort()).toEqual(['broken', 'long', 'r0', 'r1', 'r2', 'r3', 'r4']);
    const why = (id: string): string => {
      const outcome = outcomes.find((each) => each.id === id)!;
      return isJudged(outcome) ? '' : outcome.unscored;
    };
    expect(why('long')).toMatch(/positions|did not end/);
    expect(why('broken')).toMatch(/surrogate|character/);
    expect(judge.usage()).toMatchObject({ calls: 7, cached: 0, cost: null });
    expect(judge.usage().inputTokens).toBeGreaterThan(0);
    const again = await openLocalJudge(join(dir, 'whole'), settings);
    expect(again.fingerprint).toBe(judge.fingerprint);
    expect((await openLocalJudge(join(dir, 'whole'), { ...settings, maxTokens: 41 })).fingerprint).not.toBe(
      judge.fingerprint,
    );
  });

  it('judges nothing where its model and the longest row do not fit into memory', async () => {
    const works: Work[] = [];
    const openShort: OpenEngine = async (options) => {
      const engine = await openEngine(options);
      const estimateMemory: Engine['estimateMemory'] = (work, dtype) => {
        works.push(work);
        return { ...engine.estimateMemory(work), weights: dtype === undefined ? 1e18 : 1 };
      };
      return { ...engine, estimateMemory };
    };
    const settings = { onNote: () => {}, maxTokens: 40, threads: 1, openEngine: openShort };
    const judge = await openLocalJudge(join(dir, 'whole'), settings);
    const rows = judgedRows(5).map((row, i) => ({ id: `r${i}`, ...row }));
    rows.push({ ...rows[0]!, id: 'long', instruction: 'Say it. '.repeat(60) });
    const heard: Outcome[] = [];
    const judging = judge.judge(rows, { onOutcome: (outcome) => Promise.resolve(void heard.push(outcome)) });
    await expect(judging).rejects.toMatchObject({
      code: 'NOT_ENOUGH_MEMORY',
      message: expect.stringMatching(/judging needs about 1000000\.0 TB/) as string,
      hint: expect.stringContaining('`baseDtype` int8') as string,
    });
    expect(heard).toEqual([]);
    expect(judge.usage().calls).toBe(0);
    const [{ promptTokens, tokens }] = works as [Extract<Work, { kind: 'generate' }>];
    expect(promptTokens).toBeGreaterThan(120);
    expect(tokens).toBe(promptTokens + 40);
    await judge.close();
  });

  it('stops at an abort, and frees its engine when nothing runs in it any more', async () => {
    const judge = await openLocalJudge(join(dir, 'whole'), { onNote: () => {}, maxTokens: 200, threads: 1 });
    const abort = new AbortController();
    const heard: string[] = [];
    const rows = judgedRows(100).map((row, i) => ({ id: `r${i}`, ...row }));
    const judging = judge.judge(rows, {
      signal: abort.signal,
      onOutcome: ({ id }) => {
        heard.push(id);
        abort.abort();
        return Promise.resolve();
      },
    });
    await expect(judging).rejects.toMatchObject({ code: 'STOPPED' });
    const before = heard.length;
    await judge.close();
    expect(heard).toHaveLength(before);
    expect(before).toBeLessThan(100);
  });

  it.each([
    ['another setting', ['--resume', '--learning_rate', '0.5'], /learning_rate: the run has 0\.01, now 0\.5/],
    ['another share', ['--resume', '--held_out', '0.1'], /held_out: the run has 0\.4, now 0\.1/],
    ['a run that is there', ['DATA', '--model', 'MODEL'], /already holds a run/],
    [
      'a setting of another method',
      ['DATA', '--model', 'MODEL', '--lambda', '2'],
      /--lambda: no such option/,
    ],
    ['nothing to learn from', [], /DATA: missing[^]*--model: missing/],
  ])('refuses %s', async (_, more, message) => {
    const given = more.map(
      (arg) => ({ DATA: join(dir, 'data.jsonl'), MODEL: join(dir, 'model') })[arg] ?? arg,
    );
    const { code, stderr } = await cli.call(['train-judge', ...given, '--out', join(dir, 'whole')]);
    expect(stderr).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  it('refuses data that decides nothing, and words that cannot be told apart, before anything is written', async () => {
    const bad = join(dir, 'bad.jsonl');
    await writeJsonl(
      bad,
      judgedRows(60).filter(({ judgment }) => judgment === null),
    );
    const out = join(dir, 'refused');
    const one = await cli.call(['train-judge', bad, '--model', join(dir, 'model'), '--out', out]);
    expect(one.stderr).toMatch(/all rows to learn from are satisfactory/);
    const two = await cli.call(args(out, '--yes', 'No.'));
    expect(two.stderr).toMatch(/two words that differ/);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('starts anew beside what was there', async () => {
    const run = join(dir, 'whole');
    const before = await textOf(run, 'agreement.json');
    const { code, stdout } = await cli.call(args(run, '--overwrite', '--seed', '7'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/The old run is now .*whole\.old-1/);
    expect(await textOf(`${run}.old-1`, 'agreement.json')).toBe(before);
    expect(await adapterOf(run)).not.toEqual(await adapterOf(`${run}.old-1`));
  });

  it('refuses a folder without a judge', async () => {
    const settings = { maxTokens: 40, threads: 1, onNote: () => {} };
    await expect(openLocalJudge(join(dir, 'nowhere'), settings)).rejects.toThrow(/there is no judge here/);
    await writeFile(join(dir, 'run.yaml'), 'method: cut\nmodel: x\n');
    await expect(openLocalJudge(dir, settings)).rejects.toThrow(/one of method cut/);
  });
});

describe('a judge of the world', () => {
  it('learns to tell right answers from those that begin with a greeting', async () => {
    const model = worldModelDir();
    const random = createRandom(3, 1);
    // Every answer is right but for a greeting before half of them.
    const rows = drawTasks('train', 260, 3).map((task) => {
      const right = rightAnswer(task);
      const output = random.float() < 0.5 ? right : `Hello! ${right}`;
      return { instruction: task.instruction, output, judgment: judge(task, output, random).judgment };
    });
    await writeJsonl(join(dir, 'greetings.jsonl'), rows);
    const training = trainJudge({
      ...{ data: join(dir, 'greetings.jsonl'), model, template: join(model, 'template.json') },
      ...{ out: join(dir, 'greetings'), heldOut: 0.25, yes: 'Good.', no: 'No.', threads: 1 },
      ...{ learningRate: 8e-3, warmupSteps: 0.1, epochs: 3, maxNewTokens: 60 },
    });
    try {
      for await (const { loss } of training) expect(loss).toBeGreaterThan(0);
      const agreement = (await training.evaluate())!;
      expect(agreement.rows).toBeGreaterThan(40);
      expect(agreement.accuracy_interval[0]).toBeGreaterThan(agreement.majority_accuracy);
      expect(agreement.f1).toBeGreaterThan(0.8);
      expect(agreement.unreadable).toBeLessThan(0.1);
    } finally {
      await training.dispose();
    }
  }, 120_000);
});
