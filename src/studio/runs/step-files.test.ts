// The steps of a run as its files grow, are cut off, are written anew and are damaged.
import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStepReader, stepFiles } from './step-files.ts';
import type { StepReader } from './step-files.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'step-files-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const line = (step: number, loss: number | null = step / 10): string =>
  `${JSON.stringify({ step, epoch: step, loss, learning_rate: 1e-3 })}\n`;
const stepsOf = (reader: StepReader): number[] =>
  Array.from({ length: reader.table().count() }, (_, i) => reader.table().stepAt(i));

it('reads what was appended, and a line once it is whole', async () => {
  const file = join(dir, 'metrics.jsonl');
  const reader = openStepReader(() => stepFiles(dir, 'align'));
  expect(await reader.refresh()).toBe(false);
  await writeFile(file, line(1) + line(2).slice(0, 10));
  expect(await reader.refresh()).toBe(true);
  expect(stepsOf(reader)).toEqual([1]);
  await appendFile(file, line(2).slice(10) + line(3, null));
  expect(await reader.refresh()).toBe(true);
  expect(stepsOf(reader)).toEqual([1, 2, 3]);
  expect(reader.table().valueAt('loss', 1)).toBe(0.2);
  expect(reader.table().valueAt('loss', 2)).toBeNaN();
  expect(await reader.refresh()).toBe(false);
  expect(reader.problem()).toBeNull();
});

it('reads a file anew that a run has cut back to its checkpoint', async () => {
  const file = join(dir, 'metrics.jsonl');
  await writeFile(file, [1, 2, 3, 4].map((step) => line(step)).join(''));
  const reader = openStepReader(() => stepFiles(dir, 'align'));
  await reader.refresh();
  await writeFile(`${file}.new`, line(1) + line(2));
  await rename(`${file}.new`, file);
  await appendFile(file, line(3, 7) + line(4, 8) + line(5, 9));
  expect(await reader.refresh()).toBe(true);
  expect(stepsOf(reader)).toEqual([1, 2, 3, 4, 5]);
  expect(reader.table().valueAt('loss', 2)).toBe(7);
});

it('counts through the rounds of an online run, in their order', async () => {
  for (const [round, count] of [
    [1, 3],
    [2, 2],
    [10, 2],
  ] as const) {
    const folder = join(dir, 'rounds', String(round), 'training');
    await mkdir(folder, { recursive: true });
    const lines = Array.from({ length: count }, (_, i) => line(i + 1, round));
    await writeFile(join(folder, 'metrics.jsonl'), lines.join(''));
  }
  const reader = openStepReader(() => stepFiles(dir, 'online'));
  await reader.refresh();
  expect(stepsOf(reader)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(reader.before()).toBe(5);
  expect(reader.table().valueAt('loss', 5)).toBe(10);
});

it('leaves out what is no step or goes back, and says where', async () => {
  const file = join(dir, 'metrics.jsonl');
  await writeFile(file, `${line(1)}<script>\n\u0000\n${line(2)}${line(2)}${line(3)}`);
  const reader = openStepReader(() => stepFiles(dir, 'align'));
  await reader.refresh();
  expect(stepsOf(reader)).toEqual([1, 2, 3]);
  expect(reader.problem()).toContain('3 lines');
  expect(reader.problem()).toContain(`${file}:2`);
});

it('shares one reading among those who ask at once', async () => {
  await writeFile(join(dir, 'metrics.jsonl'), line(1) + line(2));
  const reader = openStepReader(() => stepFiles(dir, 'align'));
  await Promise.all([reader.refresh(), reader.refresh(), reader.refresh()]);
  expect(stepsOf(reader)).toEqual([1, 2]);
});
