// "whetstone evaluate" from outside, with two tiny models: tables, kills, what is reused, refusals, the hub, a server.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import type { Cli, Finished } from '../cli/command.ts';
import { buildCli } from '../cli/command.ts';

const golden = fileURLToPath(new URL('../golden/lm_eval/', import.meta.url));
const bytes = join(golden, 'models/bytes');
const pieces = join(golden, 'models/pieces');
const data = join(golden, 'data');
const folder = mkdtempSync(join(tmpdir(), 'whetstone-evaluate-verb-'));
const place = (name: string): string => join(folder, name);
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli('real');
}, 120_000);
afterAll(async () => {
  await cli.remove();
  rmSync(folder, { recursive: true, force: true });
});
const evaluate = (...args: string[]): Promise<Finished> => cli.call(['evaluate', '--threads', '1', ...args]);

/** A benchmark that takes a few seconds: the golden rows again and again, numbered so that no two are alike. */
function longData(documents: number): string {
  const rows = read(data, 'hellaswag/validation.jsonl').trim().split('\n');
  const path = place('long/hellaswag/validation.jsonl');
  mkdirSync(dirname(path), { recursive: true });
  const numbered = Array.from({ length: documents }, (_, i) => {
    const row = JSON.parse(rows[i % rows.length]!) as Record<string, unknown>;
    return `${JSON.stringify({ ...row, activity_label: `${String(row['activity_label'])} ${i}` })}\n`;
  });
  writeFileSync(path, numbered.join(''));
  return place('long');
}
/** Lines of all journals of an evaluation. */
const measured = (out: string): number =>
  existsSync(join(out, 'items'))
    ? readdirSync(join(out, 'items'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.jsonl'))
        .reduce((sum, name) => sum + read(out, 'items', name).split('\n').length - 1, 0)
    : 0;

describe('whetstone evaluate', () => {
  it('compares models in one table, and uses what is there', async () => {
    const out = place('table');
    const models = `base=${bytes},other=${pieces}`;
    const first = await evaluate(
      '--model',
      models,
      '--tasks',
      'arc_challenge,truthfulqa',
      '--data',
      data,
      '--out',
      out,
    );
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('2 models, 3 tasks, 20 items each');
    expect(first.stdout).toMatch(
      /arc_challenge +acc +base +\d+\.\d ± \d+\.\d\n +other +\d+\.\d ± \d+\.\d +[-+]?\d+\.\d \[/,
    );
    expect(first.stdout).toContain('lost their beginning');
    expect(measured(out)).toBe(40);
    const page = await cli.call(['report', out]);
    expect(page).toMatchObject({ code: 0, stderr: '' });
    const [, value = ''] = /arc_challenge +acc +base +(\d+\.\d) /.exec(first.stdout)!;
    expect(read(out, 'report.html')).toContain(`${value} ± `);
    expect(read(out, 'report.html')).toMatch(
      /Differences to base: arc_challenge, acc: other [-+]?\d+\.\d \[/,
    );
    const results = JSON.parse(read(out, 'results.json')) as { rows: { models: Record<string, object> }[] };
    delete results.rows[0]!.models['other'];
    writeFileSync(join(out, 'results.json'), JSON.stringify(results));
    const damaged = await cli.call(['report', out]);
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(
      /results\.json: expected the results of an evaluation[^]*measures what is missing/,
    );
    const more = ['--tasks', 'arc_challenge,arc_easy', '--data', data, '--out', out];
    const second = await evaluate('--model', models, ...more);
    expect(second.code).toBe(0);
    expect(measured(out)).toBe(46);
    expect(read(out, 'results.csv').split('\n')[1]).toMatch(/^arc_challenge,acc,base,/);
    expect(Object.keys((JSON.parse(read(out, 'results.json')) as { rows: object[] }).rows)).toHaveLength(4);
  });

  it('goes on after kills, and ends with the same figures', async () => {
    const args = ['--model', bytes, '--tasks', 'hellaswag', '--data', longData(700)];
    expect((await evaluate(...args, '--out', place('whole'))).code).toBe(0);
    const out = place('killed');
    for (const least of [100, 300]) {
      const { child, finished } = cli.start(['evaluate', '--threads', '1', ...args, '--out', out]);
      while (measured(out) < least && child.exitCode === null) await sleep(5);
      child.kill('SIGKILL');
      expect((await finished).code).toBeNull();
    }
    const before = measured(out);
    expect(before).toBeLessThan(700);
    expect(existsSync(join(out, 'results.json'))).toBe(false);
    expect((await evaluate(...args, '--out', out)).code).toBe(0);
    expect(measured(out)).toBe(700);
    expect(read(out, 'results.json')).toBe(read(place('whole'), 'results.json'));
  }, 120_000);

  it('stops at Ctrl+C with what it has', async () => {
    const out = place('stopped');
    const args = ['--model', bytes, '--tasks', 'hellaswag', '--data', longData(2000), '--out', out];
    const { child, finished } = cli.start(['evaluate', '--threads', '1', ...args]);
    while (measured(out) < 20 && child.exitCode === null) await sleep(5);
    child.kill('SIGINT');
    const { code, stdout } = await finished;
    expect(code).toBe(130);
    expect(stdout).toContain('the same command goes on');
    expect(existsSync(join(out, 'run.lock'))).toBe(false);
  });

  it('fetches data from the hub, and records the commit', async () => {
    const commit = 'c'.repeat(40);
    const hub = await startFakeHub();
    try {
      const file = (name: string): string => read(data, 'ai2_arc', name);
      hub.repositories.push({
        path: 'datasets/allenai/ai2_arc',
        commit,
        branches: ['main'],
        files: {
          'ARC-Easy/test.jsonl': file('ARC-Easy/test.jsonl'),
          'ARC-Easy/train.jsonl': file('ARC-Easy/train.jsonl'),
          'ARC-Challenge/test.jsonl': 'not wanted',
        },
      });
      const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: place('cache'), HF_HUB_OFFLINE: '' };
      const args = [
        'evaluate',
        '--threads',
        '1',
        '--model',
        bytes,
        '--tasks',
        'arc_easy',
        '--num_fewshot',
        '2',
      ];
      const finished = await cli.call([...args, '--data', 'hub', '--out', place('hub')], { env });
      expect(finished).toMatchObject({ code: 0 });
      expect(read(place('hub'), 'run.yaml')).toContain(`commit: ${commit}`);
      expect(hub.log.some(({ line }) => line.includes('ARC-Challenge'))).toBe(false);
      // The same rows from elsewhere are the same documents.
      const local = await cli.call([...args, '--data', data, '--out', place('hub')]);
      expect(local.code).toBe(0);
      expect(measured(place('hub'))).toBe(3);
    } finally {
      await hub.close();
    }
  });

  it('agrees with itself behind a server', async () => {
    const { child, finished } = cli.start([
      'serve',
      '--model',
      bytes,
      '--port',
      '0',
      '--threads',
      '1',
      '--quiet',
    ]);
    try {
      let output = '';
      child.stdout!.on('data', (text: string) => (output += text));
      while (!/http:\S+\/v1/.test(output) && child.exitCode === null) await sleep(20);
      const [url] = /http:\S+\/v1/.exec(output)!;
      const out = place('server');
      const models = `here=${bytes},served=${url}#bytes`;
      const more = ['--tokenizer', bytes, '--data', data, '--out', out];
      const { code } = await evaluate('--model', models, '--tasks', 'arc_easy,arc_challenge', ...more);
      expect(code).toBe(0);
      const { rows } = JSON.parse(read(out, 'results.json')) as {
        rows: { models: Record<string, { value: number }> }[];
      };
      for (const { models: cells } of rows) expect(cells['served']!.value).toBe(cells['here']!.value);
    } finally {
      child.kill('SIGTERM');
      await finished;
    }
  });

  it.each<[string, string[], number, string[]]>([
    ['no such task', ['--tasks', 'gsm8k', '--data', data], 2, ['there is no task "gsm8k"', 'hellaswag']],
    ['no data', ['--tasks', 'mmlu_virology'], 1, ['mmlu_virology: found no test.jsonl', 'cais/mmlu']],
    [
      'a place for another task',
      ['--tasks', 'arc_easy', '--data', `hellaswag=${data}`],
      2,
      ['hellaswag is not among'],
    ],
    [
      'no such model',
      ['--tasks', 'arc_easy', '--data', data, '--model', '/nowhere/model'],
      1,
      ['no such folder'],
    ],
    [
      'two of a name',
      ['--tasks', 'arc_easy', '--data', data, '--model', `${bytes},${bytes}/`],
      2,
      ['two models'],
    ],
    ['more examples than rows', ['--tasks', 'arc_easy', '--data', data, '--preset', 'paper'], 1, ['found 5']],
  ])('refuses %s', async (_, args, code, words) => {
    const all = args.includes('--model') ? args : ['--model', bytes, ...args];
    const finished = await evaluate(...all, '--out', place('refused'));
    expect(finished.code).toBe(code);
    for (const word of words) expect(finished.stderr).toContain(word);
    expect(existsSync(place('refused'))).toBe(false);
  });
});
