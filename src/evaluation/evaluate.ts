// Models measured on tasks, each by its name: places found, models and tasks opened, measured, compared. Knows no task
// and no kind of model.
import type { OpenEngine } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import type { HubOptions, HubProgress } from '../hub/index.ts';
import type { JudgeUsage } from '../judges/judge.ts';
import { fetchPlaces, namePlaces } from './data-places.ts';
import type { Comparison } from './run/comparison.ts';
import { evaluateSubjects, evaluationFiles } from './run/evaluate.ts';
import type { EvaluationProgress } from './run/evaluate.ts';
import { resolveEvaluation } from './settings.ts';
import type { GivenSettings } from './settings.ts';
import { openSubjects } from './subject/open-subjects.ts';
import { parseSubjects } from './subject/parse-subject.ts';
import type { SubjectSpec } from './subject/parse-subject.ts';
import type { OpenedTask, TaskOpening, TaskRow } from './task-row.ts';
import { shotsFor, tasksNamed } from './tasks.ts';
import type { Note } from '../words/note.ts';
import { note } from '../words/note.ts';

/** Settings as `whetstone evaluate` has them, and what a program may bring. */
export interface EvaluateOptions extends GivenSettings {
  readonly signal?: AbortSignal;
  /** Hears, before anything is measured, how much there is. */
  onBegin?(this: void, extent: EvaluationExtent): void;
  onProgress?(this: void, progress: EvaluationProgress): void;
  /** Hears in a sentence what a person should know. */
  onNote?(this: void, note: Note): void;
  /** Hears of models and data that are fetched from the hub. */
  onDownload?(this: void, progress: HubProgress): void;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
  /** Where keys come from; default the environment. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface EvaluationExtent {
  readonly models: number;
  readonly tasks: number;
  /** Of all tasks together, for each model. */
  readonly items: number;
}

export interface Evaluation {
  readonly comparison: Comparison;
  /** Whom tasks asked, and what that took in this process. */
  readonly judges: readonly { readonly name: string; readonly usage: JudgeUsage }[];
  /** Where the record, the tables and the items' results are. */
  readonly files: ReturnType<typeof evaluationFiles>;
}

/**
 * Measures models on tasks, and writes tables and results to `out`. What is there already is not measured again: after
 * a kill or an abort the same call goes on.
 *
 *     const { comparison } = await evaluate({
 *       model: ['base=./model', 'tuned=./model+run/adapter'],
 *       tasks: ['arc_easy', 'held_out'],
 *       data: ['./benchmarks', 'held_out=held-out.jsonl'],
 *       out: 'eval/',
 *     });
 *
 * Throws WhetstoneError `INVALID_OPTION` and `INVALID_OPTIONS` before anything is read or written, what opening models,
 * judges and data throws, and what `evaluateSubjects` throws.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const settings = resolveEvaluation(options);
  const { onNote = () => {}, env = process.env, openEngine } = options;
  const named = parseSubjects(settings.model, settings.adapter);
  const tasks = rankingsFirst(tasksNamed(settings.tasks));
  refuseServers(tasks, named);
  const places = namePlaces(settings.data, tasks);
  const hub = await hubOptions(options);
  const specs = await fetchModels(named, hub, onNote);
  const data = await fetchPlaces(places, (benchmark) => shotsFor(benchmark, settings), hub);
  const subjects = await openSubjects(specs, { ...settings, env, openEngine, onNote });
  const judging = { env, openEngine, onNote };
  const opened = await openTasks(tasks, data.ofBenchmark, { places: data, settings, judging });
  try {
    const sum = opened.reduce((items, { task }) => items + task.items.length, 0);
    options.onBegin?.({ models: subjects.length, tasks: opened.length, items: sum });
    const comparison = await evaluateSubjects({
      out: settings.out,
      subjects,
      tasks: opened.map(({ task }) => task),
      signal: options.signal ?? new AbortController().signal,
      bootstrap: { resamples: settings.resamples, seed: settings.seed },
      onNote,
      ...(options.onProgress && { onProgress: options.onProgress }),
    });
    const judges = opened.flatMap(({ comparer }) =>
      comparer ? [{ name: comparer.name, usage: comparer.usage() }] : [],
    );
    return { comparison, judges, files: evaluationFiles(settings.out) };
  } finally {
    await closeAll(opened);
  }
}

/** The order of tables: benchmarks before what has a file of its own. */
const rankingsFirst = (tasks: readonly TaskRow[]): TaskRow[] => [
  ...tasks.filter(({ data }) => typeof data === 'object'),
  ...tasks.filter(({ data }) => typeof data !== 'object'),
];

function refuseServers(tasks: readonly TaskRow[], models: readonly SubjectSpec[]): void {
  const server = models.find(({ kind }) => kind === 'server');
  const local = tasks.find(({ localOnly }) => localOnly !== undefined);
  if (!server || !local) return;
  const problem = `${local.name} needs models in this process, and ${server.name} is a server`;
  throw new WhetstoneError('INVALID_OPTION', problem, { hint: local.localOnly! });
}

async function hubOptions({ onDownload: onProgress, onNote, signal }: EvaluateOptions): Promise<HubOptions> {
  const { describePlan } = await import('../hub/index.ts');
  return {
    onPlan: (plan) => onNote?.(note('HUB_DOWNLOAD', describePlan(plan))),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  };
}

/** Models of the hub become folders. */
async function fetchModels(
  specs: readonly SubjectSpec[],
  options: HubOptions,
  onNote: (note: Note) => void,
): Promise<SubjectSpec[]> {
  const fetched: SubjectSpec[] = [];
  for (const spec of specs) {
    if (spec.kind === 'server') {
      fetched.push(spec);
      continue;
    }
    const { modelFolder } = await import('../hub/index.ts');
    const { path, hub } = await modelFolder(spec.model, options);
    if (hub) onNote(note('HUB_COMMIT', `model ${hub.id}, commit ${hub.commit}`));
    fetched.push({ ...spec, model: path });
  }
  return fetched;
}

async function openTasks(
  tasks: readonly TaskRow[],
  files: Readonly<Record<string, string>>,
  opening: Omit<TaskOpening, 'file'>,
): Promise<OpenedTask[]> {
  const opened: OpenedTask[] = [];
  try {
    for (const task of tasks) opened.push(await task.open({ ...opening, file: files[task.name] ?? '' }));
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
  return opened;
}

async function closeAll(opened: readonly OpenedTask[]): Promise<void> {
  for (const { comparer } of opened) await comparer?.close();
}
