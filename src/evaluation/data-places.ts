// Where tasks find their data: folders, files, and data sets of the hub, which are fetched into its cache. Knows how
// places are spelled and what a benchmark needs of them.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { HubOptions } from '../hub/index.ts';
import type { Benchmark } from './ranking/benchmark.ts';
import type { DataPlaces } from './ranking/data.ts';
import { splitPatterns } from './ranking/data.ts';
import { option } from '../words/option.ts';
import type { TaskRow } from './task-row.ts';

interface HubPlace {
  /** Null stands for the task's own repository. */
  readonly id: string | null;
  /** A file in it; null where none is named. */
  readonly file: string | null;
  readonly revision: string;
}

export interface NamedPlaces {
  /** Folders that hold several benchmarks. */
  readonly folders: readonly string[];
  /** Files and folders of single tasks, by the task's name. */
  readonly ofTask: Readonly<Record<string, string>>;
  readonly fromHub: readonly { readonly benchmark: Benchmark; readonly place: HubPlace }[];
  /** Data sets of tasks that have one file, by the task's name. */
  readonly filesFromHub: Readonly<Record<string, HubPlace & { readonly id: string }>>;
}

/**
 * "DIR" holds several benchmarks and "hub" all of them; "TASK=PATH" and "TASK=hub:ORG/NAME@REVISION" are the place of
 * one, "TASK=hub:ORG/NAME/FILE" a file of the hub's. Throws WhetstoneError `INVALID_OPTION`, also where a task's file is not named.
 */
export function namePlaces(given: readonly string[], tasks: readonly TaskRow[]): NamedPlaces {
  const folders: string[] = [];
  const ofTask: Record<string, string> = {};
  const hub = new Map<Benchmark, HubPlace>();
  const filesFromHub: Record<string, HubPlace & { readonly id: string }> = {};
  const benchmarks = tasks.flatMap(({ data }) => (typeof data === 'object' ? [data] : []));
  for (const text of given) {
    const [, name, path = text] = /^([a-z][a-z0-9_]*)=([^]*)$/.exec(text) ?? [];
    if (path === '') throw wrong(text, "nothing follows the task's name");
    const place = hubPlace(path);
    if (name === undefined) {
      if (place === null) folders.push(path);
      else if (place.id !== null)
        throw wrong(text, 'a data set of the hub belongs to one task: TASK=hub:ORG/NAME');
      else for (const benchmark of benchmarks) hub.set(benchmark, place);
      continue;
    }
    const task = tasks.find((each) => each.name === name);
    if (task === undefined)
      throw wrong(text, `${name} is not among the tasks ${tasks.map((each) => each.name).join(', ')}`);
    if (typeof task.data === 'object' && place) hub.set(task.data, place);
    else if (place) filesFromHub[name] = hubFileOf(task, place, text);
    else {
      ofTask[name] = path;
      delete filesFromHub[name];
      if (typeof task.data === 'object') hub.delete(task.data);
    }
  }
  for (const { name, data, measures } of tasks) {
    if (data !== 'file' || ofTask[name] !== undefined || filesFromHub[name] !== undefined) continue;
    throw new WhetstoneError(
      'INVALID_OPTION',
      `the task ${name} needs a file: ${option('data')} ${name}=FILE`,
      {
        hint: `It measures ${measures}.`,
      },
    );
  }
  const fromHub = [...hub].map(([benchmark, place]) => ({ benchmark, place }));
  return { folders, ofTask, fromHub, filesFromHub };
}

/** The data set of a task that has one file. */
function hubFileOf(task: TaskRow, place: HubPlace, text: string): HubPlace & { readonly id: string } {
  if (place.id !== null) return { ...place, id: place.id };
  if (task.hubFile) return { ...task.hubFile, revision: place.revision };
  throw wrong(text, `${task.name} has no data set of its own on the hub: ${task.name}=hub:ORG/NAME`);
}

/** "hub", "hub:ORG/NAME" or "hub:ORG/NAME/FILE", each with "@REVISION" behind it or without; null is a path. */
function hubPlace(text: string): HubPlace | null {
  const [whole, id = null, file = null, revision = 'main'] =
    /^hub(?::([^@/]+(?:\/[^@/]+)?)(?:\/([^@]+))?)?(?:@(.+))?$/.exec(text) ?? [];
  return whole === undefined ? null : { id, file, revision };
}

/** Fetches what lies on the hub; `shots` tells how many examples a benchmark gets. Throws what the hub throws. */
export async function fetchPlaces(
  { folders, ofTask, fromHub, filesFromHub }: NamedPlaces,
  shots: (benchmark: Benchmark) => number,
  options: HubOptions,
): Promise<DataPlaces> {
  const ofBenchmark: Record<string, string> = { ...ofTask };
  const origins: Record<string, { readonly id: string; readonly revision: string; readonly commit: string }> =
    {};
  for (const { benchmark, place } of fromHub) {
    const { resolveHub } = await import('../hub/index.ts');
    const id = place.id ?? benchmark.repository;
    const { revision } = place;
    const splits = [benchmark.split, ...(shots(benchmark) > 0 ? [benchmark.exampleSplit ?? []].flat() : [])];
    const patterns = benchmark.parts.flatMap((part) => splits.flatMap((split) => splitPatterns(part, split)));
    const request = { kind: 'dataset', id, revision, patterns } as const;
    const { path, commit } = await resolveHub(request, options);
    ofBenchmark[benchmark.name] = path;
    origins[benchmark.name] = { id, revision, commit };
  }
  for (const [task, place] of Object.entries(filesFromHub)) {
    const { resolveHub } = await import('../hub/index.ts');
    const { id, revision } = place;
    const file = place.file ?? (await onlyDataFile(task, place, options));
    const { path, commit } = await resolveHub({ kind: 'dataset', id, revision, files: [file] }, options);
    ofBenchmark[task] = join(path, file);
    origins[task] = { id, revision, commit };
  }
  return { folders, ofBenchmark, origins };
}

/** The one file with rows of a data set. Throws WhetstoneError `INVALID_OPTION` where there are several, or none. */
async function onlyDataFile(
  task: string,
  { id, revision }: HubPlace & { readonly id: string },
  options: HubOptions,
): Promise<string> {
  const { hubFiles } = await import('../hub/index.ts');
  const all = await hubFiles({ kind: 'dataset', id, revision }, options);
  const rows = all.filter((name) => /\.(?:jsonl|ndjson|parquet|csv|tsv|json)$/i.test(name));
  // Descriptions of the data set, which are JSON too.
  const data = rows.filter((name) => !/(?:^|\/)(?:dataset_infos?|dataset_dict|state)\.json$/.test(name));
  if (data.length === 1) return data[0]!;
  const found = data.length === 0 ? 'no file with rows' : `${data.length} files with rows`;
  const named = data.slice(0, 8).join(', ') + (data.length > 8 ? ', …' : '');
  throw new WhetstoneError('INVALID_OPTION', `the data set ${id} has ${found}, and ${task} needs one`, {
    hint:
      data.length === 0
        ? 'Name another data set, or download it and convert it to JSONL.'
        : `Name it: ${task}=hub:${id}/${data[0]!}. There are ${named}.`,
  });
}

const wrong = (text: string, what: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTION', `${option('data')} ${text}: ${what}`, {
    hint: 'Give DIR, TASK=DIR, TASK=FILE, hub, TASK=hub:ORG/NAME@REVISION, or TASK=hub:ORG/NAME/FILE.',
  });
