// The template of an adapter, from outside: align records it, and generate and score ask with it unless told otherwise.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { buildCli, eventsOf } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';
import { adapterOf, metricsOf } from './run.ts';

let dir: string;
let cli: Cli;
const rows = judgedRows(12);
const template =
  '{% for m in messages %}{% if m.role == "user" %}Say{% if tone is defined %} {{ tone }}{% endif %}: {{ m.content }} Now: ' +
  '{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-template-'));
  await writeTinyModel(join(dir, 'model'));
  const config = join(dir, 'model/tokenizer_config.json');
  const settings = JSON.parse(await readFile(config, 'utf8')) as object;
  await writeFile(config, JSON.stringify({ ...settings, chat_template: template }));
  await writeJsonl(join(dir, 'judged.jsonl'), rows);
  await writeFile(
    join(dir, 'layout.yaml'),
    'plain: "Where? {instruction} There: "\nwith_judgment: "Where? {instruction} {judgment} There: "\n',
  );
  cli = await buildCli('fake');
}, 240_000);
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

const run = (args: string[], env: Record<string, string> = {}): Promise<Finished> =>
  cli.call(args, { cwd: dir, env });
const align = (out: string, ...more: string[]): string[] => [
  ...['align', 'judged.jsonl', '--model', './model', '--out', out],
  ...['--batch_size', '2', '--warmup_steps', '0', '--max_steps', '6', '--save_steps', '2', ...more],
];
const generate = (...more: string[]): string[] => [
  ...['generate', '--instruction', rows[0]!.instruction, '--model', './model', ...more],
];
const score = (...more: string[]): string[] => [
  ...['score', 'judged.jsonl', '--model', './model', '--out', '-', ...more],
];

const trainings: readonly (readonly [name: string, ...told: string[]])[] = [
  ['alpaca-run', '--template', 'alpaca'],
  ['chat-run', '--template', 'chat'],
  ['tone-run', '--template', 'chat', '--template_args', 'tone=softly'],
  ['file-run', '--template', 'layout.yaml'],
];

describe.each(trainings)('%s', (out, ...told) => {
  it('is asked as it was trained by whoever says nothing', async () => {
    // The first of them is what the two commands of the README do: nobody names a template.
    const aligned = await run(align(out, ...(out === 'alpaca-run' ? [] : told)));
    expect([aligned.code, aligned.stderr]).toEqual([0, '']);
    for (const ask of [generate, score]) {
      const silent = await run(ask('--adapter', `${out}/adapter`));
      expect([silent.code, silent.stderr]).toEqual([0, '']);
      const same = await run(ask('--adapter', `${out}/adapter`, ...told));
      expect([same.stdout, same.stderr]).toEqual([silent.stdout, '']);
    }
  });

  it('and says in one line that it is told otherwise', async () => {
    const otherwise = told.includes('alpaca') ? 'chat' : 'alpaca';
    for (const ask of [generate, score]) {
      const silent = await run(ask('--adapter', `${out}/adapter`));
      const { code, stdout, stderr } = await run(ask('--adapter', `${out}/adapter`, '--template', otherwise));
      expect(code).toBe(0);
      expect(stdout).not.toBe(silent.stdout);
      expect(stderr).toMatch(
        new RegExp(
          `^note The adapter was trained with the template .*; it is asked with ${otherwise}, as told\\.\\n$`,
        ),
      );
      const event = await run(ask('--adapter', `${out}/adapter`, '--template', otherwise, '--json'));
      expect(eventsOf(event.stderr, 'note')).toMatchObject([{ code: 'OTHER_TEMPLATE' }]);
    }
  });
});

it('a template without its variable, or with another value, is told too', async () => {
  for (const args of [
    ['--template', 'chat'],
    ['--template_args', 'tone=loudly'],
  ]) {
    const { stderr } = await run(generate('--adapter', 'tone-run/adapter', ...args));
    expect(stderr).toMatch(/^note .*chat with tone="softly"; it is asked with chat/);
  }
});

it('without an adapter generate asks as the model is, and score as align would', async () => {
  expect((await run(generate())).stdout).toBe((await run(generate('--template', 'chat'))).stdout);
  expect((await run(generate())).stdout).not.toBe((await run(generate('--template', 'alpaca'))).stdout);
  expect((await run(score())).stdout).toBe((await run(score('--template', 'alpaca'))).stdout);
});

it('variables of a template are recorded, and a run that goes on has them', async () => {
  const slow = { FAKE_ENGINE: '{"delay": 60}' };
  const args = ['--template', 'chat', '--template_args', 'tone=softly'];
  expect((await run(align('whole', ...args), slow)).code).toBe(0);
  const { child, finished } = cli.start(align('broken', ...args), { cwd: dir, env: slow });
  const steps = async (): Promise<number> =>
    (await readFile(join(dir, 'broken/metrics.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;
  while ((await steps()) < 3 && child.exitCode === null) await sleep(2);
  child.kill('SIGKILL');
  await finished;
  const record = parse(await readFile(join(dir, 'broken/run.yaml'), 'utf8')) as Record<string, unknown>;
  expect(record).toMatchObject({ template: 'chat', template_args: { tone: 'softly' } });
  const other = await run(['align', '--out', 'broken', '--resume', '--template_args', 'tone=loudly'], slow);
  expect(other.code).not.toBe(0);
  expect(other.stderr).toMatch(/template_args/);
  expect((await run(['align', '--out', 'broken', '--resume'], slow)).code).toBe(0);
  const at = (name: string): string => join(dir, name);
  expect(await adapterOf(at('broken'))).toEqual(await adapterOf(at('whole')));
  expect(await metricsOf(at('broken'))).toEqual(await metricsOf(at('whole')));
  // And the same without the variable is another run.
  expect((await run(align('without', '--template', 'chat'), slow)).code).toBe(0);
  expect((await adapterOf(at('without')))['adapter_model.safetensors']).not.toBe(
    (await adapterOf(at('whole')))['adapter_model.safetensors'],
  );
});
