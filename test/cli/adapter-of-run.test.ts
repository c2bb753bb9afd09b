// --adapter RUN in the place of RUN/adapter: every verb takes it, says so, and does the same.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'whetstone-adapter-of-run-'));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const stream = { write: (text: string) => void (said += text) };
  const code = await main([...args, '--model', at('model'), '--threads', '1'], {
    stdout: stream,
    stderr: stream,
  });
  return { code, said };
}

const training = ['--batch_size', '4', '--lora_r', '2', '--warmup_steps', '0'];
beforeAll(async () => {
  await writeTinyModel(at('model'));
  await writeJsonl(at('rows.jsonl'), judgedRows(4));
  expect(await run('align', at('rows.jsonl'), '--out', at('run'), ...training)).toMatchObject({ code: 0 });
});

it.each<[string, string, (adapter: string, out: string) => string[]]>([
  ['score', '', (adapter, out) => ['score', at('rows.jsonl'), '--adapter', adapter, '--out', out]],
  [
    'generate',
    '',
    (adapter, out) => [
      'generate',
      '--file',
      at('rows.jsonl'),
      '--max_new_tokens',
      '4',
      '--adapter',
      adapter,
      '--out',
      out,
    ],
  ],
  ['merge', 'model.safetensors', (adapter, out) => ['merge', '--adapter', adapter, '--out', out]],
  [
    'align',
    'adapter/adapter_model.safetensors',
    (adapter, out) => ['align', at('rows.jsonl'), '--adapter', adapter, '--out', out, '--batch_size', '4'],
  ],
])('%s', async (verb, file, args) => {
  const [of, itself] = [at(`${verb}-of-run`), at(`${verb}-itself`)];
  const taken = await run(...args(at('run'), of));
  expect(taken).toMatchObject({ code: 0 });
  expect(taken.said).toContain(`${at('run')} is a run; its adapter, ${at('run/adapter')}, is used.`);
  const direct = await run(...args(at('run/adapter'), itself));
  expect(direct).toMatchObject({ code: 0 });
  expect(direct.said).not.toContain('is a run');
  expect(readFileSync(join(of, file))).toEqual(readFileSync(join(itself, file)));
});

it('a run without an adapter is told apart from no adapter', async () => {
  const unfinished = await run('score', at('rows.jsonl'), '--adapter', at('model'));
  expect(unfinished.said).toMatch(/adapter_config\.json: is missing\n.*An adapter is a PEFT folder/);
  rmSync(at('run/adapter'), { recursive: true });
  const { code, said } = await run('score', at('rows.jsonl'), '--adapter', at('run'));
  expect(code).toBe(1);
  expect(said).toMatch(/run: this is a run that has no adapter yet\n.*--resume/);
});
