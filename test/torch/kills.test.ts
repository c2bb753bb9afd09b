// kill -9 of a rank, of rank 0 and of Whetstone itself while `align` runs, half of them while Python starts and the model is
// opened, half between steps and in them: who died is told, nothing is left behind after ten seconds, and --resume ends as
// a run that was never killed. With WHETSTONE_TORCH_KILLS each is tried so many times; left out, once.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';
import { adapterOf, metricsOf } from '../cli/run.ts';
import { relativeError } from '../golden/golden.ts';
import { adapterValues, python } from './engines.ts';

const kills = Number(process.env['WHETSTONE_TORCH_KILLS'] ?? 1);

/** Ids of the worker's processes by rank, the launcher as -1, whose environment has this mark. */
function workers(mark: string): Map<number, number> {
  const found = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      if (!environment.includes(`WHETSTONE_TEST_MARK=${mark}`)) continue;
      if (!readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('whetstone_torch')) continue;
      const rank = environment.find((entry) => entry.startsWith('RANK='));
      found.set(rank === undefined ? -1 : Number(rank.slice(5)), Number(name));
    } catch {
      // It has ended since, or is somebody else's.
    }
  }
  return found;
}

async function untilGone(mark: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (workers(mark).size > 0 && Date.now() < deadline) await sleep(50);
  expect([...workers(mark)]).toEqual([]);
}

describe.skipIf(python === undefined || process.platform !== 'linux')('a run of align that lost', () => {
  let dir: string;
  let cli: Cli;
  const at = (name: string): string => join(dir, name);
  const args = (out: string, nproc: number): string[] => [
    ...['align', at('data.jsonl'), '--model', at('model'), '--out', at(out), '--batch_size', '2'],
    ...['--epochs', '2', '--save_steps', '3', '--warmup_steps', '2', '--lora_r', '4', '--report', 'false'],
    ...['--learning_rate', '0.01', '--engine', 'torch', '--python', python!, '--nproc', String(nproc)],
  ];
  const steps = 20;
  const stepsIn = async (out: string): Promise<number> =>
    (await readFile(join(at(out), 'metrics.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;
  /** Milliseconds from the first process of the worker to the first step, of a run that was not killed. */
  const startup: Record<number, number> = {};

  async function runWhole(nproc: number): Promise<void> {
    const out = `whole-${nproc}`;
    const { finished } = cli.start(args(out, nproc));
    const began = Date.now();
    while ((await stepsIn(out)) === 0 && Date.now() - began < 100_000) await sleep(5);
    startup[nproc] = Date.now() - began;
    const { code, stderr } = await finished;
    expect(code, stderr).toBe(0);
    expect(await metricsOf(at(out))).toHaveLength(steps);
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'whetstone-torch-kills-'));
    cli = await buildCli('real');
    await writeTinyModel(at('model'));
    await writeJsonl(at('data.jsonl'), judgedRows(20));
    await runWhole(2);
    if (kills > 1) await runWhole(1);
  }, 240_000);
  afterAll(async () => {
    await cli?.remove();
    await rm(dir, { recursive: true, force: true });
  });

  /** Waits for the moment: a share of the start, or of the way from some step to the next. */
  async function untilMoment(round: number, { out, nproc, over }: Moment): Promise<void> {
    if (round % 2 === 0) {
      const last = Math.floor(Math.random() * (steps - 2));
      while ((await stepsIn(out)) <= last && !over()) await sleep(1);
      await sleep(Math.random() * 30);
    } else await sleep(Math.random() * startup[nproc]!);
  }

  it.each(['rank 1', 'rank 0', 'Whetstone'])(
    '%s',
    async (victim) => {
      const seen: string[] = [];
      for (let round = 0; round < kills; round++) {
        // Whetstone is killed with two ranks and with one, in turns.
        const nproc = victim === 'Whetstone' && round % 4 > 1 ? 1 : 2;
        const out = `${victim.replace(' ', '-')}-${round}`;
        const mark = `${out}-${process.pid}`;
        const { child, finished } = cli.start(args(out, nproc), { env: { WHETSTONE_TEST_MARK: mark } });
        const over = (): boolean => child.exitCode !== null;
        const rank = Number(victim.slice('rank '.length));
        if (victim !== 'Whetstone') while (!workers(mark).has(rank) && !over()) await sleep(5);
        await untilMoment(round, { out, nproc, over });
        const pid = victim === 'Whetstone' ? child.pid : workers(mark).get(rank);
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
        const { code, stderr } = await finished;
        await untilGone(mark);
        const reached = await stepsIn(out);
        seen.push(`${nproc} ranks, step ${reached}, code ${code}`);
        if (victim === 'Whetstone') expect(code).toBe(null);
        else if (code !== 0) {
          // What died after the last step has been waited for has cost nothing.
          expect(stderr).toContain(`rank ${rank} of the worker was killed by signal 9`);
          expect(stderr).toMatch(/It said nothing|Its last words/);
        } else expect(reached).toBe(steps);
        const begun = existsSync(join(at(out), 'run.yaml'));
        const resumed = await cli.run([...args(out, nproc), ...(begun ? ['--resume'] : [])]);
        expect(resumed.code, `${seen.at(-1)}\n${resumed.stderr}`).toBe(0);
        await expectWhole(out, nproc);
        await rm(at(out), { recursive: true });
      }
      console.log(`${victim}: ${seen.join('; ')}`);
    },
    120_000 + 90_000 * kills,
  );

  async function expectWhole(out: string, nproc: number): Promise<void> {
    const whole = at(`whole-${nproc}`);
    const [found, expected] = [await metricsOf(at(out)), await metricsOf(whole)];
    if (nproc === 1) {
      expect(found).toEqual(expected);
      expect(await adapterOf(at(out))).toEqual(await adapterOf(whole));
      return;
    }
    expect(found).toHaveLength(steps);
    for (const [i, { loss }] of found.entries())
      expect(Math.abs(loss! - expected[i]!['loss']!), `loss of step ${i + 1}`).toBeLessThan(1e-5);
    expect(relativeError(await adapterValues(at(out)), await adapterValues(whole))).toBeLessThan(1e-4);
  }
});

interface Moment {
  readonly out: string;
  readonly nproc: number;
  readonly over: () => boolean;
}
