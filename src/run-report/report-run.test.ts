import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
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
  expect(report.summary).toContain('The run is not complete: 2 steps so far');
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

it('says that a folder without a record is no run', async () => {
  await expect(reportRun(dir)).rejects.toMatchObject({
    code: 'BAD_RUN',
    place: { file: join(dir, 'run.yaml') },
  });
});
