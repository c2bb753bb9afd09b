import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFakeEngine } from '../../test/cli/fake-engine.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../../test/cli/fixtures.ts';
import { align } from '../alignment/index.ts';
import type { AlignOptions } from '../alignment/index.ts';
import { reportRun, runReport } from './index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-report-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const step = (n: number, more: object = {}): string =>
  `${JSON.stringify({ ...more, step: n, loss: 1 / n, flagged_fraction: 0.5, learning_rate: 1e-4 })}\n`;

const judged = (id: string, judgment: string | null): string =>
  `${JSON.stringify({ id, instruction: `Ask ${id}`, output: 'An answer.', judgment })}\n`;

const record = (kind: string): string =>
  `method: cut\nmodel: ./model\nrun:\n  kind: ${kind}\n  judge_name: a critic\n  versions:\n    whetstone: 9.9.9\n`;

it('shows a training that goes on: the steps that are whole, settings and versions', async () => {
  await writeFile(join(dir, 'run.yaml'), record('align'));
  await writeFile(join(dir, 'metrics.jsonl'), step(1) + step(2) + '{"step": 3, "lo');
  const report = await runReport(dir);
  expect(report.notes).toEqual([expect.stringContaining('The run is not complete: 2 steps so far')]);
  expect(report.use).toBeUndefined();
  expect(report.curves?.[0]?.steps).toEqual([
    { step: 1, loss: 1, learningRate: 1e-4, flaggedFraction: 0.5 },
    { step: 2, loss: 0.5, learningRate: 1e-4, flaggedFraction: 0.5 },
  ]);
  expect(report.settings).toEqual({ method: 'cut', model: './model' });
  expect(report.provenance).toEqual({
    command: `whetstone align --out ${dir} --resume`,
    versions: { whetstone: '9.9.9' },
  });
});

it('shows the rounds of an online run, and writes the page where it is asked to', async () => {
  await writeFile(join(dir, 'run.yaml'), record('online'));
  await writeFile(join(dir, 'metrics.jsonl'), step(1, { round: 1 }));
  for (const round of ['0', '1']) await mkdir(join(dir, 'rounds', round), { recursive: true });
  await writeFile(join(dir, 'rounds/0/held-out.jsonl'), judged('a', 'Wrong.') + judged('b', null));
  await writeFile(join(dir, 'rounds/1/held-out.jsonl'), judged('a', null) + judged('b', null));
  await writeFile(join(dir, 'rounds/1/judged.jsonl'), judged('c', 'Too short.'));
  const { headline, answers } = await runReport(dir);
  expect(headline?.success).toMatchObject({ before: { value: 0.5 }, after: { value: 1 } });
  expect(answers).toHaveLength(2);
  const out = join(dir, 'page.html');
  expect(await reportRun(dir, { out })).toBe(out);
  expect(await readFile(out, 'utf8')).toMatch(/a critic wrote[^]*Round by round/);
});

describe('a finished run', () => {
  const openEngine = openFakeEngine();
  const train = async (more: Partial<AlignOptions> = {}): Promise<string> => {
    const out = join(dir, 'run');
    await writeTinyModel(join(dir, 'model'));
    await writeJsonl(join(dir, 'data.jsonl'), judgedRows(40));
    const run = align({
      ...{ model: join(dir, 'model'), data: join(dir, 'data.jsonl'), out, openEngine },
      ...{ batchSize: 8, warmupSteps: 0, learningRate: 0.01 },
      ...more,
    });
    for await (const each of run) void each;
    await run.dispose();
    return out;
  };

  it('is measured on some of its rows, which the page says, within the bounds', async () => {
    const out = await train();
    const told: [number, number][] = [];
    const { headline, heatMaps, flaggedWords, answers, answersNote, notes, use, keySettings } =
      await runReport(out, {
        openEngine,
        onProgress: (done, total) => told.push([done, total]),
      });
    expect(headline!.changes!.of.map(({ label }) => label)).toContain('The rest of these responses');
    for (const { before, after } of headline!.changes!.of)
      for (const share of [before, after]) expect(share > 0 && share <= 1).toBe(true);
    expect(headline!.changes!.note).toContain('32 responses of data.jsonl, which was trained on');
    expect(headline!.facts!.map(({ label }) => label)).toContain('Optimizer steps');
    expect(heatMaps).toHaveLength(9);
    for (const { tokens, judgment } of heatMaps!) {
      expect(judgment).not.toBeNull();
      expect(tokens.some(({ plain, judged }) => plain !== judged)).toBe(true);
    }
    const flagged = heatMaps!.flatMap(({ tokens }) => tokens).filter((token) => token.flagged);
    expect(flaggedWords === undefined).toBe(flagged.length === 0);
    expect(answers).toHaveLength(6);
    expect(answersNote).toMatch(/at most 96 tokens to instructions of data.jsonl, which was trained on/);
    expect(notes).toEqual([]);
    expect(use!.map(({ title }) => title)).toEqual(['Whetstone', 'PEFT', 'vLLM', 'llama.cpp', 'Ollama']);
    expect(keySettings).toEqual(
      expect.arrayContaining(['data', 'model', 'method', 'learning_rate', 'warmup_steps']),
    );
    for (const name of ['batch_size', 'lambda', 'adam_beta1', 'adapter'])
      expect(keySettings).not.toContain(name);
    expect(told.at(-1)).toEqual([76, 76]);
  });

  it('is the same page again, but for its date', async () => {
    const out = await train();
    const undated = async (): Promise<object> => ({ ...(await runReport(out, { openEngine })), date: '' });
    expect(await undated()).toEqual(await undated());
  });

  it('is measured on other rows and prompts where these are given, and says which were trained on', async () => {
    const held = join(dir, 'held-out.jsonl');
    await writeJsonl(held, judgedRows(48));
    await writeFile(join(dir, 'prompts.txt'), 'Say one.\nSay two.\n');
    const out = await train({ evalData: held, reportPrompts: join(dir, 'prompts.txt') });
    const report = await runReport(out, { openEngine });
    expect(report.headline!.changes!.note).toContain('of held-out.jsonl.');
    expect(report.notes).toEqual([
      expect.stringMatching(/^40 of the 48 rows of held-out.jsonl were trained on/),
    ]);
    expect(report.answers!.map(({ instruction }) => instruction)).toEqual(['Say one.', 'Say two.']);
    expect(report.answersNote).toContain('the instructions of prompts.txt');
  });

  it('whose files are gone is shown without what needs them, unless they are asked for', async () => {
    const out = await train();
    await rm(join(dir, 'data.jsonl'));
    const report = await runReport(out, { openEngine });
    expect(report.notes).toEqual([expect.stringMatching(/left out: .*data.jsonl/)]);
    expect(report.curves![0]!.steps.length).toBeGreaterThan(0);
    expect(report.use).toHaveLength(5);
    await rm(join(dir, 'model'), { recursive: true });
    expect((await runReport(out, { openEngine })).notes).toHaveLength(1);
    await expect(reportRun(out, { evalData: join(dir, 'nowhere.jsonl'), openEngine })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });

  it('is not asked in no time, and stops when told to', async () => {
    const out = await train();
    const quick = await runReport(out, {
      reportSeconds: 0,
      openEngine: () => Promise.reject(new Error('opened')),
    });
    expect([quick.heatMaps, quick.answers, quick.notes]).toEqual([undefined, undefined, []]);
    const stop = new AbortController();
    const told = reportRun(out, {
      openEngine,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(told).rejects.toThrow('enough');
    await expect(readFile(join(out, 'report.html'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('whose model takes longer than the report may is shown as far as it came', async () => {
    const out = await train();
    const slow = openFakeEngine({ scoreDelay: 30 });
    const report = await runReport(out, { openEngine: slow, reportSeconds: 0.4 });
    expect(report.notes).toEqual([expect.stringMatching(/asked for 0.4 seconds.*--report_seconds/)]);
    expect(report.heatMaps!.length).toBeGreaterThan(0);
    expect(report.headline!.changes!.note).not.toContain('32 responses');
  });

  it('has a model card with what was held out and what an evaluation found, until somebody edits it', async () => {
    await writeJsonl(join(dir, 'held-out.jsonl'), judgedRows(60).slice(40));
    const out = await train({ evalData: join(dir, 'held-out.jsonl') });
    await writeFile(join(dir, 'model/README.md'), '---\nlicense: mit\n---\n');
    const evaluation = join(dir, 'eval');
    await mkdir(evaluation);
    const models = [{ name: 'base' }, { name: 'mine', adapter: join(out, 'adapter') }];
    await writeFile(join(evaluation, 'run.yaml'), JSON.stringify({ evaluation: 1, models, tasks: [] }));
    const cell = (value: number): object => ({
      ...{ value, stderr: 0.01, scored: 40, total: 40 },
      ...{ interval: null, difference: null },
    });
    const rows = [
      { task: 'arc', metric: 'acc', unit: 'share', models: { base: cell(0.25), mine: cell(0.5) } },
    ];
    await writeFile(
      join(evaluation, 'results.json'),
      JSON.stringify({ models: ['base', 'mine'], confidence: 0.95, rows }),
    );
    await reportRun(out, { openEngine, evaluation });
    const card = join(out, 'adapter/README.md');
    const text = await readFile(card, 'utf8');
    for (const part of [
      'license: mit',
      'name: held-out.jsonl',
      'value: 0.5',
      '14 satisfactory',
      '| arc | acc |',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain(dir);
    await writeFile(card, `${text}\nMine.\n`);
    const notes: string[] = [];
    await reportRun(out, { reportSeconds: 0, onNote: ({ code }) => notes.push(code) });
    expect(notes).toEqual(['CARD_KEPT']);
    expect(await readFile(card, 'utf8')).toBe(`${text}\nMine.\n`);
    await expect(reportRun(out, { reportSeconds: 0, evaluation: out })).rejects.toMatchObject({
      code: 'BAD_RUN',
      place: { file: out },
    });
  });

  it('is not written over a file of the user', async () => {
    const out = await train();
    const page = join(dir, 'page.html');
    await writeFile(page, 'mine');
    await expect(reportRun(out, { out: page, reportSeconds: 0 })).rejects.toMatchObject({
      code: 'OUT_EXISTS',
    });
    expect(await readFile(page, 'utf8')).toBe('mine');
    await reportRun(out, { out: page, reportSeconds: 0, overwrite: true });
    await reportRun(out, { reportSeconds: 0 });
    expect(await reportRun(out, { reportSeconds: 0 })).toBe(join(out, 'report.html'));
  });

  it('refuses options that there are not', async () => {
    await expect(reportRun(dir, { reportPrompt: 'x' } as object)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining('reportPrompts') as string,
    });
  });
});

it('says that a folder without a record is no run', async () => {
  await expect(reportRun(dir)).rejects.toMatchObject({
    code: 'BAD_RUN',
    place: { file: dir },
  });
});
