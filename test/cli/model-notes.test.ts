// What there is to say of a model is said by every verb that opens it, once, beside its results.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildCli, eventsOf } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

let dir: string;
let cli: Cli;
const run = (...args: string[]): Promise<Finished> => cli.call([...args, '--threads', '1'], { cwd: dir });
const few = [
  '--batch_size',
  '3',
  '--max_steps',
  '1',
  '--warmup_steps',
  '0',
  '--lora_r',
  '2',
  '--report',
  'false',
];
const judged = few.slice(0, -2);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-model-notes-'));
  await writeTinyModel(join(dir, 'model'));
  await withExtraTensor(join(dir, 'model/model.safetensors'));
  await writeJsonl(join(dir, 'rows.jsonl'), judgedRows(9));
  cli = await buildCli('real');
}, 240_000);
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

/** Adds a tensor that a Llama of this configuration has no place for. */
async function withExtraTensor(file: string): Promise<void> {
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, object>;
  const data = bytes.subarray(8 + length);
  header['model.layers.0.mlp.extra.weight'] = {
    dtype: 'F32',
    shape: [2],
    data_offsets: [data.length, data.length + 8],
  };
  const text = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  await writeFile(file, Buffer.concat([prefix, text, data, Buffer.alloc(8)]));
}

const model = ['--model', 'model'];
const verbs: readonly (readonly string[])[] = [
  ['align', 'rows.jsonl', ...model, '--out', 'run', ...few],
  ['score', 'rows.jsonl', ...model],
  ['generate', '--instruction', 'Say it.', ...model, '--max_new_tokens', '3'],
  [
    'evaluate',
    ...model,
    '--adapter',
    'run/adapter',
    '--tasks',
    'held_out',
    '--data',
    'held_out=rows.jsonl',
    '--out',
    'eval',
  ],
  ['merge', ...model, '--adapter', 'run/adapter', '--out', 'merged'],
  ['train-judge', 'rows.jsonl', ...model, '--out', 'judge', ...judged, '--max_new_tokens', '3'],
  ['judge', 'rows.jsonl', '--judge', 'local:judge', '--judge_max_tokens', '3', '--out', 'judged.jsonl'],
  [
    ...[
      'online',
      ...model,
      '--instructions',
      'rows.jsonl',
      '--judge',
      'local:judge',
      '--rounds',
      '1',
      '--per_round',
      '3',
    ],
    ...['--eval_size', '2', '--max_new_tokens', '3', '--out', 'online', '--dry_run'],
  ],
];

it.each(verbs)('%s', async (...args) => {
  const { stderr, stdout } = await run(...args, '--json');
  expect(eventsOf(stderr, 'error')).toEqual([]);
  const notes = eventsOf(stderr, 'note').filter(({ code }) => code === 'UNUSED_WEIGHTS');
  expect(notes).toMatchObject([
    { text: expect.stringContaining('model.layers.0.mlp.extra.weight') as string },
  ]);
  expect(stdout).not.toContain('UNUSED_WEIGHTS');
});

it('in words it is a line beside the rows, and none with --quiet', async () => {
  const args = ['generate', '--instruction', 'Say it.', ...model, '--max_new_tokens', '3'];
  const { stdout, stderr } = await run(...args);
  expect(stderr).toMatch(/^note The weights have tensor "model\.layers\.0\.mlp\.extra\.weight" that .*\n$/);
  const quiet = await run(...args, '--quiet');
  expect([quiet.stdout, quiet.stderr]).toEqual([stdout, '']);
});
