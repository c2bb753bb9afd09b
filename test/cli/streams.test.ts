// "-" for the standard input and output: formats that are told by their content, pipes from verb to verb, refusals, and
// nothing left behind.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from './command.ts';
import type { Cli, Finished } from './command.ts';
import { judgedRows, writeTinyModel } from './fixtures.ts';

let dir: string;
let cli: Cli;
const rows = judgedRows(5);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-streams-'));
  await writeTinyModel(join(dir, 'model'));
  await writeFile(join(dir, 'rows.jsonl'), jsonl);
  cli = await buildCli('fake');
}, 240_000);
afterAll(async () => {
  await cli.remove();
  await rm(dir, { recursive: true, force: true });
});

/** Runs with this on the standard input; null leaves it closed. Temporary files go where the test can see them. */
async function feed(input: string | Uint8Array | null, args: readonly string[]): Promise<Finished> {
  const temporary = await mkdtemp(join(dir, 'tmp-'));
  const child = spawn(process.execPath, [cli.main, ...args], {
    cwd: dir,
    env: { ...process.env, NO_COLOR: '1', TMPDIR: temporary },
    stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin?.on('error', () => undefined).end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  expect(await readdir(temporary), 'what is left behind').toEqual([]);
  return { code, stdout, stderr };
}

const jsonl = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const table = (separator: string): string =>
  ['instruction', 'output', 'judgment']
    .join(separator)
    .concat('\n')
    .concat(
      rows
        .map(({ instruction, output, judgment }) =>
          [instruction, output, judgment ?? '']
            .map((field) => (separator === ',' ? `"${field}"` : field))
            .join(separator),
        )
        .join('\n'),
    );
const utf16 = (text: string): Uint8Array => Buffer.from(`\ufeff${text}`, 'utf16le');
const parquet = (): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: (['instruction', 'output', 'judgment'] as const).map((name) => ({
        name,
        data: rows.map((row) => row[name]),
        type: 'STRING' as const,
      })),
    }),
  );

describe('rows from the standard input', () => {
  it.each<[string, () => string | Uint8Array]>([
    ['JSONL', () => jsonl],
    ['JSONL without its last line end', () => jsonl.trimEnd()],
    ['JSON', () => JSON.stringify(rows)],
    ['indented JSON', () => `\n${JSON.stringify(rows, null, 2)}`],
    ['JSON under "data"', () => JSON.stringify({ data: rows }, null, 2)],
    ['CSV', () => table(',')],
    ['TSV', () => table('\t')],
    ['gzipped JSONL', () => gzipSync(jsonl)],
    ['JSON with a byte order mark', () => `\ufeff${JSON.stringify(rows)}`],
    ['UTF-16', () => utf16(jsonl)],
    ['Parquet', parquet],
  ])('as %s', async (_, input) => {
    const { code, stdout, stderr } = await feed(input(), ['data', 'convert', '-', '--out', '-']);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^5 triplets .*written to standard output\n$/)]);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual(rows);
  });

  it('as they are told to be', async () => {
    const { code, stdout } = await feed(table('\t'), ['data', 'check', '-', '--format', 'tsv']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^standard input {2}\(tsv, layout/);
    const wrong = await feed(jsonl, ['data', 'check', '-', '--format', 'csv']);
    expect(wrong.code).toBe(1);
  });

  it('have their places in errors, without the name of a temporary file', async () => {
    const bad = `${jsonl}{"instruction": "x", "output": 7, "judgment": null}\n`;
    for (const more of [[], ['--json']]) {
      const { code, stderr } = await feed(bad, ['data', 'convert', '-', '--out', '-', ...more]);
      expect(code).toBe(1);
      expect(stderr).toContain('standard input');
      expect(stderr).not.toContain('tmp-');
    }
    const cut = await feed('{"instruction": "x", ', ['data', 'check', '-']);
    expect(cut.stderr).toMatch(/^error standard input:1/);
  });

  it('are missed where nothing comes', async () => {
    for (const input of ['', null]) {
      const { code, stderr } = await feed(input, ['data', 'check', '-']);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error standard input: expected rows, found nothing/);
    }
    const broken = await feed(gzipSync(jsonl).subarray(0, 40), ['data', 'check', '-']);
    expect(broken.stderr).toMatch(/^error standard input: .*cannot be unpacked/);
  });

  it('are scored, answered and judged as from a file', async () => {
    const score = ['--model', 'model', '--out', '-'];
    const scored = await feed(jsonl, ['score', '-', ...score]);
    expect(scored.stdout).toBe((await feed(null, ['score', 'rows.jsonl', ...score])).stdout);
    expect(scored.stdout.trimEnd().split('\n')).toHaveLength(5);
    const answered = await feed(jsonl, ['generate', '--file', '-', ...score]);
    expect(answered.stdout).toBe((await feed(null, ['generate', '--file', 'rows.jsonl', ...score])).stdout);
    const lines = await feed(`${rows[0]!.instruction}\n\nAnother one.\n`, [
      'generate',
      '--file',
      '-',
      ...score,
    ]);
    const asked = lines.stdout.trimEnd().split('\n');
    expect(asked.map((line) => (JSON.parse(line) as { instruction: string }).instruction)).toEqual([
      rows[0]!.instruction,
      'Another one.',
    ]);
    const critic = `cmd:sed 's/.*"id":"\\([^"]*\\)".*/{"id":"\\1","judgment":null}/'`;
    const judged = await feed(jsonl, ['judge', '-', '--judge', critic, '--out', 'judged.jsonl']);
    expect([judged.code, judged.stderr]).toEqual([0, '']);
    expect((await readFile(join(dir, 'judged.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(5);
  });
});

describe('a pipe', () => {
  const shell = (command: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const line = command.replaceAll('whetstone', `${process.execPath} ${cli.main}`);
      const child = spawn('bash', ['-o', 'pipefail', '-c', line], {
        cwd: dir,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });

  it('goes from verb to verb', async () => {
    const { code, stdout, stderr } = await shell(
      'whetstone data convert rows.jsonl --out - --quiet | whetstone score - --model model --out -',
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(5);
  });

  it('that is read no further ends quietly', async () => {
    const { code, stdout, stderr } = await shell(
      'whetstone score rows.jsonl --model model --out - | head -c 20',
    );
    expect([code, stdout.length, stderr]).toEqual([0, 20, '']);
  });

  it
    .skipIf(process.platform !== 'linux')
    .each([
      ['score rows.jsonl --model model'],
      ['score rows.jsonl --model model --out -'],
      ['generate --model model --file rows.jsonl'],
      ['data check rows.jsonl'],
      ['data convert rows.jsonl --out -'],
      ['completion bash'],
      ['world tasks --count 2'],
    ])('that is closed is an error: %s', async (command) => {
    const { code, stderr } = await shell(`whetstone ${command} >&-`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error the standard output is closed/);
  });
});

describe('"-" where it cannot be', () => {
  it.each([
    [['align', '-', '--model', 'model', '--out', 'run'], /DATA: "-" cannot be read here/],
    [['align', 'rows.jsonl', '--model', '-', '--out', 'run'], /--model: "-" cannot be read here/],
    [['align', 'rows.jsonl', '--model', 'model', '--out', '-'], /--out: "-" cannot be written/],
    [['merge', '--model', 'model', '--adapter', '-', '--out', 'm'], /--adapter: "-" cannot be read here/],
    [['judge', 'rows.jsonl', '--judge', 'cmd:cat', '--out', '-'], /--out: "-" cannot be written/],
    [['train-judge', '-', '--model', 'model', '--out', 'run'], /DATA: "-" cannot be read here/],
    [['evaluate', '--model', 'model', '--tasks', 'held_out', '--out', '-'], /--out: "-" cannot be written/],
  ])('%j', async (args, expected) => {
    const { code, stderr } = await feed(jsonl, args);
    expect(code).toBe(2);
    expect(stderr).toMatch(expected);
    expect(await readdir(dir)).not.toContain('-');
  });

  it('names a file behind --, whatever it begins with', async () => {
    await writeFile(join(dir, '--rows.jsonl'), jsonl);
    const { code, stdout } = await feed(null, ['data', 'check', '--quiet', '--', '--rows.jsonl']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^--rows\.jsonl {2}\(jsonl/);
  });
});

it('one mistake is one error', async () => {
  const lines = async (...args: string[]): Promise<string[]> =>
    (await feed(null, args)).stderr.split('\n').filter((line) => /: /.test(line) && !/^ *See/.test(line));
  expect(await lines('data', 'check', '--lamda', 'rows.jsonl')).toHaveLength(1);
  expect(await lines('judge', '-', '--judge', 'cmd:cat', '--out', '-')).toHaveLength(1);
  expect(await lines('score', '--overwrite', 'rows.jsonl', '--model', 'model', '--lambda')).toEqual([
    'error --lambda: expected a number of at least 1, found ""',
  ]);
});
