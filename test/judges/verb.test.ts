// whetstone judge from outside: what it writes, what it says, and that a kill costs nothing that was paid for.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import type { Cli, Finished } from '../cli/command.ts';
import { apiError, completion, json, startChatServer } from './chat-server.ts';
import type { ChatServer, Script } from './chat-server.ts';

let cli: Cli;
let dir: string;
let server: ChatServer | null = null;
const at = (name: string): string => join(dir, name);
beforeAll(async () => {
  cli = await buildCli('fake');
});
afterAll(() => cli.remove());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-judge-'));
});
afterEach(async () => {
  await server?.close();
  server = null;
  await rm(dir, { recursive: true, force: true });
});

const key = 'key-of-the-test-123';
const env = { OPENAI_API_KEY: key };
const start = async (script: Script): Promise<string> => (server = await startChatServer(script)).url;
const numberIn = (text: string): number => Number(/Instruction (\d+)/.exec(text)![1]);
/** Even rows are right. */
const verdict = (n: number): string => (n % 2 === 0 ? 'Perfect.' : `Number ${n} is wrong.`);
const honest: Script = ({ text }, response) => json(response, 200, completion(verdict(numberIn(text))));

async function writeRows(count: number, extra: (n: number) => object = () => ({})): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => ({
    instruction: `Instruction ${n}`,
    output: `Response ${n}.`,
    ...extra(n),
  }));
  await writeFile(at('rows.jsonl'), rows.map((row) => JSON.stringify(row) + '\n').join(''));
}
const command = (url: string, ...more: string[]): string[] => [
  ...['judge', at('rows.jsonl'), '--judge', `${url}#m`, '--out', at('judged.jsonl')],
  ...more,
];
const judge = (url: string, ...more: string[]): Promise<Finished> => cli.call(command(url, ...more), { env });
const readLines = async (name: string): Promise<Record<string, unknown>[]> =>
  (await readFile(at(name), 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('writes canonical triplets in the order of the input, once', async () => {
  await writeRows(9, (n) => ({
    id: `row-${n}`,
    input: n === 3 ? 'In Paris.' : undefined,
    revision: 'Better.',
    score: 9,
    other: 1,
  }));
  const url = await start(honest);
  const { code, stdout, stderr } = await judge(url, '--input_price', '10', '--output_price', '20');
  expect([code, stderr]).toEqual([0, '']);
  const rows = await readLines('judged.jsonl');
  expect(rows).toEqual(
    Array.from({ length: 9 }, (_, n) => ({
      id: `row-${n}`,
      instruction: `Instruction ${n}`,
      ...(n === 3 && { input: 'In Paris.' }),
      output: `Response ${n}.`,
      judgment: verdict(n),
      revision: 'Better.',
    })),
  );
  expect(stdout).toContain('5 satisfactory, 4 unsatisfactory, 0 unscored, 0 suspicious');
  expect(stdout).toContain('9 calls, 0 cached, 900 + 90 tokens, 0.011 USD');
  expect((await readdir(dir)).sort()).toEqual([
    'judged.jsonl',
    'judged.jsonl.journal.jsonl',
    'judged.jsonl.replies.jsonl',
    'rows.jsonl',
  ]);
  const replies = await readFile(at('judged.jsonl.replies.jsonl'), 'utf8');
  expect(replies + stdout).not.toContain(key);

  // Again is nothing; without the journal the file is somebody's; with the replies a new journal costs nothing.
  const again = await judge(url);
  expect([again.code, again.stderr]).toEqual([0, '']);
  expect(again.stdout).toContain('0 rows to judge, 9 judged before');
  await rm(at('judged.jsonl.journal.jsonl'));
  const refused = await judge(url);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('exists already');
  const replaced = await judge(url, '--overwrite');
  expect(replaced.code).toBe(0);
  expect(replaced.stdout).toContain('0 calls, 9 cached');
  expect(await readLines('judged.jsonl')).toEqual(rows);
  expect(server!.received).toHaveLength(9);
});

it(
  'killed again and again, it finishes with the same bytes and asks for nothing twice',
  { timeout: 60_000 },
  async () => {
    await writeRows(40);
    const kept: { asked: number; rows: Set<unknown> }[] = [];
    let victim: { child: { kill(signal: 'SIGKILL'): boolean } } | null = null;
    let answers = 0;
    const url = await start(async ({ text }, response) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      json(response, 200, completion(verdict(numberIn(text))));
      if (++answers % 9 === 0) setTimeout(() => victim?.child.kill('SIGKILL'), 12);
    });
    let kills = 0;
    for (;;) {
      const run = cli.start(command(url, '--concurrency', '3'), { env });
      victim = run;
      const { code } = await run.finished;
      if (code !== null) {
        expect(code).toBe(0);
        break;
      }
      kills++;
      const rows = await readLines('judged.jsonl.journal.jsonl').catch(() => []);
      kept.push({ asked: server!.received.length, rows: new Set(rows.map(({ id }) => Number(id) - 1)) });
    }
    expect(kills).toBeGreaterThanOrEqual(2);
    const rows = await readLines('judged.jsonl');
    expect(rows.map(({ judgment }) => judgment)).toEqual(Array.from({ length: 40 }, (_, n) => verdict(n)));
    // What the journal has at a kill is never asked for again.
    for (const { asked, rows: safe } of kept) {
      const later = server!.received.slice(asked).map(({ text }) => numberIn(text));
      expect(later.filter((n) => safe.has(n))).toEqual([]);
    }
    expect(kept.at(-1)!.rows.size).toBeGreaterThan(10);
    // Only what was on its way when a kill came, at most three a kill, can have been asked for twice.
    expect(server!.received.length).toBeLessThanOrEqual(40 + 3 * kills);
  },
);

it('nothing that reached the disk before a kill is asked for again', { timeout: 60_000 }, async () => {
  await writeRows(12);
  const asked: number[] = [];
  let held = false;
  const url = await start(({ text }, response, index) => {
    const n = numberIn(text);
    asked.push(n);
    if (index < 6 || held) json(response, 200, completion(verdict(n)));
  });
  const run = cli.start(command(url, '--concurrency', '1'), { env });
  // The seventh question is on its way, so the six answers before it are kept.
  while (asked.length < 7) await new Promise((resolve) => setTimeout(resolve, 10));
  run.child.kill('SIGKILL');
  await run.finished;
  // A torn last line is what a kill can leave.
  const journal = at('judged.jsonl.journal.jsonl');
  await writeFile(journal, `${await readFile(journal, 'utf8')}{"id":"7","judg`);
  held = true;
  const { code, stdout } = await judge(url);
  expect(code).toBe(0);
  expect(stdout).toContain('cut off was removed');
  expect(stdout).toContain('6 rows to judge, 6 judged before');
  expect(asked.slice(0, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(asked.slice(7).sort((a, b) => a - b)).toEqual([6, 7, 8, 9, 10, 11]);
  expect(await readLines('judged.jsonl')).toHaveLength(12);
});

it('a second process is refused while the first is at work', async () => {
  await writeRows(2);
  let release = (): void => {};
  const url = await start(({ text }, response) => {
    release = () => json(response, 200, completion(verdict(numberIn(text))));
    if (server!.received.length > 1) release();
  });
  const first = cli.start(command(url, '--concurrency', '1'), { env });
  while (server!.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const second = await judge(url);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain('.lock');
  release();
  expect((await first.finished).code).toBe(0);
});

it('Ctrl+C waits for the call under way and keeps its answer, and the same command goes on', async () => {
  await writeRows(5);
  let slow = true;
  const url = await start(({ text }, response, index) => {
    const answer = (): void => json(response, 200, completion(verdict(numberIn(text))));
    if (index < 2 || !slow) answer();
    else setTimeout(answer, 700);
  });
  const run = cli.start(command(url, '--concurrency', '1'), { env });
  while (server!.received.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  run.child.kill('SIGINT');
  const { code, stdout, stderr } = await run.finished;
  expect([code, stderr]).toEqual([130, '']);
  expect(stdout).toContain('Ctrl+C: waiting for the calls under way');
  slow = false;
  const rest = await judge(url);
  expect(rest.code).toBe(0);
  expect(rest.stdout).toContain('2 rows to judge, 3 judged before');
  expect(server!.received).toHaveLength(5);
});

it('a second Ctrl+C does not wait, and what was judged is kept', async () => {
  await writeRows(5);
  let silent = true;
  const url = await start(({ text }, response, index) => {
    if (index < 2 || !silent) json(response, 200, completion(verdict(numberIn(text))));
  });
  const run = cli.start(command(url, '--concurrency', '1'), { env });
  while (server!.received.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  const began = performance.now();
  run.child.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 600));
  run.child.kill('SIGINT');
  expect((await run.finished).code).toBe(130);
  expect(performance.now() - began).toBeLessThan(20_000);
  silent = false;
  const rest = await judge(url);
  expect(rest.stdout).toContain('3 rows to judge, 2 judged before');
});

it('unscored rows are left out, listed, and asked for again', async () => {
  await writeRows(4, (n) => ({ id: n }));
  let mute = true;
  const url = await start(({ text }, response) => {
    const n = numberIn(text);
    json(response, 200, completion(n === 2 && mute ? '' : verdict(n)));
  });
  const { code, stdout } = await judge(url);
  expect(code).toBe(1);
  expect(stdout).toContain('1 unscored');
  expect(await readLines('judged.jsonl')).toHaveLength(3);
  expect(await readLines('judged.jsonl.unscored.jsonl')).toEqual([
    {
      row: 3,
      id: 2,
      instruction: 'Instruction 2',
      output: 'Response 2.',
      reason: 'the reply is empty, twice',
    },
  ]);
  mute = false;
  const again = await judge(url);
  expect(again.code).toBe(0);
  expect(again.stdout).toContain('1 row to judge, 3 judged before');
  expect((await readLines('judged.jsonl')).map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  expect(await readdir(dir)).not.toContain('judged.jsonl.unscored.jsonl');
  expect(server!.received).toHaveLength(4 + 1 + 1);
});

it('refuses to go on with other rows or another judge', async () => {
  await writeRows(3);
  const url = await start((_, response, index) => {
    if (index === 0) json(response, 200, completion('Perfect.'));
    else json(response, 401, apiError(`Incorrect key ${key}`));
  });
  const first = await judge(url, '--concurrency', '1');
  expect(first.code).toBe(1);
  expect(first.stderr).toContain('401: Incorrect key [key]');
  expect(first.stdout + first.stderr).not.toContain(key);
  const other = await judge(url, '--judge_prompt', 'paper');
  expect(other.stderr).toContain('other settings');
  await writeRows(4);
  const longer = await judge(url);
  expect(longer.stderr).toContain('rows have changed');
  expect(server!.received).toHaveLength(2);
});

it('--dry_run asks nobody, needs no key and writes nothing; --config holds prices', async () => {
  await writeRows(10);
  await writeFile(at('judge.yaml'), 'input_price: 2.5\noutput_price: 10\nbudget: 0.001\n');
  const { code, stdout } = await cli.call(
    [
      'judge',
      at('rows.jsonl'),
      '--judge',
      'openai:gpt-4o',
      '--out',
      at('judged.jsonl'),
      '--dry_run',
      '--config',
      at('judge.yaml'),
    ],
    { env: { OPENAI_API_KEY: '' } },
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/calls +10, at most 20/);
  expect(stdout).toMatch(/output tokens +about 800, at most 10,240/);
  expect(stdout).toMatch(/cost +about 0\.0\d+ USD, at most 0\.\d+ USD/);
  expect(stdout).toContain('the budget of 0.0010 USD will not do');
  expect((await readdir(dir)).sort()).toEqual(['judge.yaml', 'rows.jsonl']);
});

it('says what is wrong with options before it asks anyone', async () => {
  await writeRows(1);
  const run = (...args: string[]): Promise<Finished> =>
    cli.call(['judge', at('rows.jsonl'), '--out', at('o.jsonl'), ...args], { env: { OPENAI_API_KEY: '' } });
  const unknown = await run('--judge', 'gpt-4o');
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('cmd:./critic.sh')]);
  const keyless = await run('--judge', 'openai:gpt-4o');
  expect([keyless.code, keyless.stderr]).toEqual([1, expect.stringContaining('OPENAI_API_KEY')]);
  const poor = await run('--judge', 'http://127.0.0.1:9/v1#m', '--budget', '1');
  expect([poor.code, poor.stderr]).toEqual([2, expect.stringContaining('both prices')]);
});

it('keeps what users said next where it is about the response', async () => {
  const said = ['Wrong, it is Warsaw.', 'Great, thank you!', 'And what is 2 + 2?', undefined];
  await writeRows(4, (n) => ({ judgment: said[n] }));
  const url = await start(({ text }, response) => {
    expect(text).toContain(`<message>\n${said[numberIn(text)]}\n</message>`);
    json(response, 200, completion(['Criticism.', '**Praise**', 'neither'][numberIn(text)]!));
  });
  const { code, stdout } = await judge(url, '--judge_prompt', 'next-message');
  expect((await readLines('judged.jsonl')).map(({ judgment }) => judgment)).toEqual([said[0], null]);
  expect(await readLines('judged.jsonl.unscored.jsonl')).toMatchObject([
    { row: 3, reason: 'what the user said next is not about it: "And what is 2 + 2?"' },
    { row: 4, reason: expect.stringContaining('has no next message') as string },
  ]);
  expect(code).toBe(1);
  expect(stdout).toContain('1 satisfactory, 1 unsatisfactory, 2 unscored');
  await writeRows(3, (n) => ({ judgment: said[n] }));
  expect((await judge(url, '--judge_prompt', 'next-message', '--overwrite')).code).toBe(0);
});
