// A run killed with SIGKILL at any moment and resumed ends with the bytes of a run that was never killed.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from './command.ts';
import type { Cli, RunOptions } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';
import { adapterOf, metricsOf } from './run.ts';

let dir: string;
const clis: Partial<Record<'fake' | 'real', Cli>> = {};
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-resume-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(20));
  clis.fake = await buildCli('fake');
  clis.real = await buildCli('real');
});
afterAll(async () => {
  await clis.fake?.remove();
  await clis.real?.remove();
  await rm(dir, { recursive: true, force: true });
});

const alignArgs = (out: string, ...more: string[]): string[] => [
  'align',
  join(dir, 'data.jsonl'),
  ...[
    '--model',
    join(dir, 'model'),
    '--out',
    out,
    '--batch_size',
    '2',
    '--epochs',
    '3',
    '--warmup_steps',
    '4',
  ],
  ...['--save_steps', '3', '--threads', '1', '--lora_r', '4', '--learning_rate', '0.01', ...more],
];

const stepsIn = async (run: string): Promise<number> =>
  (await readFile(join(run, 'metrics.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;

/** Kills as soon as the log shows that many steps, a little later by `extra` milliseconds. Returns steps logged. */
const killAt = async (
  cli: Cli,
  args: string[],
  options: RunOptions,
  run: string,
  step: number,
  extra: number,
): Promise<number> => {
  const { child, finished } = cli.start(args, options);
  while ((await stepsIn(run)) < step && child.exitCode === null) await sleep(1);
  await sleep(extra);
  child.kill('SIGKILL');
  const { code, stderr } = await finished;
  expect([code, stderr], 'the run ended before it was killed').toEqual([null, '']);
  return stepsIn(run);
};

// Kill points: before the first step, before the first checkpoint (every 3 steps), at and around later ones.
const kills = { fake: [0, 1, 3, 7, 12, 18], real: [0, 2, 6, 15] } as const;

describe.each(['fake', 'real'] as const)('with the %s engine', (kind) => {
  const options: RunOptions =
    kind === 'fake' ? { env: { FAKE_ENGINE: '{"delay": 10, "parameters": 20000}' } } : {};

  it('a killed and resumed run equals one that was never killed', async () => {
    const cli = clis[kind]!;
    const [whole, broken] = [join(dir, `${kind}-whole`), join(dir, `${kind}-broken`)];
    const reference = await cli.call(alignArgs(whole), options);
    expect(reference.stderr).toBe('');
    expect(reference.code).toBe(0);
    expect(await metricsOf(whole)).toHaveLength(30);

    let before = 0;
    for (const [i, step] of kills[kind].entries()) {
      const args = i === 0 ? alignArgs(broken) : alignArgs(broken, '--resume');
      const reached = await killAt(cli, args, options, broken, step, (i * 7) % 11);
      expect(reached).toBeGreaterThanOrEqual(Math.min(before, step));
      before = step;
      await expect(readdir(join(broken, 'adapter'))).rejects.toThrow(/ENOENT/);
    }
    const last = await cli.call(['align', '--out', broken, '--resume'], options);
    expect(last.stderr).toBe('');
    expect(last.code).toBe(0);
    expect(last.stdout).toMatch(/going on after step \d+/);
    expect(await metricsOf(broken)).toEqual(await metricsOf(whole));
    expect(await adapterOf(broken)).toEqual(await adapterOf(whole));
    expect((await readdir(broken)).sort()).toEqual([
      'adapter',
      'checkpoints',
      'metrics.jsonl',
      'report.html',
      'run.yaml',
    ]);
    expect((await readdir(join(broken, 'checkpoints'))).sort()).toEqual(['step-27', 'step-30']);
  }, 120_000);

  it('another seed gives other bytes, so that equality above means something', async () => {
    const cli = clis[kind]!;
    const other = join(dir, `${kind}-other`);
    expect((await cli.call(alignArgs(other, '--seed', '43'), options)).code).toBe(0);
    const [a, b] = [await adapterOf(join(dir, `${kind}-whole`)), await adapterOf(other)];
    expect(a['adapter_model.safetensors']).not.toBe(b['adapter_model.safetensors']);
    expect(await metricsOf(other)).not.toEqual(await metricsOf(join(dir, `${kind}-whole`)));
  });
});
