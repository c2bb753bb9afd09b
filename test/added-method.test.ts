// A method added from outside, through the package's root entry: it trains, is recorded, and its run goes on.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { AlignOptions, Method } from '../src/index.ts';
import { addMethod, align, likelihood, methodNames } from '../src/index.ts';
import { fakeEngine } from './cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from './cli/fixtures.ts';

/** Likelihood of all responses whose judgment is short, each token alike. */
const shortJudgments: Method = {
  label: 'likelihood of responses with short judgments',
  title: 'likelihood of every response that is judged in few words',
  needs: 'rows with a judgment in few words',
  usable: ({ judgment }) => (judgment ?? '').length < 80,
  from: 'rows',
  roles: () => ['plain'],
  settings: ['normalize'],
  defaults: { normalize: 'tokens' },
  objective: ({ normalize }) => Promise.resolve(likelihood({ normalize, includeRejected: true })),
};

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-method-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(join(dir, 'judged.jsonl'), judgedRows(12));
  addMethod('short-judgments', shortJudgments);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function stepsOf(options: Partial<AlignOptions>): Promise<number[]> {
  const run = align({
    out: join(dir, 'run'),
    openEngine: ({ seed = 0 }) => Promise.resolve(fakeEngine({ seed })),
    ...options,
  });
  const steps: number[] = [];
  try {
    for await (const { step } of run) steps.push(step);
    return steps;
  } finally {
    await run.dispose();
  }
}

it('is one of the methods, trains with its own defaults, is recorded and gone on with', async () => {
  expect(methodNames()).toContain('short-judgments');
  const stop = new AbortController();
  const given = {
    model: join(dir, 'model'),
    data: join(dir, 'judged.jsonl'),
    method: 'short-judgments',
    batchSize: 4,
    warmupSteps: 0,
  };
  const run = align({
    ...given,
    out: join(dir, 'run'),
    signal: stop.signal,
    openEngine: ({ seed = 0 }) => Promise.resolve(fakeEngine({ seed })),
  });
  try {
    for await (const { step } of run) if (step === 1) stop.abort();
  } finally {
    await run.dispose();
  }
  const record = parse(await readFile(join(dir, 'run', 'run.yaml'), 'utf8')) as Record<string, unknown>;
  expect(record).toMatchObject({ method: 'short-judgments', normalize: 'tokens' });
  expect(record).not.toHaveProperty('lambda');
  expect(await stepsOf({ resume: true })).toEqual([2, 3]);
});

it('refuses what belongs to other methods, and a name that is taken', async () => {
  const options = { model: 'nowhere', data: 'nowhere', out: join(dir, 'none'), method: 'short-judgments' };
  await expect(stepsOf({ ...options, lambda: 2 })).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
    message: expect.stringMatching(/lambda/) as string,
  });
  expect(() => addMethod('cut', shortJudgments)).toThrow(/already/);
});
