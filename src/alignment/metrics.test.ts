import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { metricsLine, openMetrics, stepRecord } from './metrics.ts';

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'whetstone-metrics-')), 'metrics.jsonl');
});
afterEach(() => rm(join(path, '..'), { recursive: true, force: true }));

const metrics = {
  loss: 3,
  parts: { l1: 1, l2: 2 },
  flaggedTokens: 1,
  contrastedTokens: 4,
  responseTokens: 10,
  gradNorm: 0.5,
};
const record = (step: number) =>
  stepRecord(metrics, { step, epoch: step / 4, learningRate: 1e-3, seconds: 2 });

it('spells the contract', () => {
  expect(JSON.parse(metricsLine(record(2)))).toEqual({
    step: 2,
    epoch: 0.5,
    loss: 3,
    loss_l1: 1,
    loss_l2: 2,
    flagged_fraction: 0.25,
    learning_rate: 0.001,
    grad_norm: 0.5,
    response_tokens: 10,
    tokens_per_second: 5,
  });
});

it('has a flagged fraction of 0, not NaN, where nothing was contrasted, and further parts by name', () => {
  const other = { ...metrics, parts: { likelihood: 3 }, flaggedTokens: 0, contrastedTokens: 0 };
  const line = JSON.parse(
    metricsLine(stepRecord(other, { step: 1, epoch: 1, learningRate: 1, seconds: 1 })),
  ) as object;
  expect(line).toMatchObject({ flagged_fraction: 0, loss_l1: 0, loss_l2: 0, loss_likelihood: 3 });
});

it('is cut back to the checkpoint, a torn last line included, and goes on', async () => {
  const lines = [1, 2, 3].map((step) => metricsLine(record(step)));
  await writeFile(path, lines.join('\n') + '\n{"step":4,"lo');
  const log = await openMetrics(path, 2);
  await log.append(record(3));
  await log.sync();
  await log.close();
  await log.close();
  expect(await readFile(path, 'utf8')).toBe(lines.join('\n') + '\n');
});

it('drops a torn line even if it reads as a record of an earlier step', async () => {
  await writeFile(path, metricsLine(record(1)) + '\n' + metricsLine(record(2)));
  await (await openMetrics(path, 5)).close();
  expect(await readFile(path, 'utf8')).toBe(metricsLine(record(1)) + '\n');
});
