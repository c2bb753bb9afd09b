// Cells on disk: kept, shared by equal experiments, distrusted when damaged.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCells } from './cells.ts';
import type { CellStore } from './cells.ts';
import type { AnswersExperiment } from './experiment.ts';

const experiment: AnswersExperiment = {
  kind: 'answers',
  model: { name: 'model', fingerprint: 'abc' },
  tasks: { split: 'train', count: 1, seed: 1 },
  responses: 1,
  seed: 1,
};
const cell = {
  result: { answers: [[{ output: 'é', judgment: null, score: 10, errors: [] }]] },
  seconds: 1.5,
};

let out: string;
let cells: CellStore;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'cells-'));
  cells = await openCells(out, { suiteVersion: 1, whetstone: '0.1.0', world: 'w' });
});
afterEach(() => rm(out, { recursive: true, force: true }));

const file = (): string => join(cells.dir, `${cells.keyOf(experiment)}.json`);

it('gives back what was written, and nothing else', async () => {
  expect(await cells.read(experiment)).toBeNull();
  await cells.write(experiment, cell);
  expect(await cells.read(experiment)).toEqual(cell);
  expect(await cells.read({ ...experiment, seed: 2 })).toBeNull();
  expect(await readdir(cells.dir)).toEqual([`${cells.keyOf(experiment)}.json`]);
});

it('distrusts a file that was cut off, changed or exchanged', async () => {
  await cells.write(experiment, cell);
  const text = await readFile(file(), 'utf8');
  const contents: [string, RegExp][] = [
    [text.slice(0, -20), /not a whole cell/],
    ['', /not a whole cell/],
    ['null', /not a whole cell/],
    [text.replace('"score":10', '"score":1'), /not a whole cell/],
    [text.replace('"seed":1', '"seed":3'), /another experiment/],
  ];
  for (const [content, reason] of contents) {
    await writeFile(file(), content);
    const found = await cells.read(experiment);
    expect(found).toHaveProperty('damaged');
    expect((found as { damaged: string }).damaged).toMatch(reason);
  }
});
