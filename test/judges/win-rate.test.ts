// Win rates from outside: models compared with references by a chat server, kills that cost nothing that was paid for,
// and what the table says of answers that could not be read.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import type { Cli } from '../cli/command.ts';
import { completion, json, startChatServer } from './chat-server.ts';
import type { ChatServer } from './chat-server.ts';

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));
const instructions = Array.from({ length: 24 }, (_, n) => `Instruction ${n}`);
let cli: Cli;
let dir: string;
let server: ChatServer | null = null;
const at = (...names: string[]): string => join(dir, ...names);
beforeAll(async () => {
  cli = await buildCli('real');
});
afterAll(() => cli.remove());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-win-rate-'));
  const rows = instructions.map((instruction) => ({ instruction, output: `Reference to ${instruction}.` }));
  await writeFile(at('references.json'), JSON.stringify(rows));
});
afterEach(async () => {
  await server?.close();
  server = null;
  await rm(dir, { recursive: true, force: true });
});

const command = (out: string, ...more: string[]): string[] => [
  ...[
    'evaluate',
    '--model',
    `ours=${model}`,
    '--tasks',
    'win_rate',
    '--data',
    `win_rate=${at('references.json')}`,
  ],
  ...['--judge', `${server!.url}#m`, '--out', at(out), '--max_new_tokens', '6', '--threads', '1'],
  ...more,
];
const numberIn = (text: string): number => Number(/Instruction (\d+)/.exec(text)![1]);
const referenceFirst = (text: string): boolean => text.includes('<response-1>\nReference to');
/** The model wins at every third instruction; the judge prefers what comes first at every eighth. */
const verdict = (text: string): string => {
  const n = numberIn(text);
  if (n % 8 === 7) return 'Verdict: 1';
  const modelWins = n % 3 === 0;
  return `Verdict: ${modelWins === referenceFirst(text) ? 2 : 1}`;
};
const tableOf = async (
  out: string,
): Promise<Record<string, { value: number; scored: number; total: number }>> => {
  const { rows } = JSON.parse(await readFile(at(out, 'results.json'), 'utf8')) as {
    rows: { metric: string; models: Record<string, { value: number; scored: number; total: number }> }[];
  };
  return Object.fromEntries(rows.map(({ metric, models }) => [metric, models['ours']!]));
};

it(
  'killed again and again, it finishes with the same figures and asks for nothing twice',
  { timeout: 240_000 },
  async () => {
    server = await startChatServer(({ text }, response) => json(response, 200, completion(verdict(text))));
    const whole = await cli.call(command('whole', '--both_orders'));
    expect(whole).toMatchObject({ code: 0, stderr: '' });
    expect(server.received).toHaveLength(2 * instructions.length);
    await server.close();

    let victim: { kill(signal: 'SIGKILL'): boolean } | null = null;
    let answers = 0;
    let kills = 0;
    server = await startChatServer(({ text }, response) => {
      json(response, 200, completion(verdict(text)));
      if (++answers % 17 === 0) setTimeout(() => victim?.kill('SIGKILL'), 12);
    });
    for (;;) {
      const { child, finished } = cli.start(command('killed', '--both_orders', '--concurrency', '2'));
      victim = child;
      const { code } = await finished;
      if (code === 0) break;
      kills++;
      expect(kills).toBeLessThan(9);
    }
    expect(kills).toBeGreaterThanOrEqual(2);
    // Only what was on its way when a kill came can have been asked for twice.
    expect(server.received.length).toBeLessThanOrEqual(2 * instructions.length + 2 * kills);
    const figures = await tableOf('killed');
    expect(figures).toEqual(await tableOf('whole'));
    // The eighths are draws; of the others every third is won.
    expect(figures['win_rate']).toMatchObject({ scored: 24, total: 24 });
    expect(figures['win_rate']!.value).toBeCloseTo((7 + 1.5) / 24, 12);
    expect(figures['flips']).toMatchObject({ value: 3 / 24, scored: 24 });
  },
);

it('says how many pairs are scored, and asks again about those that are not', async () => {
  let mumbles = true;
  server = await startChatServer(({ text }, response) =>
    json(response, 200, completion(mumbles && numberIn(text) < 4 ? 'Hm.' : verdict(text))),
  );
  const first = await cli.call(command('out', '--judge_cache', at('first.jsonl')));
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(/win_rate +ours +\d+\.\d ± \d+\.\d \(20 of 24 scored\)/);
  expect(first.stdout).toContain('4 of 24 pairs are unscored, the first because the reply has no verdict');
  mumbles = false;
  const before = server.received.length;
  const second = await cli.call(command('out', '--judge_cache', at('second.jsonl')));
  expect(second.stdout).toContain('(24 of 24 scored)');
  expect(server.received.length - before).toBe(4);
  const annotations = JSON.parse(
    await readFile(at('out', 'outputs', 'ours', 'win_rate', 'annotations.json'), 'utf8'),
  ) as { instruction: string; preference: number }[];
  const won = annotations
    .filter(({ preference }) => preference === 2)
    .map(({ instruction }) => numberIn(instruction));
  for (const n of instructions.keys()) if (n % 8 !== 7) expect(won.includes(n)).toBe(n % 3 === 0);
});

it('needs a judge and a file', async () => {
  server = await startChatServer((_, response) => json(response, 200, completion('')));
  const { code, stderr } = await cli.call([
    'evaluate',
    '--model',
    model,
    '--tasks',
    'win_rate',
    '--out',
    at('x'),
  ]);
  expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining('--data win_rate=FILE')]);
  expect(code).not.toBe(0);
  const other = await cli.call([
    ...['evaluate', '--model', model, '--tasks', 'win_rate', '--out', at('x')],
    ...['--data', `win_rate=${at('references.json')}`],
  ]);
  expect(other.stderr).toContain('--judge SPEC');
});
