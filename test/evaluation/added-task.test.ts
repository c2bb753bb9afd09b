// Tasks that are added from outside, and an evaluation by task names, through the public interface only.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { addTask, evaluate, rankingRow } from '../../src/evaluation/index.ts';
import type { Benchmark, EvaluationTask, TaskRow } from '../../src/evaluation/index.ts';

const golden = fileURLToPath(new URL('../golden/lm_eval/', import.meta.url));
const bytes = join(golden, 'models/bytes');
const folder = mkdtempSync(join(tmpdir(), 'whetstone-added-task-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How likely a model finds each line of a file. */
const likelihoodOf = (lines: readonly string[]): EvaluationTask => ({
  name: 'mine',
  description: { lines: lines.length },
  items: lines.map((line, i) => ({ id: String(i), key: line })),
  measure: (subject, pending, { signal, onResult }) => {
    const requests = pending.map((id) => ({ context: '', continuations: [lines[Number(id)]!] }));
    return subject.logLikelihoods(requests, {
      signal,
      onResult: (index, { logLikelihoods: [nats] }) => onResult(pending[index]!, { nats }),
    });
  },
  isResult: (value) => 'nats' in value,
  figures: (results) => {
    const scores = (results as readonly { readonly nats: number }[]).map(({ nats }) => nats);
    const value = scores.reduce((sum, nats) => sum + nats, 0) / scores.length;
    const total = scores.length;
    return [
      { name: 'mine', metric: 'nats', value, stderr: null, scored: total, total, unit: 'number', scores },
    ];
  },
});
const mine: TaskRow = {
  name: 'mine',
  measures: 'log-likelihood of lines: a text file',
  data: 'file',
  open: ({ file }) => Promise.resolve({ task: likelihoodOf(readFileSync(file, 'utf8').trim().split('\n')) }),
};

/** Riddles of two choices, as a ranking benchmark. */
const riddles: Benchmark = {
  name: 'riddles',
  repository: 'me/riddles',
  parts: [{ config: null, header: '' }],
  split: 'test',
  exampleSplit: null,
  examples: 'first',
  metrics: ['acc'],
  paperShots: 0,
  document: ({ fields, file, row }) => ({
    question: String(fields['riddle']),
    choices: [String(fields['right']), String(fields['wrong'])],
    truth: [true, false],
    row: fields,
    location: { file, row },
  }),
};

describe('a task from outside', () => {
  addTask(mine);
  addTask(rankingRow(riddles));
  const lines = join(folder, 'lines.txt');
  writeFileSync(lines, 'The sea is wide.\nThe hill is high.\n');
  const rows = join(folder, 'riddles.jsonl');
  writeFileSync(rows, `${JSON.stringify({ riddle: 'What barks?', right: 'a dog', wrong: 'a hat' })}\n`);
  const options = {
    model: [`here=${bytes}`],
    tasks: ['mine', 'riddles', 'arc_easy'],
    data: [join(golden, 'data'), `mine=${lines}`, `riddles=${rows}`],
    out: join(folder, 'out'),
    threads: 1,
    limit: 2,
    resamples: 50,
  } as const;

  it('is evaluated by its name, beside those that are there', async () => {
    const begun: object[] = [];
    let measured = 0;
    const first = await evaluate({
      ...options,
      onBegin: (extent) => void begun.push(extent),
      onProgress: ({ allDone }) => (measured = allDone),
    });
    expect(begun).toEqual([{ models: 1, tasks: 3, items: 5 }]);
    expect(measured).toBe(5);
    expect([...new Set(first.comparison.rows.map(({ name }) => name))]).toEqual([
      'riddles',
      'arc_easy',
      'mine',
    ]);
    const nats = first.comparison.rows.find(({ metric }) => metric === 'nats')!.cells[0]!;
    expect(nats.value).toBeLessThan(0);
    expect(first.judges).toEqual([]);
    expect(readFileSync(first.files.markdown, 'utf8')).toContain('mine');

    let again = 0;
    const second = await evaluate({ ...options, onProgress: () => again++ });
    expect(again).toBe(0);
    expect(second.comparison).toEqual(first.comparison);
  });

  it.each<[string, object, RegExp]>([
    [
      'without its file',
      { data: ['./benchmarks'] },
      /the task mine needs a file.*\n.*log-likelihood of lines/,
    ],
    ['beside one that there is not', { tasks: ['mine', 'theirs'] }, /no task "theirs"\n.*mine.*paper/],
    [
      'with a server where tokens are needed',
      { model: ['http://x/v1#m'], tasks: ['held_out'] },
      /m is a server/,
    ],
  ])('%s is refused before anything is written', async (_, given, message) => {
    const out = join(folder, 'refused');
    await expect(evaluate({ ...options, ...given, out })).rejects.toThrow(message);
    expect(() => readFileSync(join(out, 'run.yaml'))).toThrow('ENOENT');
  });

  it('has a name of its own', () => {
    expect(() => addTask(mine)).toThrow('already');
    expect(() => addTask({ ...mine, name: 'paper' })).toThrow('already');
  });
});
