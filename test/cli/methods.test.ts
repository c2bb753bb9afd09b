// whetstone align --method from outside: what each method writes, which data it refuses, and the phase in which the
// model writes revisions. The stand-in engine computes.
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { methodNames } from '../../src/alignment/methods.ts';
import { buildCli, eventsOf } from './command.ts';
import type { Cli, Finished, RunOptions } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';
import { adapterOf, metricsOf } from './run.ts';

let dir: string;
let cli: Cli;
let out: string;
let runs = 0;
const at = (name: string): string => join(dir, name);
const rows = judgedRows(30); // 10 satisfactory, 20 not
const scored = rows.flatMap((row, i) => [
  { ...row, score: i % 3 === 0 ? 9 : 2 },
  { ...row, output: `${row.output} Really.`, judgment: 'Too wordy.', score: 4 },
]);
/** Every first response is revised into the second one, which has a row of its own. */
const attempts = scored.map((row, i) => (i % 2 === 0 ? { ...row, revision: scored[i + 1]!.output } : row));
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-methods-'));
  await writeTinyModel(at('model'));
  await writeJsonl(at('data.jsonl'), rows);
  await writeJsonl(at('scored.jsonl'), scored);
  await writeJsonl(at('attempts.jsonl'), attempts);
  cli = await buildCli('fake');
});
beforeEach(() => {
  out = at(`run-${++runs}`);
});
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

const fake = (options: object): RunOptions => ({ env: { FAKE_ENGINE: JSON.stringify(options) } });
const args = (data: string, method: string, ...more: string[]): string[] => [
  ...['align', at(data), '--model', at('model'), '--out', out, '--method', method],
  ...['--warmup_steps', '0', ...more],
];
const align = (data: string, method: string, more: string[] = [], options?: RunOptions): Promise<Finished> =>
  cli.call(args(data, method, ...more), options);
const recordOf = async (run: string): Promise<Record<string, unknown>> =>
  parse(await readFile(join(run, 'run.yaml'), 'utf8')) as Record<string, unknown>;
interface Revision {
  index: number;
  output: string;
  judgment: string;
  revision: string;
}
const revisionsOf = async (run: string): Promise<Revision[]> =>
  (await readFile(join(run, 'revisions.jsonl'), 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Revision);

it.each(methodNames().map((name) => [name]))('%s trains, and its run.yaml repeats it', async (method) => {
  const data = method === 'rltf-sd' ? 'attempts.jsonl' : 'scored.jsonl';
  const { code, stdout, stderr } = await align(data, method, ['--max_steps', '2', '--json']);
  expect(code).toBe(0);
  expect(eventsOf(stdout, 'plan')).toMatchObject([{ method, total_steps: 2 }]);
  const record = await recordOf(out);
  expect(record['method']).toBe(method);
  expect('lambda' in record).toBe(['cut', 'dual-cut', 'cepo-cut'].includes(method));
  expect('beta' in record).toBe(['dual-cut', 'dpo', 'ilf-dpo', 'user-interactions'].includes(method));
  const [first] = await metricsOf(out);
  expect('loss_l1' in first!).toBe(['cut', 'cepo-cut'].includes(method));
  expect('loss_preference' in first!).toBe(['dpo', 'ilf-dpo'].includes(method));
  const flagging = ['cut', 'dual-cut', 'self-distillation', 'user-interactions', 'cepo-cut', 'rltf-fm'];
  expect('flagged_fraction' in first!).toBe(flagging.includes(method));
  const shown = eventsOf(stderr, 'progress').filter(({ what }) => what === 'step');
  expect(shown.at(-1)).toMatchObject({ done: 2, total: 2 });
  expect('flagged_fraction' in shown.at(-1)!).toBe('flagged_fraction' in first!);
  const copy = `${out}-copy`;
  const again = await cli.call(['align', '--config', join(out, 'run.yaml'), '--out', copy]);
  expect([again.code, again.stderr]).toEqual([0, '']);
  expect(await adapterOf(copy)).toEqual(await adapterOf(out));
});

it('dpo counts pairs, by score where there is one and by label where there is none', async () => {
  expect((await align('scored.jsonl', 'dpo')).stdout).toMatch(
    /^rows +30 pairs from 60 rows; [^]*^steps +4 of 8 pairs/m,
  );
  const labelled = rows.slice(0, 2).flatMap((row) => [row, { ...row, output: 'No idea.', judgment: null }]);
  await writeJsonl(at('labelled.jsonl'), labelled);
  out += '-labelled';
  // The first row is satisfactory, so both of its responses are.
  expect((await align('labelled.jsonl', 'dpo')).stdout).toMatch(/^rows +1 pair from 4 rows/m);
});

describe('what a method cannot use', () => {
  const refused = async (...given: Parameters<typeof align>): Promise<string> => {
    const { code, stderr } = await align(...given);
    expect(code).toBeGreaterThan(0);
    expect(stderr).not.toMatch(/\n\s+at /);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
    return stderr;
  };

  it('an unknown method lists all of them and what data each needs', async () => {
    const stderr = await refused('data.jsonl', 'hindsigt');
    expect(stderr).toMatch(
      /--method: expected one of cut, [^]*found "hindsigt" \(did you mean hindsight\?\)/,
    );
    for (const name of methodNames()) expect(stderr).toMatch(new RegExp(`\\n +${name} +.*\\n +needs .`));
  });

  it('data without what it needs is refused with the counts of what was found', async () => {
    await writeJsonl(
      at('praised.jsonl'),
      rows.filter(({ judgment }) => judgment === null),
    );
    await writeJsonl(
      at('criticised.jsonl'),
      rows.filter(({ judgment }) => judgment !== null),
    );
    expect(await refused('praised.jsonl', 'cut')).toMatch(
      /praised\.jsonl: method "cut" needs [^]*0 of 10 rows \(10 satisfactory, 0 unsatisfactory;[^]*likelihood\./,
    );
    expect(await refused('praised.jsonl', 'self-distillation')).toMatch(/0 of 10 rows/);
    expect(await refused('criticised.jsonl', 'likelihood')).toMatch(/0 of 20 rows \(0 satisfactory/);
    expect(await refused('data.jsonl', 'dpo')).toMatch(
      /usable: 0 of 30 rows \([^)]*0 with a score, 0 with a revision; 0 instructions with several responses\)/,
    );
  });

  it('options of other methods are refused, each with its owners', async () => {
    const stderr = await refused('data.jsonl', 'ilf-mle', ['--beta', '0.3', '--lambda', '1.5']);
    expect(stderr).toMatch(
      /--beta, --method: this belongs to methods "dual-cut", "ilf-dpo", "dpo", "user-interactions" and means nothing/,
    );
    expect(stderr).toMatch(/--lambda, --method: .*"cut", "dual-cut"/);
  });

  it('a template without the string that it needs is named, with the string', async () => {
    const template = { plain: '{instruction}\n', with_judgment: '{judgment}\n{instruction}\n' };
    await writeFile(at('bare.json'), JSON.stringify(template));
    for (const [method, field] of [
      ['critique', 'critique'],
      ['self-distillation', 'revision'],
      ['ilf-mle', 'revision'],
    ] as const) {
      expect(await refused('data.jsonl', method, ['--template', at('bare.json')])).toMatch(
        new RegExp(`bare\\.json, field "${field}": the template has no string "${field}"`),
      );
    }
    expect((await align('data.jsonl', 'cut', ['--template', at('bare.json')])).code).toBe(0);
  });
});

describe('answers to keep', () => {
  const prompts = ['Say something.', 'Name a river.', 'What is rain?'];
  const kept = ['--retain', 'kept.txt', '--retain_max_new_tokens', '40', '--max_steps', '3'];
  const retained = async (run: string): Promise<string> => readFile(join(run, 'retained.jsonl'), 'utf8');
  const aligned = async (...more: string[]): Promise<Finished> => {
    await writeFile(at('kept.txt'), prompts.map((prompt) => `${prompt}\n`).join(''));
    return align('data.jsonl', 'cut', [
      ...kept.map((word) => (word === 'kept.txt' ? at(word) : word)),
      ...more,
    ]);
  };

  it('are written first, learned in every step, gone on with, and held to their file', async () => {
    const { code, stdout, stderr } = await aligned('--json');
    expect([code, code === 0 ? '' : stderr + stdout]).toEqual([0, '']);
    expect(eventsOf(stderr, 'note')).toMatchObject([
      { code: 'ANSWERS_RETAINED', text: expect.stringMatching(/^The model answered 3 prompts/) as string },
    ]);
    const whole = await retained(out);
    const lines = whole.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { instruction: string }).instruction)).toEqual(prompts);
    // Another run finds what a kill left, writes the rest, and ends with the same bytes.
    const first = out;
    const begun = `${first}-begun`;
    await cp(first, begun, { recursive: true });
    for (const part of ['adapter', 'checkpoints', 'metrics.jsonl', 'report.html'])
      await rm(join(begun, part), { recursive: true, force: true });
    await writeFile(join(begun, 'retained.jsonl'), `${lines[0]!}\n${lines[1]!.slice(0, 9)}`);
    const resumed = await cli.call(['align', '--out', begun, '--resume']);
    expect([resumed.code, resumed.stderr]).toEqual([0, '']);
    expect(await retained(begun)).toBe(whole);
    expect(await adapterOf(begun)).toEqual(await adapterOf(first));
    const without = `${first}-without`;
    out = without;
    expect((await align('data.jsonl', 'cut', ['--max_steps', '3'])).code).toBe(0);
    const tokens = async (run: string): Promise<number[]> =>
      (await metricsOf(run)).map((step) => step['response_tokens'] as number);
    const [beside, alone] = [await tokens(first), await tokens(without)];
    beside.forEach((count, step) => expect(count).toBeGreaterThan(alone[step]!));
    await writeFile(at('kept.txt'), 'Another.\n');
    const changed = await cli.call(['align', '--out', begun, '--resume']);
    expect(changed.stderr).toMatch(/retain: the file has other content than when the run began/);
  });

  it('are planned for without being written, and their settings mean nothing alone', async () => {
    const { code } = await aligned('--dry_run');
    expect(code).toBe(0);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
    const alone = await align('data.jsonl', 'cut', ['--retain_weight', '2']);
    expect(alone.stderr).toMatch(/--retain_weight, --retain: this is about answers to keep/);
    const long = await aligned('--retain_max_new_tokens', '4000');
    expect(long.stderr).toMatch(/answers of 4000 tokens leave no room for a prompt within/);
  });
});

describe('revisions', () => {
  const ilf = ['--max_steps', '2', '--batch_size', '4'];
  // Above ten million parameters revisions are written eight at a time.
  const slow = fake({ responseDelay: 15, delay: 10 });

  it('are written first, kept with what they revise, and rows keep their own', async () => {
    const own = rows.map((row, i) => (i % 3 === 1 ? { ...row, revision: `It was elsewhere, ${i}.` } : row));
    await writeJsonl(at('revised.jsonl'), own);
    const { code, stdout, stderr } = await align('revised.jsonl', 'ilf-mle', [...ilf, '--json']);
    expect(code).toBe(0);
    const counted = eventsOf(stderr, 'progress').filter(({ what }) => what === 'revision');
    expect([counted[0], counted.at(-1)]).toMatchObject([
      { done: 0, total: 10 },
      { done: 10, total: 10 },
    ]);
    expect(eventsOf(stdout, 'plan')).toMatchObject([{ rows: { used: 20, align_n: 20 } }]);
    expect(eventsOf(stderr, 'note')).toMatchObject([
      {
        code: 'REVISIONS_WRITTEN',
        text: expect.stringMatching(/^The model wrote 10 revisions/) as string,
      },
    ]);
    const written = await revisionsOf(out);
    expect(written.map(({ index }) => index)).toEqual([2, 5, 8, 11, 14, 17, 20, 23, 26, 29]);
    for (const { index, output, judgment, revision } of written) {
      expect([output, judgment]).toEqual([rows[index]!.output, rows[index]!.judgment]);
      expect(revision).not.toBe('');
    }
  });

  it('of nothing are counted, and if there are no others the run says why it cannot go on', async () => {
    const { code, stderr } = await align('data.jsonl', 'ilf-dpo', ilf, fake({ generated: [] }));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /learns from revisions, and there are none\. The model wrote 20 revisions .*20 with nothing/,
    );
    expect(await revisionsOf(out)).toHaveLength(20);
    // The half-written run is there, and is refused to another method.
    const other = await align('data.jsonl', 'cut', ['--resume']);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(
      /cannot go on with what has changed:\n +method: the run has ilf-dpo, now cut/,
    );
    expect((await align('data.jsonl', 'cut')).stderr).toMatch(/already holds a run/);
  });

  const killAfter = async (lines: number, ...more: string[]): Promise<void> => {
    const { child, finished } = cli.start(args('data.jsonl', 'ilf-dpo', ...ilf, ...more), slow);
    const count = async (): Promise<number> =>
      (await readFile(join(out, 'revisions.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;
    while ((await count()) < lines && child.exitCode === null) await sleep(2);
    child.kill('SIGKILL');
    expect((await finished).code).toBeNull();
  };

  it('survive kills: none is written twice, and the run ends with the same bytes', async () => {
    const whole = out;
    expect((await align('data.jsonl', 'ilf-dpo', ilf, slow)).code).toBe(0);
    out = `${whole}-broken`;
    await killAfter(8);
    const early = await revisionsOf(out);
    await killAfter(16, '--resume');
    expect((await revisionsOf(out)).slice(0, early.length)).toEqual(early);
    const last = await cli.call(['align', '--out', out, '--resume'], slow);
    expect([last.code, last.stderr]).toEqual([0, '']);
    const text = await readFile(join(out, 'revisions.jsonl'), 'utf8');
    expect(text).toBe(await readFile(join(whole, 'revisions.jsonl'), 'utf8'));
    expect(new Set((await revisionsOf(out)).map(({ index }) => index)).size).toBe(20);
    expect(await adapterOf(out)).toEqual(await adapterOf(whole));
    expect(await metricsOf(out)).toEqual(await metricsOf(whole));
  });

  it('stop at Ctrl+C with what is written, and say how to go on', async () => {
    const { child, finished } = cli.start(args('data.jsonl', 'ilf-mle', ...ilf), slow);
    while ((await revisionsOf(out).catch(() => [])).length === 0) await sleep(2);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished;
    expect([code, stderr]).toEqual([130, '']);
    expect(stdout).toMatch(/Ctrl\+C: keeping the revisions that are there/);
    expect(stdout).toContain(
      `of 20 revisions, which are kept. Go on with:\n  whetstone align --out ${out} --resume\n`,
    );
    const before = await revisionsOf(out);
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(20);
    expect((await cli.call(['align', '--out', out, '--resume'], slow)).code).toBe(0);
    expect(await revisionsOf(out)).toEqual(expect.arrayContaining(before));
    expect((await cli.call(['align', '--out', out, '--resume'], slow)).stdout).toMatch(
      /This run is complete/,
    );
  });

  it('that belong to other rows are refused with their line', async () => {
    await killAfter(8);
    const file = join(out, 'revisions.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, [lines[0]!.replace('"output":"', '"output":"Not '), ...lines.slice(1)].join('\n'));
    const { code, stderr } = await cli.call(['align', '--out', out, '--resume'], slow);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /revisions\.jsonl:1: row 2 of the data is not what was revised[^]*Remove this file/,
    );
  });
});
