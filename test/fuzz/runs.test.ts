// Hostile folders of runs: the record, metrics, checkpoints, journals and locks that an earlier process is said to have left.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { readCheckpoint, writeCheckpoint } from '../../src/alignment/checkpoint.ts';
import { openMetrics } from '../../src/alignment/metrics.ts';
import { openHistory } from '../../src/alignment/online/history.ts';
import { recordedSettings } from '../../src/alignment/record.ts';
import { openRunDirectory } from '../../src/alignment/run-directory.ts';
import { begin, journalOf } from '../../src/durable/begun.ts';
import { lockFolder } from '../../src/durable/lock.ts';
import { openRowsFile } from '../../src/durable/rows-file.ts';
import { temporaryFolders } from '../../src/models/model-files.test-helper.ts';
import { runReport } from '../../src/run-report/report-run.ts';
import { readRecord } from '../../src/runs/record.ts';
import { fuzz } from './fuzz.ts';
import { damaged, strange } from './inputs.ts';

const newFolder = temporaryFolders();

const record = {
  ...{
    model: './model',
    data: 'rows.jsonl',
    out: 'run',
    method: 'cut',
    template: 'alpaca',
    alpha: 1,
    batch_size: 8,
  },
  run: {
    kind: 'align',
    started: '2026-01-01T00:00:00.000Z',
    versions: { whetstone: '0.1.0', node: '20.19.0' },
  },
};
const step = (n: number): string =>
  JSON.stringify({
    step: n,
    epoch: n / 4,
    loss: 1 / n,
    loss_l1: 0.5,
    learning_rate: 1e-4,
    grad_norm: 1,
    tokens_per_second: 9,
  });
const metrics = [1, 2, 3].map((n) => `${step(n)}\n`).join('');
const oddRecord = fc
  .dictionary(fc.constantFrom(...Object.keys(record), 'x', '__proto__'), strange, { minKeys: 1, maxKeys: 3 })
  .map((some) => Buffer.from(stringify({ ...record, ...some })));

const run = newFolder();
fuzz('a run: run.yaml', {
  inputs: fc.oneof(oddRecord, damaged(stringify(record))),
  runs: 1000,
  readOneIn: 20,
  read: async (bytes) => {
    writeFileSync(join(run, 'run.yaml'), bytes);
    recordedSettings(await readRecord(run));
  },
});

const reported = newFolder();
const oddSteps = fc
  .array(
    fc.dictionary(fc.constantFrom('step', 'loss', 'loss_l1', 'learning_rate', 'flagged_fraction'), strange),
    { maxLength: 4 },
  )
  .map((steps) => Buffer.from(steps.map((each) => `${JSON.stringify(each)}\n`).join('')));
fuzz('a run: its report', {
  inputs: fc.oneof(damaged(metrics), oddSteps),
  runs: 1000,
  readOneIn: 40,
  read: async (lines) => {
    writeFileSync(join(reported, 'run.yaml'), stringify(record));
    writeFileSync(join(reported, 'metrics.jsonl'), lines);
    await runReport(reported);
  },
});

const logged = join(newFolder(), 'metrics.jsonl');
fuzz('a run: metrics.jsonl', {
  inputs: fc.oneof(damaged(metrics), oddSteps),
  runs: 300,
  readOneIn: 2,
  read: async (bytes) => {
    writeFileSync(logged, bytes);
    await (await openMetrics(logged, 2)).close();
    // Only whole lines of steps that are done are left.
    for (const line of readFileSync(logged, 'utf8').split('\n').slice(0, -1))
      expect((JSON.parse(line) as { step: number }).step).toBeLessThanOrEqual(2);
  },
});

const whole = newFolder();
const state = { parameters: 3, firstMoment: 3, secondMoment: 3 };
const values = Object.fromEntries(
  Object.entries(state).map(([name, n]) => [name, new Float32Array(n).fill(0.5)]),
);
await writeCheckpoint(whole, { ...(values as Record<keyof typeof state, Float32Array>), step: 5 }, 4);
const files = ['state.safetensors', 'checkpoint.json'];
const checkpoint = newFolder();
fuzz('a run: a checkpoint', {
  inputs: fc
    .constantFrom(...files)
    .chain((name) => damaged(readFileSync(join(whole, name))).map((bytes) => ({ name, bytes }))),
  runs: 600,
  readOneIn: 100,
  read: async ({ name, bytes }) => {
    for (const each of files) cpSync(join(whole, each), join(checkpoint, each));
    writeFileSync(join(checkpoint, name), bytes);
    const { step: steps, parameters } = await readCheckpoint(checkpoint);
    expect([steps, [...parameters]]).toEqual([5, [0.5, 0.5, 0.5]]);
  },
});

const twice = newFolder();
fuzz('a run: a damaged checkpoint beside a whole one', {
  inputs: damaged(readFileSync(join(whole, 'state.safetensors'))),
  runs: 100,
  readOneIn: 2,
  read: async (bytes) => {
    rmSync(join(twice, 'checkpoints'), { recursive: true, force: true });
    for (const name of ['step-5', 'step-9']) {
      mkdirSync(join(twice, 'checkpoints', name), { recursive: true });
      for (const each of files) cpSync(join(whole, each), join(twice, 'checkpoints', name, each));
    }
    writeFileSync(join(twice, 'checkpoints', 'step-9', 'state.safetensors'), bytes);
    const directory = await openRunDirectory({ path: twice, notes: [] }, 2);
    await directory.metrics.close();
    expect(directory.state?.step).toBe(5);
  },
});

const events = [
  { event: 'drawn', round: 1, instructions: [0, 1] },
  { event: 'response', round: 1, part: 'training', instruction: 0, output: 'x', finished: true, tokens: 2 },
  { event: 'judgment', round: 1, part: 'training', instruction: 0, judgment: 'wrong' },
  { event: 'trained', round: 1, steps: 1, rows: 1 },
]
  .map((event) => `${JSON.stringify(event)}\n`)
  .join('');
const oddEvents = fc
  .array(
    fc.dictionary(
      fc.constantFrom('event', 'round', 'part', 'instruction', 'judgment', 'instructions', 'output'),
      fc.oneof(strange, fc.constantFrom('drawn', 'response', 'judgment', 'trained', 1, 2)),
    ),
    { maxLength: 4 },
  )
  .map((lines) => Buffer.from(lines.map((each) => `${JSON.stringify(each)}\n`).join('')));
const journal = join(newFolder(), 'events.jsonl');
fuzz('an online run: events.jsonl', {
  inputs: fc.oneof(damaged(events), oddEvents),
  runs: 1000,
  readOneIn: 20,
  read: async (bytes) => {
    writeFileSync(journal, bytes);
    const history = await openHistory(journal);
    try {
      history.before(2);
      for (const round of [1, 2]) {
        for (const response of history.of(round, 'training').responses.values())
          expect(typeof response.output).toBe('string');
        const drawn = history.drawn(round);
        if (drawn) expect(drawn.every(Number.isInteger)).toBe(true);
      }
    } finally {
      await history.close();
    }
  },
});

const out = join(newFolder(), 'rows.jsonl');
const settings = { what: 'responses', facts: { seed: 1 }, resume: true, overwrite: false };
const begun = `${JSON.stringify({ work: 'responses', begun: { seed: 1 }, replaces: false })}\n{"index":0,"text":"a"}\n{"index":1}\n`;
fuzz('long work: its journal', {
  inputs: damaged(begun),
  runs: 300,
  readOneIn: 20,
  read: async (bytes) => {
    writeFileSync(journalOf(out), bytes);
    const file = await openRowsFile(out, 3, settings);
    try {
      for (const index of [0, 1, 2]) if (file.has(index)) expect((await file.read(index)).index).toBe(index);
    } finally {
      await file.close();
    }
  },
});

fuzz('long work: a finished file', {
  inputs: damaged('{"index":0}\n{"index":1}\n{"index":2}\n'),
  runs: 200,
  readOneIn: 100,
  read: async (bytes) => {
    rmSync(journalOf(out), { force: true });
    writeFileSync(out, bytes);
    try {
      await (await openRowsFile(out, 3, settings)).close();
      await (await begin(out, () => null, { ...settings, overwrite: true })).close();
    } finally {
      rmSync(out);
      rmSync(journalOf(out), { force: true });
    }
  },
});

const locked = newFolder();
const holder = {
  id: 1,
  pid: 999_999_999,
  host: 'elsewhere',
  started: 'boot:1',
  space: 'pid:[1]',
  since: '2026-01-01',
  beat: 1,
};
const oddHolder = fc
  .dictionary(fc.constantFrom(...Object.keys(holder)), strange, { minKeys: 1, maxKeys: 3 })
  .map((some) => Buffer.from(`${JSON.stringify({ ...holder, ...some })}\n`));
fuzz('a lock', {
  inputs: fc.oneof(oddHolder, damaged(`${JSON.stringify(holder)}\n`)),
  runs: 30,
  readOneIn: 40,
  read: async (bytes) => {
    writeFileSync(join(locked, 'run.lock'), bytes);
    await (await lockFolder(locked, { patience: 20 })).release();
  },
});
