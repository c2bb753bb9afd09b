// What a task is before it is opened: its name, what it measures and where its data are. Knows no task.
import type { Comparer } from '../judges/comparer.ts';
import type { DataPlaces } from './ranking/data.ts';
import type { Benchmark } from './ranking/benchmark.ts';
import type { EvaluationTask } from './run/task.ts';
import type { EvaluateSettings } from './settings.ts';
import type { JudgeSettings } from '../judges/settings.ts';

export interface TaskRow {
  /** As it is asked for; unique. */
  readonly name: string;
  /** What it measures, and what its file holds: a line. */
  readonly measures: string;
  /** Where its data are: a benchmark's rows in folders or on the hub, one file, or nowhere. */
  readonly data: Benchmark | 'file' | 'none';
  /** The file of the hub's that the task is usually measured with; left out where there is none. */
  readonly hubFile?: { readonly id: string; readonly file: string };
  /** Why it needs models in this process; left out where a server will do. */
  readonly localOnly?: string;
  /** Reads its data; asks no model yet. */
  open(this: void, opening: TaskOpening): Promise<OpenedTask>;
}

export interface TaskOpening {
  /** The task's file; empty where it has none. */
  readonly file: string;
  /** Where rows of benchmarks are. */
  readonly places: DataPlaces;
  readonly settings: EvaluateSettings;
  /** What a judge is opened with, beside its settings. */
  readonly judging: Pick<JudgeSettings, 'env' | 'openEngine' | 'onNote'>;
}

export interface OpenedTask {
  readonly task: EvaluationTask;
  /** Whom the task asks; closed when the evaluation ends. */
  readonly comparer?: Comparer;
}
