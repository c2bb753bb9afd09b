// Online runs with a scripted judge and the stand-in engine: what they learn from, when they stop, how they go on.
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { alignOnline } from '../../src/alignment/online/online.ts';
import type { OnlineOptions, OnlineResult } from '../../src/alignment/online/online.ts';
import type { OnlineProgress } from '../../src/alignment/online/progress.ts';
import { methodNames } from '../../src/alignment/methods.ts';
import { WhetstoneError } from '../../src/errors.ts';
import type { Judge, JudgeRequest } from '../../src/judges/judge.ts';
import { scriptedJudge } from '../../src/judges/scripted-judge.test-helper.ts';
import type { ScriptedJudge } from '../../src/judges/scripted-judge.test-helper.ts';
import { readTriplets } from '../../src/judgments/index.ts';
import { openFakeEngine } from '../cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';

let dir: string;
let count = 0;
let out: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-online-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(
    join(dir, 'tasks.jsonl'),
    judgedRows(40).map(({ instruction }, i) => ({ instruction, id: `task-${i}` })),
  );
  await writeJsonl(join(dir, 'mix.jsonl'), judgedRows(4));
});
afterAll(() => rm(dir, { recursive: true, force: true }));
beforeEach(() => (out = join(dir, `run-${count++}`)));

const openEngine = openFakeEngine();

/** Every second response is wrong, by its instruction. */
const number = ({ instruction }: JudgeRequest): number => Number(/\d+/.exec(instruction)![0]);
const everySecond = (): ScriptedJudge =>
  scriptedJudge((request) => (number(request) % 2 === 0 ? null : 'It is wrong.'));

const options = (judgeWith: Judge, given: Partial<OnlineOptions> = {}): OnlineOptions => ({
  ...{ model: join(dir, 'model'), instructions: join(dir, 'tasks.jsonl'), judge: 'cmd:none', out },
  ...{ rounds: 2, perRound: 10, evalSize: 5, batchSize: 4, maxNewTokens: 8, warmupSteps: 0 },
  // The engine's responses are the same after every round.
  ...{ openEngine, judgeWith, cacheJudgments: false },
  ...given,
});

async function runOnline(given: OnlineOptions): Promise<OnlineResult> {
  const run = alignOnline(given);
  try {
    return await run.run();
  } finally {
    await run.dispose();
  }
}
const failure = async (given: OnlineOptions): Promise<WhetstoneError> => {
  const error: unknown = await runOnline(given).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WhetstoneError);
  return error as WhetstoneError;
};
const rowsOf = async (
  round: number,
  name = 'judged',
): Promise<{ instruction: string; output: string; judgment: string | null; id?: unknown }[]> => [
  ...(await readTriplets(join(out, 'rounds', String(round), `${name}.jsonl`))).triplets,
];

describe('an online run', () => {
  it('responds, judges, trains from the adapter before, and evaluates', async () => {
    const judge = everySecond();
    const told: OnlineProgress[] = [];
    const { before, rounds, adapter } = await runOnline(options(judge, { on: (each) => told.push(each) }));
    expect(before).toMatchObject({ unscored: 0 });
    expect(rounds.map(({ round }) => round)).toEqual([1, 2]);
    for (const { satisfactory, unsatisfactory, unscored, trainedRows, steps, evaluation } of rounds) {
      expect(satisfactory + unsatisfactory + unscored).toBe(10);
      expect(trainedRows).toBe(unsatisfactory + Math.min(satisfactory, Math.floor(unsatisfactory / 4)));
      expect(steps).toBe(Math.ceil(trainedRows / 4));
      expect(evaluation!.satisfactory + evaluation!.unsatisfactory).toBe(5);
      expect(evaluation!.successRate).toBe(evaluation!.satisfactory / 5);
    }
    expect(judge.asked).toHaveLength(2 * 10 + 3 * 5);
    // No instruction twice, none that is held out.
    const held = (await rowsOf(0, 'held-out')).map(({ id }) => id);
    const first = await rowsOf(1);
    const used = [...first, ...(await rowsOf(2))].map(({ id }) => id);
    expect(new Set([...held, ...used]).size).toBe(25);
    expect((await rowsOf(2, 'held-out')).map(({ id }) => id)).toEqual(held);
    for (const { id, judgment } of first) {
      expect(judgment).toBe(Number(String(id).slice(5)) % 2 === 0 ? null : 'It is wrong.');
    }
    // The published adapter is that of the last round, which began with that of the first.
    const bytes = (path: string): Promise<Buffer> => readFile(join(path, 'adapter_model.safetensors'));
    expect(adapter).toBe(join(out, 'adapter'));
    expect(await bytes(adapter)).toEqual(await bytes(join(out, 'rounds/2/training/adapter')));
    expect(await readFile(join(out, 'rounds/2/training/run.yaml'), 'utf8')).toContain(
      'rounds/1/training/adapter',
    );
    const metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(metrics.map((line) => (JSON.parse(line) as { round: number; step: number }).round)).toEqual(
      rounds.flatMap(({ round, steps }) => new Array<number>(steps).fill(round)),
    );
    expect((await readdir(join(out, 'rounds/1/training'))).sort()).toEqual([
      'adapter',
      'metrics.jsonl',
      'run.yaml',
    ]);
    expect(told.filter(({ kind }) => kind === 'round')).toHaveLength(2);
    expect(told).toContainEqual({ kind: 'judging', round: 1, part: 'training', done: 10, total: 10 });
  });

  it('asks no judge again about what an earlier round had judged, unless told to', async () => {
    const judge = everySecond();
    const { rounds } = await runOnline(options(judge, { cacheJudgments: true }));
    expect(judge.asked).toHaveLength(2 * 10 + 2 * 5);
    expect(rounds[1]!.evaluation).toEqual(rounds[0]!.evaluation);
    const events = (await readFile(join(out, 'events.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; cached?: boolean });
    expect(events.filter(({ cached }) => cached)).toHaveLength(5);
    const judged = async (round: number): Promise<unknown[]> =>
      (await rowsOf(round, 'held-out')).map(({ output, judgment }) => [output, judgment]);
    expect(await judged(2)).toEqual(await judged(1));

    out = `${out}-again`;
    const again = everySecond();
    await runOnline(options(again, { cacheJudgments: false }));
    expect(again.asked).toHaveLength(2 * 10 + 3 * 5);
  });

  it('asks again about what had no judgment', async () => {
    const times = new Map<number, number>();
    const judge = scriptedJudge((request) => {
      const time = (times.get(number(request)) ?? 0) + 1;
      times.set(number(request), time);
      // Held-out instructions, after the first round.
      if (time === 2) return { unscored: 'no answer' };
      return number(request) % 2 === 0 ? null : 'It is wrong.';
    });
    await runOnline(options(judge, { cacheJudgments: true, maxUnscored: 1 }));
    expect(judge.asked).toHaveLength(2 * 10 + 3 * 5);
  });

  it('is done when it is done, and can be lengthened', async () => {
    const first = everySecond();
    const result = await runOnline(options(first));
    // What a kill may leave behind.
    await mkdir(join(out, 'rounds/2/training/checkpoints/step-1'), { recursive: true });
    await writeFile(join(out, 'rounds/1/.judged.jsonl.tmp-99'), 'half');
    const again = everySecond();
    expect(await runOnline({ out, resume: true, judgeWith: again, openEngine })).toEqual(result);
    expect(again.asked).toEqual([]);
    expect(await readdir(join(out, 'rounds/2/training'))).not.toContain('checkpoints');
    expect(await readdir(join(out, 'rounds/1'))).not.toContain('.judged.jsonl.tmp-99');
    const longer = await runOnline({ out, resume: true, rounds: 3, judgeWith: again, openEngine });
    expect(longer.rounds.slice(0, 2)).toEqual(result.rounds);
    expect(longer.rounds).toHaveLength(3);
    expect(again.asked).toHaveLength(15);
  });

  it('mixes static triplets, keeps rounds, and draws what failed again', async () => {
    const { rounds } = await runOnline(
      options(everySecond(), { mix: join(dir, 'mix.jsonl'), keepRounds: 2, failedShare: 0.5, downsample: 0 }),
    );
    const [one, two] = rounds;
    expect(one!.trainedRows).toBe(one!.unsatisfactory + 4);
    expect(two!.trainedRows).toBe(one!.unsatisfactory + two!.unsatisfactory + 4);
    const failed = new Set((await rowsOf(1)).filter(({ judgment }) => judgment !== null).map(({ id }) => id));
    const again = (await rowsOf(2)).filter(({ id }) => failed.has(id));
    expect(again).toHaveLength(Math.min(5, failed.size));
  });

  it.each(methodNames().filter((name) => !['dpo', 'rltf-sd'].includes(name)))(
    'trains with method %s',
    async (method) => {
      // A praised response beside a rejected one, in words, so that every method finds rows of its kind.
      const judge = scriptedJudge((request) => (number(request) % 2 === 0 ? 'Perfect.' : 'It is wrong.'));
      const { rounds } = await runOnline(options(judge, { method, downsample: null, rounds: 2 }));
      expect(rounds.map(({ steps }) => steps > 0)).toEqual([true, true]);
    },
  );

  it('refuses rltf-sd, whose revisions no round judges, before anything is generated', async () => {
    const error = await failure(options(everySecond(), { method: 'rltf-sd' }));
    expect(error.code).toBe('INVALID_OPTIONS');
    expect(error.message).toContain('a round has one response to each instruction');
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('trains with dpo on static pairs, and refuses it without them before anything is generated', async () => {
    const judge = everySecond();
    const error = await failure(options(judge, { method: 'dpo' }));
    expect(error.code).toBe('INVALID_OPTIONS');
    expect(error.message).toContain('a round has one response to each instruction');
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
    const [row] = judgedRows(1);
    const pairs = join(dir, 'pairs.jsonl');
    await writeJsonl(pairs, [
      { ...row!, judgment: null },
      { ...row!, output: 'nonsense', judgment: 'It is wrong.' },
    ]);
    const { rounds } = await runOnline(options(judge, { method: 'dpo', mix: pairs, rounds: 1 }));
    expect(rounds[0]!.steps).toBeGreaterThan(0);
  });

  it('refuses a template that lacks what the method asks, before anything is generated', async () => {
    const template = join(dir, 'plain-only.json');
    const strings = { plain: '{instruction}\n', with_judgment: '{instruction}\n{judgment}\n' };
    await writeFile(template, JSON.stringify(strings));
    const judge = everySecond();
    for (const method of ['critique', 'ilf-mle', 'self-distillation'] as const) {
      expect(await failure(options(judge, { method, template }))).toMatchObject({ code: 'TEMPLATE_LACKS' });
    }
    expect(judge.asked).toEqual([]);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('ends responses at stop texts, in every session', async () => {
    const judge = everySecond();
    await runOnline(options(judge, { rounds: 1 }));
    const whole = await rowsOf(1);
    const stop = whole[0]!.output.slice(1, 3);
    out = `${out}-stop`;
    await runOnline(options(judge, { rounds: 1, stop: [stop] }));
    await runOnline({ out, resume: true, rounds: 2, judgeWith: judge, openEngine });
    for (const round of [1, 2]) {
      expect((await rowsOf(round)).filter(({ output }) => output.includes(stop))).toEqual([]);
    }
    expect((await rowsOf(1))[0]!.output).toBe(whole[0]!.output.slice(0, whole[0]!.output.indexOf(stop)));
  });

  it('starts from a run or an adapter', async () => {
    await runOnline(options(everySecond(), { rounds: 1 }));
    const warm = out;
    out = join(dir, 'warm');
    await runOnline(options(everySecond(), { rounds: 1, from: warm }));
    expect(await readFile(join(out, 'rounds/1/training/run.yaml'), 'utf8')).toContain(join(warm, 'adapter'));
    out = join(dir, 'nowhere');
    expect(await failure(options(everySecond(), { from: dir }))).toMatchObject({ code: 'ADAPTER' });
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });
});

describe('an online run stops in words', () => {
  it('when its model and the judge do not fit beside each other, before anything is judged or written', async () => {
    const asked: number[] = [];
    const judge = {
      ...everySecond(),
      memory: (promptTokens: number) => Promise.resolve(asked.push(promptTokens) * 1e18),
    };
    const error = await failure(options(judge));
    expect(error).toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
    expect(error.message).toMatch(/the other model 1000000.0 TB/);
    // Instruction and response.
    expect(asked).toEqual([expect.any(Number)]);
    expect(asked[0]).toBeGreaterThan(8);
    await expect(readFile(join(out, 'run.yaml'))).rejects.toThrow(/ENOENT/);
    await failure(options(judge, { rehearse: true }));
    expect(asked).toHaveLength(2);
  });

  it('when nothing was found wrong, and says the same when it is asked again', async () => {
    const judge = scriptedJudge(({ id }) =>
      judge.asked.length <= 15 && Number(id) % 2 ? 'Wrong.' : 'Perfect.',
    );
    const error = await failure(options(judge));
    expect(error.code).toBe('NOTHING_TO_LEARN');
    expect(error.message).toMatch(/round 2: 10 of 10 scored responses are satisfactory/);
    expect(error.message).toContain(join(out, 'adapter'));
    await readFile(join(out, 'adapter/adapter_config.json'));
    const asked = judge.asked.length;
    expect(await failure({ out, resume: true, judgeWith: judge, openEngine })).toMatchObject({
      code: 'NOTHING_TO_LEARN',
    });
    expect(judge.asked).toHaveLength(asked);
  });

  it('when nothing was found wrong, whatever it mixes in', async () => {
    const error = await failure(
      options(
        scriptedJudge(() => null),
        { mix: join(dir, 'mix.jsonl') },
      ),
    );
    expect(error.code).toBe('NOTHING_TO_LEARN');
    expect(error.message).toContain('round 1: 10 of 10 scored responses are satisfactory');
  });

  it('when the judge fails on most rows, and asks for those alone when it goes on', async () => {
    let broken = true;
    const judge = scriptedJudge((request) =>
      broken && judge.asked.length > 8
        ? { unscored: 'no readable reply' }
        : number(request) % 2
          ? 'Wrong.'
          : null,
    );
    const error = await failure(options(judge));
    expect(error.code).toBe('JUDGE_UNRELIABLE');
    expect(error.message).toMatch(
      /round 1: script gave no judgment of 7 of 10 responses:\s+7 times: no readable reply/,
    );
    broken = false;
    const before = judge.asked.length;
    const { rounds } = await runOnline({ out, resume: true, judgeWith: judge, openEngine });
    expect(rounds.map(({ unscored }) => unscored)).toEqual([0, 0]);
    expect(judge.asked).toHaveLength(before + 7 + 5 + 10 + 5);
  });

  it('puts up with a few rows without a judgment', async () => {
    const judge = scriptedJudge((request) =>
      number(request) % 5 === 0 ? { unscored: 'refused' } : number(request) % 2 ? 'Wrong.' : null,
    );
    const { rounds } = await runOnline(options(judge));
    const unscored = rounds.map((round) => round.unscored);
    expect(unscored.some((n) => n > 0)).toBe(true);
    for (const [i, { satisfactory, unsatisfactory }] of rounds.entries()) {
      expect(satisfactory + unsatisfactory + unscored[i]!).toBe(10);
      expect(await rowsOf(i + 1)).toHaveLength(10 - unscored[i]!);
    }
  });

  it('where its judge does, and goes on from there', async () => {
    const empty = new WhetstoneError('BUDGET_REACHED', 'the budget is used up');
    let allowed = 8;
    const judge = scriptedJudge((request) => {
      if (allowed-- <= 0) throw empty;
      return number(request) % 2 ? 'Wrong.' : null;
    });
    expect(await failure(options(judge))).toBe(empty);
    allowed = 1000;
    const before = judge.asked.length;
    await runOnline({ out, resume: true, judgeWith: judge, openEngine });
    expect(judge.asked.length - before).toBe(35 - 8);
  });

  it('when it is told to, wherever it is', async () => {
    const whole = await runOnline(options(everySecond()));
    const reference = out;
    for (const kind of ['responding', 'judging', 'training', 'round'] as const) {
      out = `${reference}-${kind}`;
      const stop = new AbortController();
      const judge = everySecond();
      let heard = 0;
      const on = (progress: OnlineProgress): void => {
        if (progress.kind === kind && ++heard === (kind === 'round' ? 1 : 3)) stop.abort();
      };
      expect(await failure(options(judge, { signal: stop.signal, on }))).toMatchObject({ code: 'STOPPED' });
      expect(await runOnline({ out, resume: true, judgeWith: judge, openEngine })).toEqual({
        ...whole,
        adapter: join(out, 'adapter'),
      });
      expect(new Set(judge.asked).size).toBeGreaterThan(0);
      expect(judge.asked).toHaveLength(35);
    }
  });
});

describe('an online run refuses', () => {
  it('to go on with what has changed', async () => {
    await runOnline(options(everySecond(), { rounds: 1 }));
    const resume = (given: Partial<OnlineOptions>): Promise<WhetstoneError> =>
      failure({ out, resume: true, openEngine, judgeWith: everySecond(), ...given });
    expect(await resume({ perRound: 11 })).toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringContaining('per_round: the run has 10, now 11') as string,
    });
    expect(await resume({ judgeWith: { ...everySecond(), fingerprint: 'another' } })).toMatchObject({
      message: expect.stringContaining('judge: the run has script') as string,
    });
    const changed = join(dir, 'changed.jsonl');
    await cp(join(dir, 'tasks.jsonl'), changed);
    await writeFile(changed, '{"instruction":"Another one"}\n', { flag: 'a' });
    expect(await resume({ instructions: changed })).toMatchObject({
      message: expect.stringContaining('instructions: the file has other content') as string,
    });
    expect(await failure(options(everySecond()))).toMatchObject({ code: 'RUN_EXISTS' });
  });

  it('a run of another verb', async () => {
    await runOnline(options(everySecond(), { rounds: 1 }));
    const { align } = await import('../../src/alignment/align.ts');
    await expect(align({ out, resume: true, openEngine }).prepare()).rejects.toMatchObject({
      code: 'BAD_RUN',
    });
  });

  it.each<[Partial<OnlineOptions>, RegExp]>([
    [
      { rounds: 4 },
      /4 rounds of 10 need 40 instructions to train on, found 35: 40 without 5 that are kept for evaluation[^]*`perRound` 8 would do, or option `rounds` 3\./,
    ],
    [{ rounds: 1, perRound: 5000 }, /need 5000 [^]*found 35: 40 [^]*`perRound` 35 would do\./],
    [
      { rounds: 2, perRound: 5000, evalSize: 100 },
      /need 10000 [^]*found 0: 40 without 40 that are kept for evaluation[^]*`evalSize` 10 with option `perRound` 15 would do\./,
    ],
    [
      { rounds: 100, perRound: 1 },
      /100 rounds of 1 need 100 [^]*found 35[^]*or option `rounds` 35|`rounds` and/,
    ],
  ])('more instructions than there are, before anything is written: %j', async (given, message) => {
    const error = await failure(options(everySecond(), given));
    expect(error.code).toBe('TOO_FEW_INSTRUCTIONS');
    expect(error.message).toMatch(message);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });

  it('as many rounds as doubles would be needed for', async () => {
    const doubles = join(dir, 'doubles.jsonl');
    await writeJsonl(
      doubles,
      [...judgedRows(12), ...judgedRows(12)].map(({ instruction }) => ({ instruction })),
    );
    const error = await failure(options(everySecond(), { instructions: doubles, evalSize: 2 }));
    expect(error.message).toMatch(
      /found 10: 24 without 12 that come again or are too long and 2 that are kept for evaluation/,
    );
  });

  it('a second process', async () => {
    const first = alignOnline(options(everySecond()));
    await first.prepare();
    expect(await failure({ out, resume: true, openEngine, judgeWith: everySecond() })).toMatchObject({
      code: 'RUN_LOCKED',
    });
    await first.run();
    await first.dispose();
  });

  it('nothing when it is rehearsed, and writes nothing', async () => {
    const run = alignOnline(options(everySecond(), { rehearse: true }));
    expect(await run.prepare()).toMatchObject({ training: 35, heldOut: 5, judge: 'script' });
    await run.dispose();
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });
});

describe('instructions', () => {
  it('leaves out doubles, and those that leave no room for a response', async () => {
    const tasks = join(dir, 'odd.jsonl');
    const rows = judgedRows(12).map(({ instruction }) => ({ instruction }));
    await writeJsonl(tasks, [...rows, rows[3]!, { instruction: 'long '.repeat(3000) }]);
    const run = alignOnline(options(everySecond(), { instructions: tasks, perRound: 5, rounds: 1 }));
    const { training, notes } = await run.prepare();
    await run.dispose();
    expect(training).toBe(7);
    expect(notes.map(({ text }) => text).join('\n')).toMatch(
      /1 instructions that come again[^]*1 instructions are left out[^]*rows 14\)/,
    );
  });

  it('takes those to evaluate on from a file of their own', async () => {
    const held = join(dir, 'held.jsonl');
    await writeJsonl(
      held,
      judgedRows(3).map(({ instruction }) => ({ instruction })),
    );
    const judge = everySecond();
    await runOnline(options(judge, { evalInstructions: held, evalSize: 2, rounds: 1 }));
    const tasks = (await rowsOf(1)).map(({ instruction }) => instruction);
    const [one, two] = judgedRows(2).map(({ instruction }) => instruction);
    expect((await rowsOf(0, 'held-out')).map(({ instruction }) => instruction)).toEqual([one, two]);
    expect(tasks).not.toContain(one);
    expect(tasks).not.toContain(two);
  });
});
