// An online run killed with SIGKILL at random moments of every phase ends as one that was never killed, and asks
// for no judgment again that it had received.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/random.ts';
import { buildCli } from '../cli/command.ts';
import type { Cli, RunOptions } from '../cli/command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';
import { adapterOf, metricsOf } from '../cli/run.ts';
import { startJudgeServer } from './judge-server.ts';
import type { JudgeServer } from './judge-server.ts';

let dir: string;
let server: JudgeServer;
const clis: Partial<Record<'fake' | 'real', Cli>> = {};
const wait = createRandom(5);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-online-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(
    join(dir, 'tasks.jsonl'),
    judgedRows(60).map(({ instruction }) => ({ instruction })),
  );
  await writeJsonl(join(dir, 'mix.jsonl'), judgedRows(4));
  server = await startJudgeServer(() => 5 + wait.below(40));
  clis.fake = await buildCli('fake');
  clis.real = await buildCli('real');
});
afterAll(async () => {
  await clis.fake?.remove();
  await clis.real?.remove();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const onlineArgs = (out: string): string[] => [
  ...['online', '--model', join(dir, 'model'), '--instructions', join(dir, 'tasks.jsonl'), '--out', out],
  ...['--judge', server.spec, '--concurrency', '3', '--rounds', '2', '--per_round', '14', '--eval_size', '6'],
  ...['--mix', join(dir, 'mix.jsonl'), '--keep_rounds', '2', '--failed_share', '0.3', '--temperature', '0.8'],
  ...['--max_new_tokens', '12', '--batch_size', '2', '--save_steps', '2', '--threads', '1', '--lora_r', '4'],
  ...['--learning_rate', '0.01'],
];

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
const linesOf = async (path: string): Promise<string[]> => (await textOf(path)).split('\n').slice(0, -1);

/** How far a run is: lines of the journal and optimizer steps. */
async function progressOf(run: string): Promise<number> {
  const rounds = [1, 2].map((round) => join(run, 'rounds', String(round), 'training', 'metrics.jsonl'));
  const counts = await Promise.all([join(run, 'events.jsonl'), ...rounds].map(linesOf));
  return counts.reduce((sum, lines) => sum + lines.length, 0);
}

/** What a run leaves behind, without what differs between any two runs: times, speeds and the order of arrivals. */
async function resultOf(run: string): Promise<Record<string, unknown>> {
  const files: Record<string, string> = {};
  for (const round of (await readdir(join(run, 'rounds'))).sort()) {
    for (const name of ['judged.jsonl', 'training.jsonl', 'held-out.jsonl']) {
      files[`${round}/${name}`] = await textOf(join(run, 'rounds', round, name));
    }
  }
  const events = (await linesOf(join(run, 'events.jsonl')))
    .map((line) => JSON.stringify({ ...(JSON.parse(line) as object), at: null }))
    .sort();
  return { files, events, metrics: await metricsOf(run), adapter: await adapterOf(run) };
}

const keptReplies = async (run: string): Promise<number> =>
  (await linesOf(join(run, 'replies.jsonl'))).length;

// With the stand-in engine every phase takes about as long as any other; the real one shows that nothing hangs on it.
describe.each([
  ['fake', 20, { FAKE_ENGINE: '{"delay": 15, "responseDelay": 12, "parameters": 2000}' }],
  ['real', 5, {}],
] as const)('with the %s engine, %i kills', (kind, kills, env) => {
  it('ends as a run that was never killed', async () => {
    const cli = clis[kind]!;
    const options: RunOptions = { env };
    const whole = join(dir, `${kind}-whole`);
    const broken = join(dir, `${kind}-broken`);
    const start = server.asked.length;
    const reference = await cli.call(onlineArgs(whole), options);
    expect(reference.stderr).toBe('');
    expect(reference.code).toBe(0);
    const total = await progressOf(whole);
    const askedByWhole = server.asked.length;
    const requests = new Set(server.asked.slice(start));

    const random = createRandom(7, kills);
    const moments = Array.from({ length: kills }, () => random.below(total)).sort((a, b) => a - b);
    const known = new Set<string>();
    for (const [i, moment] of moments.entries()) {
      const args = i === 0 ? onlineArgs(broken) : ['online', '--out', broken, '--resume'];
      const from = server.asked.length;
      const { child, finished } = cli.start(args, options);
      while ((await progressOf(broken)) < moment && child.exitCode === null) await sleep(2);
      await sleep(random.below(25));
      child.kill('SIGKILL');
      const { code, stderr } = await finished;
      expect([code, stderr], `the run ended before kill ${i}`).toEqual([null, '']);
      const again = server.asked.slice(from).filter((key) => known.has(key));
      expect(again, 'asked again for what had been received').toEqual([]);
      const replies = await linesOf(join(broken, 'replies.jsonl'));
      for (const line of replies) known.add((JSON.parse(line) as { key: string }).key);
      // Leave a torn line behind now and then, as a kill within a write does.
      if (i % 4 === 3) await writeFile(join(broken, 'events.jsonl'), '{"event":"resp', { flag: 'a' });
    }
    const from = server.asked.length;
    const last = await cli.call(['online', '--out', broken, '--resume'], options);
    expect(last.stderr).toBe('');
    expect(last.code).toBe(0);
    expect(server.asked.slice(from).filter((key) => known.has(key))).toEqual([]);
    expect(await resultOf(broken)).toEqual(await resultOf(whole));
    expect(await keptReplies(broken)).toBe(await keptReplies(whole));
    // Everything was asked, nothing that the whole run did not ask, and twice only what a kill cut off.
    const askedByBroken = server.asked.slice(askedByWhole);
    expect(new Set(askedByBroken)).toEqual(requests);
    expect(askedByBroken.length - requests.size).toBeLessThanOrEqual(3 * kills);
    expect((await readdir(broken)).sort()).toEqual([
      ...['adapter', 'events.jsonl', 'metrics.jsonl', 'replies.jsonl', 'report.html', 'rounds', 'run.yaml'],
    ]);
    const done = await cli.call(['online', '--out', broken, '--resume'], options);
    expect([done.code, server.asked.length]).toEqual([0, askedByWhole + askedByBroken.length]);
  }, 240_000);
});
