// Evaluations of made-up subjects: what is kept, what is measured again, what the tables say.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Subject, SubjectSource } from '../subject/subject.ts';
import type { EvaluationProgress, EvaluationSettings } from './evaluate.ts';
import { evaluateSubjects, evaluationFiles } from './evaluate.ts';
import type { EvaluationTask } from './task.ts';

const root = mkdtempSync(join(tmpdir(), 'whetstone-evaluate-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const freshOut = (): string => join(root, String(folders++));

interface Log {
  readonly opened: string[];
  readonly closed: string[];
  readonly measured: string[];
}
const newLog = (): Log => ({ opened: [], closed: [], measured: [] });

/** Its score of an item is what `scores` says. */
const subject = (name: string, scores: number, log: Log, fingerprint = name.repeat(20)): SubjectSource => ({
  name,
  description: { model: name },
  fingerprint,
  open: () => {
    log.opened.push(name);
    return Promise.resolve({
      scores,
      name,
      close: () => Promise.resolve(void log.closed.push(name)),
    } as unknown as Subject);
  },
});

/** An item is worth what bit i of the subject's number says. */
const task = (name: string, items: number, log: Log, more: Partial<EvaluationTask> = {}): EvaluationTask => ({
  name,
  description: { kind: 'test' },
  items: Array.from({ length: items }, (_, i) => ({ id: String(i), key: `${name}${i}` })),
  measure: async (opened, pending, { signal, onResult }) => {
    const { scores, name: who } = opened as unknown as { scores: number; name: string };
    for (const id of pending) {
      signal.throwIfAborted();
      log.measured.push(`${who} ${name} ${id}`);
      await onResult(id, { score: (scores >> Number(id)) & 1 });
    }
  },
  isResult: (value) => 'score' in value,
  figures: (results) => {
    const scores = results.map((result) => (result as { score: number }).score);
    const value = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    return [
      { ...{ name, metric: 'acc', value, stderr: null, unit: 'share', scores }, scored: items, total: items },
    ];
  },
  ...more,
});

const run = (
  out: string,
  more: Pick<EvaluationSettings, 'subjects' | 'tasks'> & Partial<EvaluationSettings>,
) => evaluateSubjects({ out, signal: new AbortController().signal, bootstrap: { resamples: 200 }, ...more });

describe('evaluate', () => {
  it('measures every subject on every task, one subject open at a time, and writes the tables', async () => {
    const log = newLog();
    const out = freshOut();
    const comparison = await run(out, {
      subjects: [subject('a', 0b0011, log), subject('b', 0b0111, log)],
      tasks: [task('one', 4, log), task('two', 2, log)],
    });
    expect(log.opened).toEqual(['a', 'b']);
    expect(log.closed).toEqual(['a', 'b']);
    expect(log.measured.slice(0, 6)).toEqual([
      'a one 0',
      'a one 1',
      'a one 2',
      'a one 3',
      'a two 0',
      'a two 1',
    ]);
    expect(comparison.rows.map(({ name, cells }) => [name, ...cells.map(({ value }) => value)])).toEqual([
      ['one', 0.5, 0.75],
      ['two', 1, 1],
    ]);
    expect(comparison.rows[0]!.cells[1]!.difference!.value).toBeCloseTo(0.25, 12);
    const files = evaluationFiles(out);
    expect(JSON.parse(readFileSync(files.json, 'utf8'))).toMatchObject({ models: ['a', 'b'] });
    expect(readFileSync(files.markdown, 'utf8')).toContain('| one | acc | 50.0 | 75.0 |');
    expect(readFileSync(files.record, 'utf8')).toContain('fingerprint: aaaaaaaaaaaaaaaaaaaa');
    expect(existsSync(join(out, 'run.lock'))).toBe(false);
  });

  it('goes on where it was stopped, and opens nothing when all is there', async () => {
    const out = freshOut();
    const log = newLog();
    const stop = new AbortController();
    const plan = (): Pick<EvaluationSettings, 'subjects' | 'tasks'> => ({
      subjects: [subject('a', 1, log), subject('b', 2, log)],
      tasks: [task('one', 3, log)],
    });
    const stopped = run(out, {
      ...plan(),
      signal: stop.signal,
      onProgress: ({ allDone }) => allDone === 4 && stop.abort(new Error('stop')),
    });
    await expect(stopped).rejects.toThrow('stop');
    expect(log.closed).toEqual(['a', 'b']);
    expect(log.measured).toHaveLength(4);
    const seen: EvaluationProgress[] = [];
    await run(out, { ...plan(), onProgress: (progress) => seen.push(progress) });
    expect(log.measured.slice(4)).toEqual(['b one 1', 'b one 2']);
    expect(log.opened).toEqual(['a', 'b', 'b']);
    expect(seen[0]).toEqual({ subject: 'b', task: 'one', done: 1, total: 3, allDone: 4, allTotal: 6 });
    expect(seen.at(-1)).toMatchObject({ done: 3, allDone: 6 });
    const before = readFileSync(evaluationFiles(out).json, 'utf8');
    await run(out, plan());
    expect(log.opened).toHaveLength(3);
    expect(readFileSync(evaluationFiles(out).json, 'utf8')).toBe(before);
  });

  it('takes away a line that a kill cut off, and measures that item again', async () => {
    const out = freshOut();
    const log = newLog();
    const plan = { subjects: [subject('a', 1, log)], tasks: [task('one', 2, log)] };
    await run(out, plan);
    const [folder] = readdirSync(evaluationFiles(out).items);
    const journal = join(evaluationFiles(out).items, folder!, 'one.jsonl');
    const [first] = readFileSync(journal, 'utf8').split('\n');
    rmSync(journal);
    appendFileSync(journal, `${first!}\n{"id":"1","ke`);
    const notes: string[] = [];
    await run(out, { ...plan, onNote: ({ text }) => notes.push(text) });
    expect(log.measured).toEqual(['a one 0', 'a one 1', 'a one 1']);
    expect(notes).toEqual(['a: a last line that a kill had cut off was removed']);
  });

  it('measures again what has changed, and nothing else', async () => {
    const out = freshOut();
    const log = newLog();
    const base = task('one', 3, log);
    await run(out, { subjects: [subject('a', 1, log)], tasks: [base] });
    log.measured.length = 0;
    const items = base.items.map(({ id, key }) => ({ id, key: id === '1' ? 'changed' : key }));
    await run(out, { subjects: [subject('a', 1, log)], tasks: [{ ...base, items }] });
    expect(log.measured).toEqual(['a one 1']);
    // A model of the same name that has been trained on.
    await run(out, { subjects: [subject('a', 1, log, 'other-model-of-that-name')], tasks: [base] });
    expect(log.measured).toHaveLength(4);
    await run(out, { subjects: [subject('a', 1, log)], tasks: [base] });
    expect(log.measured).toHaveLength(4);
  });

  it('keeps what there was when a task fails, and closes the subject', async () => {
    const out = freshOut();
    const log = newLog();
    const broken = task('one', 3, log, {
      measure: async (_, __, { onResult }) => {
        await onResult('0', { score: 1 });
        throw new Error('no more');
      },
    });
    await expect(run(out, { subjects: [subject('a', 1, log)], tasks: [broken] })).rejects.toThrow('no more');
    expect(log.closed).toEqual(['a']);
    await run(out, { subjects: [subject('a', 1, log)], tasks: [task('one', 3, log)] });
    expect(log.measured).toEqual(['a one 1', 'a one 2']);
  });

  it('passes on what tasks remark', async () => {
    const log = newLog();
    const notes: string[] = [];
    await run(freshOut(), {
      subjects: [subject('a', 1, log)],
      tasks: [task('one', 1, log, { remarks: () => ['strange'] })],
      onNote: ({ text }) => notes.push(text),
    });
    expect(notes).toEqual(['a, one: strange']);
  });
});
