// The whole circle without a stand-in: a second model, served by `whetstone serve`, judges over HTTP what the first
// one responds, online and with `whetstone judge`.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';

let dir: string;
let cli: Cli;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-served-'));
  // It cannot judge, but it speaks in sentences: it answers the instruction itself.
  await writeFile(join(dir, 'prompt.txt'), '{instruction} {input} {output}');
  cli = await buildCli('real');
  await cli.call(['world', 'tasks', '--count', '30', '--out', join(dir, 'tasks.jsonl')]);
  const { child, finished } = cli.start([
    ...['serve', '--model', 'models/world-96', '--port', '0', '--threads', '1'],
    ...['--template', 'models/world-96/template.json'],
  ]);
  let said = '';
  child.stdout!.on('data', (text: string) => (said += text));
  while (!/http:\/\/[\d.]+:\d+/.test(said) && child.exitCode === null) await sleep(5);
  url = /http:\/\/[\d.]+:\d+/.exec(said)![0];
  stop = async () => {
    child.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  };
});
afterAll(async () => {
  await stop?.();
  await cli?.remove();
  await rm(dir, { recursive: true, force: true });
});

const lines = async (...path: string[]): Promise<Record<string, unknown>[]> =>
  (await readFile(join(dir, ...path), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('a model learns online from the judgments of another, and each judgment is what the other says', async () => {
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  const judge = ['--judge', `${url}/v1#${data[0]!.id}`, '--judge_max_tokens', '40', '--concurrency', '4'];
  judge.push('--judge_prompt', join(dir, 'prompt.txt'));
  const run = join(dir, 'run');
  const { code, stdout, stderr } = await cli.call([
    ...['online', '--model', 'models/world-64', '--template', 'models/world-64/template.json', '--out', run],
    ...['--instructions', join(dir, 'tasks.jsonl')],
    ...[
      '--rounds',
      '2',
      '--per_round',
      '8',
      '--eval_size',
      '4',
      '--max_new_tokens',
      '10',
      '--temperature',
      '1',
    ],
    ...['--batch_size', '4', '--threads', '1', '--lora_r', '4', ...judge],
  ]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/round 2/);
  expect(stdout).toMatch(/done in .* adapter in .*run\/adapter/);

  const events = await lines('run', 'events.jsonl');
  const judged = events.filter(({ event }) => event === 'judgment');
  const replies = await lines('run', 'replies.jsonl');
  expect(judged.length).toBeGreaterThan(20);
  const said = replies.map(
    ({ reply }) => (reply as { choices: { message: { content: string } }[] }).choices[0]!.message.content,
  );
  for (const { judgment } of judged) {
    if (judgment !== null) expect(said.some((text) => text.includes(judgment as string))).toBe(true);
  }
  const [row] = await lines('run', 'rounds', '1', 'judged.jsonl');
  expect(Object.keys(row!)).toEqual(['id', 'instruction', 'output', 'judgment']);
  expect(await readFile(join(run, 'report.html'), 'utf8')).toContain('Round by round');

  // The same responses judged by the verb, of the same judge, get the same judgments.
  const { code: judgedCode } = await cli.call([
    ...['judge', join(run, 'rounds', '1', 'judged.jsonl'), '--out', join(dir, 'again.jsonl'), ...judge],
  ]);
  expect(judgedCode).toBe(0);
  expect(await lines('again.jsonl')).toEqual(await lines('run', 'rounds', '1', 'judged.jsonl'));
});
