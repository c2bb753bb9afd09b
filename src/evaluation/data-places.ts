// Where tasks find their data: folders, files, and data sets of the hub, which are fetched into its cache. Knows how
// places are spelled and what a benchmark needs of them.
import { WhetstoneError } from '../errors.ts';
import type { HubOptions } from '../hub/index.ts';
import type { Benchmark } from './ranking/benchmark.ts';
import type { DataPlaces } from './ranking/data.ts';
import { splitPatterns } from './ranking/data.ts';
import { option } from '../words/option.ts';
import type { TaskRow } from './task-row.ts';

interface HubPlace {
  /** Null stands for the benchmark's own repository. */
  readonly id: string | null;
  readonly revision: string;
}

export interface NamedPlaces {
  /** Folders that hold several benchmarks. */
  readonly folders: readonly string[];
  /** Files and folders of single tasks, by the task's name. */
  readonly ofTask: Readonly<Record<string, string>>;
  readonly fromHub: readonly { readonly benchmark: Benchmark; readonly place: HubPlace }[];
}

/**
 * "DIR" holds several benchmarks and "hub" all of them; "TASK=PATH" and "TASK=hub:ORG/NAME@REVISION" are the place of
 * one. Throws WhetstoneError `INVALID_OPTION`, also where a task's file is not named.
 */
export function namePlaces(given: readonly string[], tasks: readonly TaskRow[]): NamedPlaces {
  const folders: string[] = [];
  const ofTask: Record<string, string> = {};
  const hub = new Map<Benchmark, HubPlace>();
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
    else {
      ofTask[name] = path;
      if (typeof task.data === 'object') hub.delete(task.data);
    }
  }
  for (const { name, data, measures } of tasks) {
    if (data !== 'file' || ofTask[name] !== undefined) continue;
    throw new WhetstoneError(
      'INVALID_OPTION',
      `the task ${name} needs a file: ${option('data')} ${name}=FILE`,
      {
        hint: `It measures ${measures}.`,
      },
    );
  }
  return { folders, ofTask, fromHub: [...hub].map(([benchmark, place]) => ({ benchmark, place })) };
}

/** "hub", "hub@REVISION", "hub:ORG/NAME" or "hub:ORG/NAME@REVISION"; null is a path. */
function hubPlace(text: string): HubPlace | null {
  const [whole, id, revision = 'main'] = /^hub(?::([^@]+))?(?:@(.+))?$/.exec(text) ?? [];
  return whole === undefined ? null : { id: id ?? null, revision };
}

/** Fetches what lies on the hub; `shots` tells how many examples a benchmark gets. Throws what the hub throws. */
export async function fetchPlaces(
  { folders, ofTask, fromHub }: NamedPlaces,
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
  return { folders, ofBenchmark, origins };
}

const wrong = (text: string, what: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTION', `${option('data')} ${text}: ${what}`, {
    hint: 'Give DIR, TASK=DIR, TASK=FILE, hub, or TASK=hub:ORG/NAME@REVISION.',
  });
