// --model as a model of the hub, from outside, with the real engine and a hub on loopback.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { FakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import { startFakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import { buildCli } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

const commit = 'feedfacefeedfacefeedfacefeedfacefeedface';
let dir: string;
let cli: Cli;
let hub: FakeHub;
let env: Record<string, string>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-cli-hub-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(join(dir, 'data.jsonl'), judgedRows(4));
  hub = await startFakeHub();
  const names = await readdir(join(dir, 'model'));
  const contents = await Promise.all(names.map((name) => readFile(join(dir, 'model', name))));
  const files = Object.fromEntries(names.map((name, i) => [name, contents[i]!]));
  hub.repositories.push({
    path: 'ink/well',
    commit,
    branches: ['main'],
    files,
    large: ['model.safetensors'],
  });
  env = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(dir, 'hf'), HF_HUB_OFFLINE: '', HF_TOKEN: '' };
  cli = await buildCli('real');
});
afterAll(async () => {
  await cli.remove();
  await hub.close();
  await rm(dir, { recursive: true, force: true });
});

const run = (args: string[], more: Record<string, string> = {}): Promise<Finished> =>
  cli.call(args, { cwd: dir, env: { ...env, ...more } });
const generate = (model: string, more?: Record<string, string>): Promise<Finished> =>
  run(
    ['generate', '--model', model, '--instruction', 'Say it.', '--max_new_tokens', '8', '--threads', '1'],
    more,
  );

it('fetches the model once and responds as its folder does', async () => {
  const local = await generate('./model');
  expect(local.code).toBe(0);
  const first = await generate('ink/well');
  expect(first).toMatchObject({ code: 0, stdout: local.stdout });
  expect(first.stderr).toContain(`model ink/well, commit ${commit}`);
  expect(first.stderr).toMatch(/downloading \d files, \d+\.\d MB, of the model ink\/well \(main\) from http/);
  const asked = hub.log.length;
  const offline = await generate(`ink/well@${commit}`, {
    HF_HUB_OFFLINE: '1',
    HF_ENDPOINT: 'http://127.0.0.1:9',
  });
  expect(offline).toMatchObject({ code: 0, stdout: local.stdout });
  expect(hub.log.length).toBe(asked);
});

it('records the commit of a run, and names the model in the adapter', async () => {
  const out = join(dir, 'run');
  const aligned = await run([
    ...['align', 'data.jsonl', '--model', 'ink/well', '--out', out, '--batch_size', '2', '--max_steps', '1'],
    ...['--warmup_steps', '0', '--threads', '1'],
  ]);
  expect(aligned).toMatchObject({ code: 0 });
  const record = parse(await readFile(join(out, 'run.yaml'), 'utf8')) as { model: string };
  expect(record.model).toBe(join(dir, 'hf/hub/models--ink--well/snapshots', commit));
  const adapter = JSON.parse(await readFile(join(out, 'adapter/adapter_config.json'), 'utf8')) as object;
  expect(adapter).toMatchObject({ base_model_name_or_path: 'ink/well' });
  const again = await run(['align', '--out', out, '--resume'], { HF_HUB_OFFLINE: '1' });
  expect(again).toMatchObject({ code: 0 });
  expect(again.stdout).toContain('This run is complete');
});

it('prefers a folder, and says what was looked for where there is neither', async () => {
  await writeTinyModel(join(dir, 'ink/pot'), 9);
  const before = hub.log.length;
  expect(await generate('ink/pot')).toMatchObject({ code: 0 });
  expect(hub.log.length).toBe(before);
  const asked = hub.log.length;
  const mistyped = await generate('ink/stain');
  expect([mistyped.code, hub.log.length]).toEqual([1, asked]);
  expect(mistyped.stderr).toMatch(/ink\/stain: there is no such folder[^]*hub:ink\/stain/);
  const missing = await generate('hub:ink/stain');
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/there is no model ink\/stain, or it is private/);
});
