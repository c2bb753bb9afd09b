// An evaluation: every subject on every task, one subject open at a time. Each result is in a journal in the output
// folder; what is there already is not measured again. Knows subjects and tasks as interfaces only.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { versions } from '../../alignment/record.ts';
import { writeFileDurably } from '../../durable/files.ts';
import { openJournal } from '../../durable/journal.ts';
import type { Journal } from '../../durable/journal.ts';
import { lockFolder } from '../../durable/lock.ts';
import type { BootstrapSettings } from '../../statistics/bootstrap.ts';
import type { SubjectSource } from '../subject/subject.ts';
import { compare } from './comparison.ts';
import type { Comparison } from './comparison.ts';
import { comparisonCsv, comparisonJson, comparisonMarkdown } from './comparison-files.ts';
import type { EvaluationTask, Figure } from './task.ts';

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
  onNote?(this: void, text: string): void;
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

/** An item's line of a journal; all other fields are the task's own. */
interface ItemLine {
  readonly id: string;
  readonly key: string;
}

/**
 * Measures what has no result yet, and writes the tables. The same call goes on after a kill or an abort; other
 * subjects or tasks may share the folder, and use what is there.
 *
 * Throws WhetstoneError `RUN_LOCKED`, `DAMAGED_JOURNAL`, `DISK_FULL`, what subjects and tasks throw, and the signal's
 * reason.
 */
export async function evaluate(settings: EvaluationSettings): Promise<Comparison> {
  const { out, subjects, tasks, signal, onNote } = settings;
  const files = evaluationFiles(out);
  await mkdir(files.items, { recursive: true });
  const lock = await lockFolder(out);
  try {
    await writeFileDurably(files.record, stringify(await recordOf(settings)));
    const figures: Figure[][] = [];
    const progress = createProgress(settings);
    for (const subject of subjects) {
      const store = await openStore(join(files.items, folderOf(subject)), tasks);
      try {
        if (store.some(({ repaired }) => repaired))
          onNote?.(`${subject.name}: a last line that a kill had cut off was removed`);
        for (const { results } of store) progress.found(results.size);
        await measureMissing(subject, store, signal, progress);
        signal.throwIfAborted();
        const all = store.map(({ task, results }) => ({ task, results: ordered(task, results) }));
        for (const { task, results } of all)
          for (const remark of task.remarks?.(results) ?? [])
            onNote?.(`${subject.name}, ${task.name}: ${remark}`);
        for (const { task, results } of all)
          await task.write?.(join(files.outputs, subject.name, task.name), subject.name, results);
        figures.push(all.flatMap(({ task, results }) => [...task.figures(results)]));
      } finally {
        for (const { journal } of store) await journal.close();
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
  readonly journal: Journal<ItemLine>;
  readonly repaired: boolean;
  /** By id. */
  readonly results: Map<string, object>;
}

async function openStore(folder: string, tasks: readonly EvaluationTask[]): Promise<TaskStore[]> {
  await mkdir(folder, { recursive: true });
  const opened: TaskStore[] = [];
  try {
    for (const task of tasks) {
      const journal = await openJournal(join(folder, `${task.name}.jsonl`), readItem);
      const keys = new Map(task.items.map(({ id, key }) => [id, key]));
      const results = new Map<string, object>();
      for (const { id, key, ...result } of journal.records)
        if (keys.get(id) === key && task.isResult(result)) results.set(id, result);
      opened.push({ task, journal, repaired: journal.repaired, results });
    }
  } catch (error) {
    for (const { journal } of opened) await journal.close();
    throw error;
  }
  return opened;
}

function readItem(value: unknown): ItemLine | null {
  const { id, key } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof id === 'string' && typeof key === 'string' ? (value as ItemLine) : null;
}

async function measureMissing(
  source: SubjectSource,
  store: readonly TaskStore[],
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  signal.throwIfAborted();
  const open = store.filter(({ task, results }) => results.size < task.items.length);
  if (open.length === 0) return;
  const subject = await source.open();
  try {
    for (const { task, journal, results } of open) {
      const keys = new Map(task.items.map(({ id, key }) => [id, key]));
      const pending = task.items.map(({ id }) => id).filter((id) => !results.has(id));
      progress.begin(source.name, task, results.size);
      let failed: { readonly error: unknown } | null = null;
      const writing = new Set<Promise<void>>();
      await task
        .measure(subject, pending, {
          signal,
          onResult: async (id, result) => {
            // Not waited for: results that come meanwhile share the next write.
            const written: Promise<void> = journal
              .append({ id, key: keys.get(id)!, ...result })
              .catch((error: unknown) => void (failed ??= { error }))
              .finally(() => writing.delete(written));
            writing.add(written);
            if (failed) throw failed.error;
            results.set(id, result);
            progress.measured();
            // Where the disk is slower than the model it sets the pace.
            if (writing.size >= mostUnwritten) await Promise.race(writing);
          },
        })
        .finally(() => Promise.all(writing));
      if (failed) throw (failed as { error: unknown }).error;
    }
  } finally {
    await subject.close();
  }
}

const mostUnwritten = 64;

const ordered = (task: EvaluationTask, results: ReadonlyMap<string, object>): object[] =>
  task.items.map(({ id }) => {
    const result = results.get(id);
    if (result === undefined) throw new Error(`${task.name} has no result for item ${id}`);
    return result;
  });

interface Progress {
  found(items: number): void;
  begin(subject: string, task: EvaluationTask, done: number): void;
  measured(): void;
}

function createProgress({ subjects, tasks, onProgress }: EvaluationSettings): Progress {
  const allTotal = subjects.length * tasks.reduce((sum, { items }) => sum + items.length, 0);
  let [allDone, done, total, subject, task] = [0, 0, 0, '', ''];
  const tell = (): void => onProgress?.({ subject, task, done, total, allDone, allTotal });
  return {
    found: (items) => {
      allDone += items;
    },
    begin: (name, begun, before) => {
      [done, total, subject, task] = [before, begun.items.length, name, begun.name];
      tell();
    },
    measured: () => {
      done++;
      allDone++;
      tell();
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
