// The verbs on a tiny real model: align, score, merge, generate and data, as a user would chain them.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTemplate } from '../../src/tokens/index.ts';
import { buildCli } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './fixtures.ts';
import { metricsOf } from './run.ts';

let dir: string;
let cli: Cli;
const at = (name: string): string => join(dir, name);
const rows = judgedRows(9);
const run = (...args: string[]): Promise<Finished> => cli.call([...args, '--threads', '1']);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-verbs-'));
  await writeTinyModel(at('model'));
  await writeJsonl(at('data.jsonl'), rows);
  cli = await buildCli('real');
  const args = [
    '--model',
    at('model'),
    '--out',
    at('run'),
    '--learning_rate',
    '0.02',
    '--warmup_steps',
    '0',
    '--batch_size',
    '3',
  ];
  const { code, stderr } = await run(
    'align',
    at('data.jsonl'),
    ...args,
    '--epochs',
    '4',
    '--lora_dropout',
    '0',
  );
  expect([code, stderr]).toEqual([0, '']);
});
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

interface Scored {
  index: number;
  label: string;
  tokens: string[];
  token_ids: number[];
  offsets: [number, number][];
  logprob: number[];
  logprob_judged: number[] | null;
  flagged: boolean[] | null;
}
const scored = async (file: string): Promise<Scored[]> =>
  (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Scored);

it('align learns: the likelihood part of the loss falls over the epochs', async () => {
  const metrics = await metricsOf(at('run'));
  const mean = (some: Record<string, number>[]): number =>
    some.reduce((sum, m) => sum + m['loss_l2']!, 0) / some.length;
  expect(mean(metrics.slice(-3))).toBeLessThan(mean(metrics.slice(0, 3)) - 0.5);
  expect(metrics.every((m) => Math.abs(m['loss']! - m['loss_l1']! - m['loss_l2']!) < 1e-4)).toBe(true);
});

describe('score', () => {
  it('writes the contract, in the order of the input', async () => {
    const { code, stdout } = await run(
      'score',
      at('data.jsonl'),
      '--model',
      at('model'),
      '--out',
      at('scores.jsonl'),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^9 triplets scored into /m);
    const lines = await scored(at('scores.jsonl'));
    expect(lines.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (const [i, line] of lines.entries()) {
      expect(Object.keys(line)).toEqual([
        'index',
        'label',
        'tokens',
        'token_ids',
        'offsets',
        'logprob',
        'logprob_judged',
        'flagged',
      ]);
      const positive = rows[i]!.judgment === null;
      expect(line.label).toBe(positive ? 'align-p' : 'align-n');
      expect(line.logprob_judged === null).toBe(positive);
      const lengths = [line.tokens, line.token_ids, line.offsets, line.logprob].map((list) => list.length);
      expect(new Set(lengths).size).toBe(1);
      const covered = line.offsets.map(([from, to]) => Array.from(rows[i]!.output).slice(from, to).join(''));
      expect(covered.join('')).toBe(rows[i]!.output);
      expect(covered.at(-1)).toBe(''); // the end token
      line.flagged?.forEach((flagged, t) => {
        expect(flagged).toBe(
          line.logprob_judged![t]! > Math.fround(line.logprob[t]! + Math.fround(Math.log(1.2))),
        );
      });
    }
  });

  it('flags less with a higher lambda, and sees the adapter', async () => {
    const count = (lines: Scored[]): number =>
      lines.flatMap(({ flagged }) => flagged ?? []).filter(Boolean).length;
    const common = ['score', at('data.jsonl'), '--model', at('model')];
    await run(...common, '--lambda', '1', '--out', at('low.jsonl'));
    await run(...common, '--lambda', '1.5', '--out', at('high.jsonl'));
    await run(...common, '--adapter', at('run/adapter'), '--out', at('tuned.jsonl'));
    expect(count(await scored(at('high.jsonl')))).toBeLessThan(count(await scored(at('low.jsonl'))));
    const likelihood = (lines: Scored[]): number =>
      lines
        .filter(({ label }) => label === 'align-p')
        .flatMap(({ logprob }) => logprob)
        .reduce((a, b) => a + b, 0);
    expect(likelihood(await scored(at('tuned.jsonl')))).toBeGreaterThan(
      likelihood(await scored(at('low.jsonl'))) + 10,
    );
  });

  it('without --out marks flagged tokens in the responses, with brackets in a pipe', async () => {
    const { stdout } = await run('score', at('data.jsonl'), '--model', at('model'), '--lambda', '1');
    await run('score', at('data.jsonl'), '--model', at('model'), '--lambda', '1', '--out', '-');
    expect(stdout).toMatch(/^#0 align-p$/m);
    expect(stdout).toMatch(/^#1 align-n {2}\d+ of \d+ tokens flagged$/m);
    expect(stdout).toMatch(/\[[^\]]+\]/);
    expect(stdout.replace(/[[\]]|<\/s>/g, '')).toContain(rows[1]!.output);
  });

  it('does not replace its own input', async () => {
    const { code, stderr } = await run(
      'score',
      at('data.jsonl'),
      '--model',
      at('model'),
      '--out',
      at('data.jsonl'),
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/this would replace the input/);
    expect((await readFile(at('data.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(9);
  });
});

it('merge writes a complete model that scores like the pair, and never replaces anything', async () => {
  const args = ['merge', '--model', at('model'), '--adapter', at('run/adapter'), '--out', at('merged')];
  const { code, stdout, stderr } = await run(...args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/6 projections merged[^]*checked: log-probs of 188 tokens/);
  expect((await readdir(at('merged'))).sort()).toEqual((await readdir(at('model'))).sort());
  await run('score', at('data.jsonl'), '--model', at('merged'), '--out', at('merged.jsonl'));
  await run(
    'score',
    at('data.jsonl'),
    '--model',
    at('model'),
    '--adapter',
    at('run/adapter'),
    '--out',
    at('pair.jsonl'),
  );
  const [merged, pair] = [await scored(at('merged.jsonl')), await scored(at('pair.jsonl'))];
  merged.forEach(({ logprob }, i) =>
    logprob.forEach((value, t) => expect(Math.abs(value - pair[i]!.logprob[t]!)).toBeLessThan(1e-4)),
  );
  expect((await run(...args)).code).toBe(2);
});

it('an adapter can be trained further, and brings its own rank', async () => {
  const args = [
    'align',
    at('data.jsonl'),
    '--model',
    at('model'),
    '--adapter',
    at('run/adapter'),
    '--max_steps',
    '2',
    '--warmup_steps',
    '0',
  ];
  const clash = await run(...args, '--out', at('clash'), '--lora_r', '4');
  expect(clash.code).toBe(2);
  expect(clash.stderr).toMatch(/lora_r: the adapter has 16/);
  const further = await run(...args, '--out', at('further'));
  expect(further.stderr).toBe('');
  const [first] = await metricsOf(at('further'));
  const before = await metricsOf(at('run'));
  expect(first!['loss_l2']).toBeLessThan(before[0]!['loss_l2']! - 0.5); // it starts where the other ended
});

describe('generate', () => {
  it('responds to an instruction, the same every time, and to a file as data', async () => {
    const common = ['generate', '--model', at('model'), '--max_new_tokens', '5'];
    const [a, b] = [
      await run(...common, '--instruction', rows[0]!.instruction),
      await run(...common, '--instruction', rows[0]!.instruction),
    ];
    expect([a.code, a.stderr]).toEqual([0, '']);
    expect(a.stdout).toBe(b.stdout);
    await writeFile(at('asks.txt'), `${rows[0]!.instruction}\n\n${rows[1]!.instruction}\n`);
    expect((await run(...common, '--file', at('asks.txt'), '--out', at('responses.jsonl'))).code).toBe(0);
    const lines = (await readFile(at('responses.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ instruction }) => instruction)).toEqual([rows[0]!.instruction, rows[1]!.instruction]);
    expect(Object.keys(lines[0]!)).toEqual(['index', 'instruction', 'output', 'finished', 'token_ids']);
    expect(a.stdout).toContain(String(lines[0]!['output']).trimEnd());
  });

  it('asks for a response that deserves a judgment', async () => {
    const common = ['generate', '--model', at('model'), '--max_new_tokens', '40', '--temperature', '1'];
    const ask = async (...more: string[]): Promise<string> =>
      (await run(...common, '--instruction', rows[0]!.instruction, ...more)).stdout;
    const praised = await ask('--judgment', 'Perfect.');
    expect(praised).not.toBe(await ask());
    expect(praised).not.toBe(await ask('--judgment', 'The place is wrong.'));
    const text = (
      await loadTemplate('alpaca', { chatTemplate: null, specialTokens: {}, addedTokens: new Set<string>() })
    ).render(rows[0]!, 'Perfect.');
    expect(praised).toBe((await run(...common, '--prompt', text)).stdout);
    const clash = await run(...common, '--prompt', 'a', '--judgment', 'b');
    expect(clash.code).toBe(2);
    expect(clash.stderr).toMatch(/--judgment, --prompt: a prompt is continued as it stands/);
  });

  it('ends before a stop string, and refuses one that cannot be read', async () => {
    const common = ['generate', '--model', at('model'), '--max_new_tokens', '40', '--temperature', '1'];
    const ask = (...more: string[]): Promise<Finished> => run(...common, '--prompt', 'The fig', ...more);
    const whole = (await ask()).stdout;
    const stop = /(?<=^[^]{3,})[a-z]{2}/.exec(whole)?.[0];
    const cut = await ask('--stop', `never this,${stop!}`);
    expect([cut.code, cut.stderr]).toEqual([0, '']);
    expect(cut.stdout).toBe(`${whole.slice(0, whole.indexOf(stop!))}\n`);
    expect(cut.stdout.length).toBeLessThan(whole.length - 5);
    const bad = await ask('--stop', String.raw`\q`);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toMatch(/--stop: no text in "\\\\q"/);
  });

  it('wants exactly one source of prompts', async () => {
    const { code, stderr } = await run(
      'generate',
      '--model',
      at('model'),
      '--prompt',
      'a',
      '--instruction',
      'b',
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/exactly one of --instruction, --prompt and --file/);
  });
});

describe('data', () => {
  it('check reports counts and findings, and fails for rows that cannot be used', async () => {
    const check = (...args: string[]): Promise<Finished> => cli.call(['data', 'check', ...args]);
    const good = await check(at('data.jsonl'), '--model', at('model'));
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(/unsatisfactory +6/);
    expect(good.stdout).toMatch(/response, tokens/);
    await writeJsonl(at('bad.jsonl'), [
      ...rows,
      { instruction: 'x', output: '', judgment: 'Nothing there.' },
    ]);
    const bad = await check(at('bad.jsonl'));
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/empty responses \(1\)[^]*row 10/);
    const { findings } = JSON.parse((await check(at('bad.jsonl'), '--json')).stdout) as {
      findings: { row: number }[];
    };
    expect(findings.map(({ row }) => row)).toContain(10);
  });

  it('convert writes the canonical form', async () => {
    const { code, stdout } = await cli.call([
      'data',
      'convert',
      at('data.jsonl'),
      '--out',
      at('canonical.json'),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^9 triplets \(6 align-n, 3 align-p\) from 9 rows/);
    expect(JSON.parse(await readFile(at('canonical.json'), 'utf8'))).toEqual(rows);
    expect((await cli.call(['data', 'convert', at('data.jsonl'), '--out', at('canonical.json')])).code).toBe(
      1,
    );
  });
});

describe('bad input', () => {
  const align = async (name: string, content: string): Promise<Finished> => {
    await writeFile(at(name), content);
    const finished = await run('align', at(name), '--model', at('model'), '--out', at(`out-${name}`));
    expect(finished.code).toBe(1);
    await expect(readdir(at(`out-${name}`))).rejects.toThrow(/ENOENT/);
    return finished;
  };
  const row = (fields: object): string => `${JSON.stringify({ ...rows[1], ...fields })}\n`;

  it('malformed JSON has line and column', async () => {
    expect((await align('malformed.json', '[\n  {"instruction": "a",\n   "output" "b"}\n]')).stderr).toMatch(
      /malformed\.json:3:13/,
    );
  });
  it('missing and wrong-typed fields name row and field', async () => {
    const { stderr } = await align(
      'fields.jsonl',
      row({}) + row({ output: 5 }) + row({ instruction: undefined }),
    );
    expect(stderr).toMatch(/row 2, field "output": expected a string, found the number 5/);
    expect(stderr).toMatch(/row 3, field "instruction": expected a string/);
  });
  it('an empty response names its row', async () => {
    expect((await align('empty.jsonl', row({}) + row({ output: '' }))).stderr).toMatch(
      /row 2, field "output": empty responses: there is no response/,
    );
  });
  it('a response longer than the cut-off says how long it may be', async () => {
    expect((await align('long.jsonl', row({ output: 'and so on '.repeat(2000) }))).stderr).toMatch(
      /row 1, field "output"[^]*--cutoff_len/,
    );
  });

  it('a sequence longer than the model has positions is refused before the first step', async () => {
    const { stderr } = await align('positions.jsonl', row({ output: 'and so on '.repeat(150) }));
    expect(stderr).toMatch(/the model takes at most 512\n {2}Lower --cutoff_len from 2048 to 512/);
  });

  const broken = async (name: string, damage: (model: string) => Promise<void>): Promise<string> => {
    await writeTinyModel(at(name));
    await damage(at(name));
    const { code, stderr } = await run(
      'align',
      at('data.jsonl'),
      '--model',
      at(name),
      '--out',
      at(`out-${name}`),
    );
    expect(code).toBe(1);
    await expect(readdir(at(`out-${name}`))).rejects.toThrow(/ENOENT/);
    return stderr;
  };
  const edit =
    (file: string, change: (json: Record<string, unknown>) => object) =>
    async (model: string): Promise<void> => {
      const path = join(model, file);
      const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      await writeFile(path, JSON.stringify({ ...json, ...change(json) }));
    };
  const bytes =
    (change: (bytes: Buffer) => Buffer) =>
    async (model: string): Promise<void> => {
      const path = join(model, 'model.safetensors');
      await writeFile(path, change(await readFile(path)));
    };

  it.each([
    [
      'a tokenizer without an end token',
      edit('tokenizer_config.json', () => ({ eos_token: null })),
      /end token|eos_token/,
    ],
    [
      'an unsupported model_type',
      edit('config.json', () => ({ model_type: 'bloom' })),
      /bloom[^]*llama[^]*qwen3/,
    ],
    [
      'an unsupported rope variant',
      edit('config.json', () => ({ rope_scaling: { rope_type: 'mrope', factor: 4 } })),
      /mrope/,
    ],
    ['an unsupported activation', edit('config.json', () => ({ hidden_act: 'relu6' })), /relu6/],
    ['a truncated shard', bytes((all) => all.subarray(0, all.length - 100)), /model\.safetensors/],
    ['NaN in weights', bytes((all) => (all.writeFloatLE(NaN, all.length - 4), all)), /NaN|not finite/],
    ['missing weights', (model: string) => rm(join(model, 'model.safetensors')), /model\.safetensors/],
  ])('%s is refused in words', async (what, damage, expected) => {
    const stderr = await broken(what.replaceAll(' ', '-'), damage);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

it('a file is not written under the name of a folder', async () => {
  const { code, stderr } = await run(
    'score',
    at('data.jsonl'),
    '--model',
    at('model'),
    '--out',
    `${at('new')}/`,
  );
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/new\/: expected a file to write, found a folder/),
  ]);
});
