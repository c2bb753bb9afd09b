// Online runs that go on elsewhere than they began: in a later round's training, from another folder, as another
// folder, with settings that the session before changed.
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { alignOnline } from '../../src/alignment/online/online.ts';
import type { OnlineOptions, OnlineResult } from '../../src/alignment/online/online.ts';
import { scriptedJudge } from '../../src/judges/scripted-judge.test-helper.ts';
import type { ScriptedJudge } from '../../src/judges/scripted-judge.test-helper.ts';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';
import { startJudgeServer } from './judge-server.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';

let dir: string;
let cli: Cli;
let count = 0;
let out: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-online-resume-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(
    join(dir, 'tasks.jsonl'),
    judgedRows(30).map(({ instruction }) => ({ instruction })),
  );
  cli = await buildCli('fake');
});
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => (out = join(dir, `run-${count++}`)));

describe('with the real engine', () => {
  const everyThird = (): ScriptedJudge =>
    scriptedJudge(({ instruction }) =>
      Number(/\d+/.exec(instruction)![0]) % 3 === 0 ? null : 'It is wrong.',
    );
  const options = (given: Partial<OnlineOptions>): OnlineOptions => ({
    ...{ model: join(dir, 'model'), instructions: join(dir, 'tasks.jsonl'), judge: 'cmd:none', out },
    ...{ rounds: 2, perRound: 8, evalSize: 2, batchSize: 2, maxNewTokens: 4, saveSteps: 1, threads: 1 },
    judgeWith: everyThird(),
    ...given,
  });
  const run = async (given: OnlineOptions): Promise<OnlineResult> => {
    const online = alignOnline(given);
    try {
      return await online.run();
    } finally {
      await online.dispose();
    }
  };
  it('is not ended by judgments longer than the model can read', async () => {
    let judged = 0;
    const judgeWith = scriptedJudge(() => 'It is wrong. '.repeat(judged++ % 2 === 0 ? 600 : 1));
    const { rounds } = await run(options({ rounds: 1, judgeWith }));
    expect(rounds[0]!.trainedRows).toBe(8);
    const record = parse(await readFile(join(out, 'rounds', '1', 'training', 'run.yaml'), 'utf8')) as unknown;
    expect(record).toMatchObject({ run: { rows_left_out: { too_long: 4 } } });
  });

  it('refuses responses longer than the cut-off before anything is generated', async () => {
    await expect(run(options({ maxNewTokens: 100, cutoffLen: 100 }))).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining('within 100. Raise option `cutoffLen` to 112') as string,
    });
  });

  const adapterOf = (path: string): Promise<Buffer> =>
    readFile(join(path, 'adapter', 'adapter_model.safetensors'));

  it('goes on within the training of a later round, also after the folder was moved', async () => {
    const whole = await run(options({}));
    const reference = await adapterOf(out);
    out = join(dir, `run-${count++}`);
    const stop = new AbortController();
    const stopped = run(
      options({
        signal: stop.signal,
        on: (progress) => {
          if (progress.kind === 'training' && progress.round === 2 && progress.record) stop.abort();
        },
      }),
    );
    await expect(stopped).rejects.toMatchObject({ code: 'STOPPED' });
    const moved = `${out}-moved`;
    await rename(out, moved);
    const resumed = await run({ out: moved, resume: true, judgeWith: everyThird() });
    expect(resumed.rounds).toEqual(whole.rounds);
    expect(await adapterOf(moved)).toEqual(reference);
  });
});

describe('on the command line', () => {
  const args = (judge: string): string[] => [
    ...['online', '--model', 'model', '--instructions', 'tasks.jsonl', '--judge', judge, '--out', out],
    ...['--rounds', '1', '--per_round', '6', '--eval_size', '2', '--max_new_tokens', '4'],
  ];
  const critic = `let rest = '';
process.stdin.on('data', (piece) => (rest += piece)).on('end', () => {
  for (const line of rest.split('\\n').filter(Boolean))
    console.log(JSON.stringify({ id: JSON.parse(line).id, judgment: 'It is wrong.' }));
});
`;

  it.each(['cmd:./critic.sh', './critic-module.mjs'])(
    'goes on from another folder with the judge %s, and remembers what may change',
    async (judge) => {
      await writeFile(join(dir, 'critic.sh'), `#!/bin/sh\nexec "${process.execPath}" critic.cjs\n`);
      await writeFile(join(dir, 'critic.cjs'), critic);
      await chmod(join(dir, 'critic.sh'), 0o755);
      await writeFile(join(dir, 'critic-module.mjs'), `export default () => 'It is wrong.';\n`);
      const first = await cli.call(args(judge), { cwd: dir });
      expect([first.code, first.stderr]).toEqual([0, '']);
      const elsewhere = join(dir, 'elsewhere');
      await mkdir(elsewhere, { recursive: true });
      const longer = await cli.call(['online', '--out', out, '--resume', '--rounds', '2'], {
        cwd: elsewhere,
      });
      expect([longer.code, longer.stderr]).toEqual([0, '']);
      expect(longer.stdout).toContain('round 2');
      // Another session, without the option: the run still has two rounds.
      const again = await cli.call(['online', '--out', out, '--resume'], { cwd: elsewhere });
      expect(again.stdout).toContain('2 of 6 instructions');
      expect(parse(await readFile(join(out, 'run.yaml'), 'utf8'))).toMatchObject({ rounds: 2, per_round: 6 });
    },
  );

  it('says beforehand what a chat server will cost, and afterwards what it did', async () => {
    const server = await startJudgeServer(() => 1);
    const prices = ['--input_price', '1000', '--output_price', '1000'];
    const dry = await cli.call([...args(server.spec), ...prices, '--dry_run'], { cwd: dir });
    expect([dry.code, dry.stderr, server.asked]).toEqual([0, '', []]);
    expect(dry.stdout).toMatch(
      /calls +10, at most 20[^]*input tokens +about [\d,]+[^]*cost +about [\d.]+ USD, at most/,
    );
    const { code, stdout } = await cli.call([...args(server.spec), ...prices], { cwd: dir });
    await server.close();
    expect(code).toBe(0);
    expect(stdout).toContain('judge, in this session: 10 calls, 0 cached, 1,000 + 100 tokens, 1.10 USD');
  });

  it('writes a record that is itself a --config, so that another run does the same', async () => {
    const judge = './critic-module.mjs';
    expect((await cli.call(args(judge), { cwd: dir })).code).toBe(0);
    const config = join(out, 'run.yaml');
    const again = await cli.call(['online', '--config', config, '--out', `${out}-again`], { cwd: tmpdir() });
    expect([again.code, again.stderr]).toEqual([0, '']);
    const settings = async (file: string): Promise<object> => ({
      ...(parse(await readFile(file, 'utf8')) as object),
      run: null,
    });
    expect(await settings(join(`${out}-again`, 'run.yaml'))).toEqual(await settings(config));
  });
});
