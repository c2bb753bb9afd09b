// The system refuses memory in the middle of a step: what is said, what is kept, and that the run goes on from there.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli } from '../cli/command.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';

// Half a minute on a busy machine: FAULTS=all npx vitest run test/faults/memory.test.ts
const limits =
  process.env['FAULTS'] !== undefined &&
  process.platform === 'linux' &&
  spawnSync('prlimit', ['--version']).status === 0;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-memory-'));
  await writeTinyModel(join(dir, 'model'));
  const file = join(dir, 'model', 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...config, max_position_embeddings: 8192 }));
  const rows = judgedRows(4);
  // Attention over so many tokens takes more than the process may.
  const long = { ...rows[2]!, instruction: 'The river is long. '.repeat(120) };
  await writeJsonl(join(dir, 'rows.jsonl'), [rows[0]!, rows[1]!, long, rows[3]!]);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Ended {
  readonly losses: readonly number[];
  readonly error: { readonly code: string; readonly message: string } | null;
}

type Limit = 'step' | 'optimizer' | 'free';

async function train(limit: Limit, name = 'run', more: object = {}): Promise<Ended> {
  const program = join(dirname((await buildCli('real')).main), 'short-of-memory.js');
  const options = {
    ...{ model: join(dir, 'model'), data: join(dir, 'rows.jsonl'), out: join(dir, name), resume: true },
    ...{
      batchSize: 1,
      shuffle: false,
      saveSteps: 100,
      threads: 1,
      cutoffLen: 8192,
      epochs: 1,
      loraDropout: 0,
    },
    ...more,
  };
  const args = [program, JSON.stringify(options), limit];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Ended;
}

describe.runIf(limits)('a step that the system refuses memory for', () => {
  it('ends the run in words, with a checkpoint that it goes on from', { timeout: 300_000 }, async () => {
    const { losses, error } = await train('step');
    expect(losses).toHaveLength(2);
    expect(error?.code).toBe('OUT_OF_MEMORY');
    expect(error?.message).toMatch(
      /^step 3: there is not enough memory(: [0-9.]+ MB more were refused)?; the longest sequence of its batch has \d{4} tokens/,
    );
    expect(error?.message).toMatch(
      /The state after step 2 is saved[^]*`resume`[^]*A new run takes less with .*`cutoffLen`/,
    );
    expect(await readdir(join(dir, 'run', 'checkpoints'))).toEqual(['step-2']);
    const rest = await train('free');
    expect(rest).toMatchObject({ losses: [expect.any(Number), expect.any(Number)], error: null });
  });

  it('does so too where the optimizer asks for it', { timeout: 300_000 }, async () => {
    // An adapter of a million numbers, whose update takes more than there is left, and rows that take little.
    const wide = { loraR: 4096, data: join(dir, 'short.jsonl'), learningRate: 1e-5 };
    await writeJsonl(join(dir, 'short.jsonl'), judgedRows(4));
    const { losses, error } = await train('optimizer', 'wide', wide);
    expect(losses).toEqual([]);
    expect(error?.code).toBe('OUT_OF_MEMORY');
    expect(error?.message).toMatch(/^step 1: there is not enough memory[^]*The state after step 0 is saved/);
    expect(await readdir(join(dir, 'wide', 'checkpoints'))).toEqual(['step-0']);
    // Nothing was changed: what follows is what a run without limits does.
    const rest = await train('free', 'wide', wide);
    expect(rest).toMatchObject({ error: null });
    expect(rest).toEqual(await train('free', 'whole', wide));
  });
});
