// Judged files from outside: what the verbs refuse, leave out, count and keep. The stand-in engine computes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { buildCli, eventsOf } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';

let dir: string;
let cli: Cli;
let model: string;
const at = (name: string): string => join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-data-'));
  model = at('model');
  await writeTinyModel(model);
  await writeJsonl(at('mixed.jsonl'), mixed);
  await writeJsonl(at('long.jsonl'), long);
  cli = await buildCli('fake');
});
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

const sound = judgedRows(6);
const mixed = [
  ...sound,
  { ...sound[1], judgment: '$ERROR$' },
  { ...sound[2], judgment: 'None' },
  { ...sound[2], judgment: 'The response is perfect. It says where.' },
  { ...sound[1], judgment: null, judgement: 'It was not there.' },
];
// The tiny model takes 512 tokens.
const words = 'The pear was found in the cellar and it was ripe. ';
const long = [
  ...sound,
  { ...sound[1], output: words.repeat(60) },
  { ...sound[2], instruction: words.repeat(40) },
];
const lines = async (file: string): Promise<Record<string, unknown>[]> =>
  (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const train = (data: string, out: string, ...more: string[]): Promise<Finished> =>
  cli.call([
    'align',
    at(data),
    '--model',
    model,
    '--out',
    at(out),
    '--max_steps',
    '1',
    '--warmup_steps',
    '0',
    ...more,
  ]);

describe('rows that data check refuses', () => {
  it('are refused by every verb that uses rows, with their count and the command that leaves them out', async () => {
    const check = await cli.call(['data', 'check', at('mixed.jsonl')]);
    expect(check.code).toBe(1);
    expect(check.stdout).toMatch(/4 errors/);
    const use: readonly (readonly string[])[] = [
      ['align', at('mixed.jsonl'), '--model', model, '--out', at('refused')],
      ['score', at('mixed.jsonl'), '--model', model],
      ['train-judge', at('mixed.jsonl'), '--model', model, '--out', at('refused-judge')],
    ];
    for (const args of use) {
      const { code, stderr } = await cli.call(args);
      expect([args[0], code]).toEqual([args[0], 1]);
      expect(stderr).toMatch(/4 of 10 rows cannot be used:\n +row 7, field "judgment": .*placeholders/);
      expect(stderr).toMatch(/row 10, field "judgement": .*did you mean judgment\?/);
      expect(stderr).toMatch(/whetstone data convert \S+mixed\.jsonl --out sound\.jsonl --skip_invalid/);
    }
  });

  it('are left out by data convert and align if they are told to, with the reasons beside the output', async () => {
    const out = at('sound.jsonl');
    const convert = ['data', 'convert', at('mixed.jsonl'), '--out', out];
    expect((await cli.call(convert)).code).toBe(1);
    const { code, stdout } = await cli.call([...convert, '--skip_invalid']);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/6 triplets[^]*left out: 4 rows .*sound\.jsonl\.left-out\.jsonl/),
    ]);
    expect(await lines(out)).toHaveLength(6);
    const reasons = await lines(`${out}.left-out.jsonl`);
    expect(reasons.map(({ row, code: why }) => [row, why])).toEqual([
      [7, 'placeholder-judgment'],
      [8, 'placeholder-judgment'],
      [9, 'praise-as-critique'],
      [10, 'invalid-row'],
    ]);
    expect((await cli.call(['data', 'check', out])).code).toBe(0);
    const run = await train('mixed.jsonl', 'skipped', '--skip_invalid');
    expect([run.code, run.stdout]).toEqual([
      0,
      expect.stringMatching(/6 rows: 4 align-n[^]*4 rows that data check refuses left out/),
    ]);
    expect(await lines(at('skipped/left-out.jsonl'))).toEqual(reasons);
    const record = parse(await readFile(at('skipped/run.yaml'), 'utf8')) as { run: object };
    expect(record.run).toMatchObject({ rows_left_out: { invalid: 4, too_long: 0 } });
  });

  it('are left out by score if it is told to, from a file, shown or from the standard input', async () => {
    const out = at('left-out-scores.jsonl');
    const score = ['score', at('mixed.jsonl'), '--model', model, '--skip_invalid'];
    const { code, stdout } = await cli.call([...score, '--out', out]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/left out: 4 rows .*the reasons are in \S+left-out/),
    ]);
    expect((await lines(out)).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await lines(`${out}.left-out.jsonl`)).map(({ row }) => row)).toEqual([7, 8, 9, 10]);
    const again = await cli.call([...score, '--out', at('other.jsonl'), '--overwrite']);
    expect(again.code).toBe(0);
    await rm(out);
    const taken = await cli.call([...score, '--out', out]);
    expect([taken.code, taken.stderr]).toEqual([
      1,
      expect.stringMatching(/left-out\.jsonl: the file exists already/),
    ]);
    const shown = await cli.call(score);
    expect([shown.code, shown.stderr]).toEqual([
      0,
      expect.stringMatching(/left out: 4 rows[^]*row 10 judgement: /),
    ]);
    expect(shown.stdout.match(/^#\d align/gm)).toHaveLength(6);
  });

  it('are left out by train-judge in the same words, also where it goes on', async () => {
    const out = at('judge');
    const args = ['train-judge', '--out', out, '--max_new_tokens', '8', '--json'];
    const more = ['--held_out', '0.4', '--max_steps', '1', '--warmup_steps', '0', '--skip_invalid'];
    const first = await cli.call([...args, at('mixed.jsonl'), '--model', model, ...more]);
    const again = await cli.call([...args, '--resume']);
    for (const { code, stdout } of [first, again]) {
      expect(code).toBe(0);
      expect(eventsOf(stdout, 'plan')).toMatchObject([{ rows: { invalid: 4 } }]);
    }
    expect((await lines(join(out, 'left-out.jsonl'))).map(({ row }) => row)).toEqual([7, 8, 9, 10]);
  });

  it('are converted as they are without the switch where they can be read, and counted', async () => {
    await writeJsonl(at('readable.jsonl'), mixed.slice(0, 9));
    const { code, stdout } = await cli.call([
      'data',
      'convert',
      at('readable.jsonl'),
      '--out',
      at('all.jsonl'),
    ]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/9 triplets[^]*refuse 3 of these triplets; --skip_invalid/),
    ]);
  });
});

describe('rows that are too long', () => {
  it('are an error of data check with the model, and refused by align and score in the same words and number', async () => {
    const check = await cli.call(['data', 'check', at('long.jsonl'), '--model', model]);
    expect(check.code).toBe(1);
    expect(check.stdout).toMatch(/the model takes 512 tokens: 2 rows are longer/);
    expect(check.stdout).toMatch(/row 7 output: \d+ tokens with its prompt; the model takes 512/);
    for (const args of [
      ['align', at('long.jsonl'), '--out', at('r')],
      ['score', at('long.jsonl')],
    ]) {
      const { code, stderr } = await cli.call([...args, '--model', model]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/2 of 8 rows cannot be used:\n.*row 7.*longer than the model takes\n.*row 8/);
      expect(stderr).toMatch(/Lower --cutoff_len from 2048 to 512[^]*--long_rows skip/);
    }
    const cut = await cli.call(['data', 'check', at('long.jsonl'), '--model', model, '--cutoff_len', '512']);
    expect(cut.stdout).toMatch(/cut-off of 512 tokens: 1 prompts shortened, 1 rows do not fit/);
  });

  it('are left out, counted and recorded with --long_rows skip', async () => {
    const { code, stdout } = await train('long.jsonl', 'long-run', '--long_rows', 'skip');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/2 rows left out as too long/)]);
    expect((await lines(at('long-run/left-out.jsonl'))).map(({ row }) => row)).toEqual([7, 8]);
    const record = parse(await readFile(at('long-run/run.yaml'), 'utf8')) as {
      long_rows: string;
      run: object;
    };
    expect(record).toMatchObject({ long_rows: 'skip', run: { rows_left_out: { too_long: 2 } } });
    const out = at('scores.jsonl');
    const scored = await cli.call([
      'score',
      at('long.jsonl'),
      '--model',
      model,
      '--long_rows',
      'skip',
      '--out',
      out,
    ]);
    expect([scored.code, scored.stdout]).toEqual([
      0,
      expect.stringMatching(/2 rows left out as too long \(rows 7, 8\)/),
    ]);
    expect((await lines(out)).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('of generate are named, with a remedy that it has', async () => {
    await writeFile(at('ask.txt'), `Say it.\n\n${words.repeat(40)}\n`);
    const { code, stderr } = await cli.call(['generate', '--model', model, '--file', at('ask.txt')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /ask\.txt, row 3: the prompt has \d+ tokens, and the model takes 512[^]*Shorten these/,
    );
    expect(stderr).not.toMatch(/cutoff_len/);
  });
});

it('tokens outside the vocabulary of the model are an error of data check', async () => {
  await writeTinyModel(at('small'));
  const config = JSON.parse(await readFile(at('small/config.json'), 'utf8')) as object;
  await writeFile(at('small/config.json'), JSON.stringify({ ...config, vocab_size: 200 }));
  const { code, stdout } = await cli.call(['data', 'check', at('mixed.jsonl'), '--model', at('small')]);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /error: tokens outside the model's vocabulary \(\d+\)[^]*gives token \d+, and the model has 200/,
  );
});

describe('files that unfold into more than the heap holds', () => {
  const small = { env: { NODE_OPTIONS: '--max-old-space-size=100' } };
  const many = (count: number): string[] => Array<string>(count).fill('x');
  it.each([
    [
      'Parquet',
      'b.parquet',
      () =>
        new Uint8Array(
          parquetWriteBuffer({
            columnData: ['instruction', 'output', 'judgment'].map((name) => ({
              name,
              data: many(1e6),
              type: 'STRING' as const,
            })),
            rowGroupSize: 1e6,
          }),
        ),
      /1,000,000 rows need about/,
    ],
    ['JSON', 'b.json.gz', () => gzipSync(`[${'{},'.repeat(2e6)}{}]`), /values and more need about/],
    [
      'CSV',
      'b.csv.gz',
      () => gzipSync(`instruction,output,judgment\n${'a,b,\n'.repeat(1e6)}`),
      /rows need about/,
    ],
    [
      'JSONL',
      'b.jsonl.gz',
      () => gzipSync('{"instruction":"a","output":"b","judgment":null}\n'.repeat(8e5)),
      /rows and more do not fit/,
    ],
  ])('are refused and do not abort the process: %s', async (_, name, bytes, message) => {
    await writeFile(at(name), bytes());
    const { code, stderr } = await cli.run(['data', 'check', at(name)], small);
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(stderr).toMatch(/max-old-space-size/);
  });
});

describe('chats without judgments', () => {
  const chat = [
    { role: 'user', content: 'Where was the pear?' },
    { role: 'assistant', content: 'In the attic.' },
    { role: 'user', content: 'No, it was in the cellar.' },
    { role: 'assistant', content: 'In the cellar.' },
  ];

  it('become rows to judge, or are judged by what the user said next', async () => {
    await writeJsonl(at('chats.jsonl'), [{ messages: chat }, { messages: [chat[0], chat[1], chat[1]] }]);
    const refused = await cli.call(['data', 'convert', at('chats.jsonl'), '--out', '-']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('messages[2].role');
    const convert = ['data', 'convert', at('chats.jsonl'), '--skip_invalid', '--out'];
    const rows = await cli.call([...convert, at('to-judge.jsonl')]);
    expect(rows.stderr + rows.stdout).toMatch(/1 chat from 2 rows of layout messages[^]*whetstone judge/);
    expect(JSON.parse(await readFile(at('to-judge.jsonl'), 'utf8'))).toEqual({ messages: chat });
    const judged = await cli.call([...convert, at('judged.jsonl'), '--judge', 'next-message']);
    expect(judged.stderr + judged.stdout).toMatch(/1 triplet \(1 align-n, 0 align-p\)/);
    expect(JSON.parse(await readFile(at('judged.jsonl'), 'utf8'))).toEqual({
      instruction: chat[0]!.content,
      output: chat[1]!.content,
      judgment: 'No, it was in the cellar.',
    });
    const again = await cli.call([
      'data',
      'convert',
      at('judged.jsonl'),
      '--out',
      '-',
      '--judge',
      'next-message',
    ]);
    expect(again.stderr).toMatch(/no chats without judgments/);
  });
});
