// An evaluation: every subject on every task, one subject open at a time. Each result is in a journal in the output
// folder; what is there already is not measured again. Knows subjects and tasks as interfaces only.
import { join } from 'node:path';
import { stringify } from 'yaml';
import { versions } from '../../runs/versions.ts';
import { makeFolder, writeFileDurably } from '../../durable/files.ts';
import { openKept } from '../../durable/kept.ts';
import type { Kept, LineFormat } from '../../durable/kept.ts';
import { lockFolder } from '../../durable/lock.ts';
import { doWork } from '../../durable/work.ts';
import { WhetstoneError } from '../../errors.ts';
import type { BootstrapSettings } from '../../statistics/bootstrap.ts';
import type { SubjectSource } from '../subject/subject.ts';
import { compare } from './comparison.ts';
import type { Comparison } from './comparison.ts';
import { comparisonCsv, comparisonJson, comparisonMarkdown } from './comparison-files.ts';
import type { EvaluationTask, Figure } from './task.ts';
import type { Note } from '../../words/note.ts';
import { note } from '../../words/note.ts';

export interface EvaluationProgress {
  readonly subject: string;
  readonly task: string;
  /** Items of this task and subject. */
  readonly done: number;
  readonly total: number;
  /** Items of all tasks and subjects. */
  readonly allDone: number;
  readonly allTotal: number;
}

export interface EvaluationSettings {
  /** A folder, which may hold results of earlier evaluations. */
  readonly out: string;
  /** At least one; the others are compared with the first. */
  readonly subjects: readonly SubjectSource[];
  readonly tasks: readonly EvaluationTask[];
  readonly signal: AbortSignal;
  readonly bootstrap?: BootstrapSettings;
  onProgress?(this: void, progress: EvaluationProgress): void;
  onNote?(this: void, note: Note): void;
}

/** Where the items' results, the record and the tables of an evaluation are. */
export const evaluationFiles = (
  out: string,
): { readonly [K in 'record' | 'json' | 'csv' | 'markdown' | 'items' | 'outputs']: string } => ({
  record: join(out, 'run.yaml'),
  json: join(out, 'results.json'),
  csv: join(out, 'results.csv'),
  markdown: join(out, 'results.md'),
  items: join(out, 'items'),
  outputs: join(out, 'outputs'),
});

/**
 * Measures what has no result yet, and writes the tables. The same call goes on after a kill or an abort; other
 * subjects or tasks may share the folder, and use what is there.
 *
 * Throws WhetstoneError `RUN_LOCKED`, `DAMAGED_JOURNAL`, `DISK_FULL`, what subjects and tasks throw, and `STOPPED`
 * after an abort.
 */
export async function evaluateSubjects(settings: EvaluationSettings): Promise<Comparison> {
  const { out, subjects, tasks, signal, onNote } = settings;
  const files = evaluationFiles(out);
  await makeFolder(files.items);
  const lock = await lockFolder(out);
  try {
    await writeFileDurably(files.record, stringify(await recordOf(settings)));
    const figures: Figure[][] = [];
    const progress = createProgress(settings);
    for (const subject of subjects) {
      const store = await openStore(join(files.items, folderOf(subject)), tasks);
      try {
        if (store.some(({ kept }) => kept.repaired))
          onNote?.(
            note('JOURNAL_REPAIRED', `${subject.name}: a last line that a kill had cut off was removed`),
          );
        for (const { kept } of store) progress.found(kept.results.size);
        await measureMissing(subject, store, signal, progress);
        const all = store.map(({ task, kept }) => ({ task, results: ordered(task, kept.results) }));
        for (const { task, results } of all)
          for (const remark of task.remarks?.(results) ?? [])
            onNote?.(note('TASK_REMARK', `${subject.name}, ${task.name}: ${remark}`));
        for (const { task, results } of all)
          await task.write?.(join(files.outputs, subject.name, task.name), subject.name, results);
        figures.push(all.flatMap(({ task, results }) => [...task.figures(results)]));
      } finally {
        for (const { kept } of store) await kept.close();
      }
    }
    const comparison = compare(
      subjects.map(({ name }) => name),
      figures,
      settings.bootstrap,
    );
    await writeFileDurably(files.json, comparisonJson(comparison));
    await writeFileDurably(files.csv, comparisonCsv(comparison));
    await writeFileDurably(files.markdown, comparisonMarkdown(comparison));
    return comparison;
  } finally {
    await lock.release();
  }
}

/** A subject that has changed under its name gets a folder of its own. */
const folderOf = ({ name, fingerprint }: SubjectSource): string => `${name}-${fingerprint.slice(0, 12)}`;

interface TaskStore {
  readonly task: EvaluationTask;
  /** By id. */
  readonly kept: Kept<object>;
}

async function openStore(folder: string, tasks: readonly EvaluationTask[]): Promise<TaskStore[]> {
  await makeFolder(folder);
  const opened: TaskStore[] = [];
  try {
    for (const task of tasks)
      opened.push({ task, kept: await openKept(join(folder, `${task.name}.jsonl`), itemLines(task)) });
  } catch (error) {
    for (const { kept } of opened) await kept.close();
    throw error;
  }
  return opened;
}

/** An item's line has its id and its key; all other fields are the task's own. */
function itemLines(task: EvaluationTask): LineFormat<object> {
  const keys = new Map(task.items.map(({ id, key }) => [id, key]));
  return {
    read: ({ id, key, ...result }) => {
      if (typeof id !== 'string' || typeof key !== 'string') return null;
      return keys.get(id) === key && task.isResult(result) ? [id, result] : 'other';
    },
    write: (id, result) => ({ id, key: keys.get(id), ...result }),
  };
}

async function measureMissing(
  source: SubjectSource,
  store: readonly TaskStore[],
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  const open = store.filter(({ task, kept }) => kept.results.size < task.items.length);
  if (open.length === 0) return;
  if (signal.aborted)
    throw new WhetstoneError('STOPPED', 'stopped before the next model was opened', { cause: signal.reason });
  const subject = await source.open();
  try {
    for (const { task, kept } of open) {
      progress.begin(source.name, task);
      await doWork<string, object>({
        what: `results of ${task.name}`,
        items: task.items.map(({ id }) => id),
        isKept: (id) => kept.results.has(id),
        keep: (id, result) => kept.keep(id, result),
        work: (pending, hand) => task.measure(subject, pending, { signal, onResult: hand }),
        signal,
        onProgress: progress.measured,
        behind: mostUnwritten,
      });
    }
  } finally {
    await subject.close();
  }
}

/** Results that come meanwhile share the next write. */
const mostUnwritten = 64;

const ordered = (task: EvaluationTask, results: ReadonlyMap<string, object>): object[] =>
  task.items.map(({ id }) => {
    const result = results.get(id);
    if (result === undefined) throw new Error(`${task.name} has no result for item ${id}`);
    return result;
  });

interface Progress {
  found(items: number): void;
  begin(subject: string, task: EvaluationTask): void;
  measured(this: void, done: number, total: number): void;
}

function createProgress({ subjects, tasks, onProgress }: EvaluationSettings): Progress {
  const allTotal = subjects.length * tasks.reduce((sum, { items }) => sum + items.length, 0);
  let [allDone, subject, task] = [0, '', ''];
  let before: number | null = null;
  return {
    found: (items) => {
      allDone += items;
    },
    begin: (name, begun) => {
      [before, subject, task] = [null, name, begun.name];
    },
    measured: (done, total) => {
      allDone += done - (before ?? done);
      before = done;
      onProgress?.({ subject, task, done, total, allDone, allTotal });
    },
  };
}

async function recordOf({ subjects, tasks, bootstrap = {} }: EvaluationSettings): Promise<object> {
  const { resamples = 2000, confidence = 0.95, seed = 0 } = bootstrap;
  return {
    evaluation: 1,
    versions: await versions(),
    models: subjects.map(({ name, fingerprint, description }) => ({ name, fingerprint, ...description })),
    tasks: tasks.map(({ name, description }) => ({ name, ...description })),
    bootstrap: { resamples, confidence, seed },
  };
}
