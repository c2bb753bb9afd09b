// The values of --data as places of benchmarks: folders, files, and data sets of the hub, which are fetched into its
// cache. Knows how they are spelled and what a benchmark needs.
import type { Benchmark } from '../evaluation/ranking/benchmark.ts';
import { WhetstoneError } from '../errors.ts';
import type { DataPlaces } from '../evaluation/ranking/data.ts';
import { splitPatterns } from '../evaluation/ranking/data.ts';
import { createLine } from './progress.ts';
import type { Output } from './terminal.ts';
import { printable } from './terminal.ts';

interface HubPlace {
  /** Null stands for the benchmark's own repository. */
  readonly id: string | null;
  readonly revision: string;
}

/**
 * "DIR" holds several benchmarks and "hub" all of them; "TASK=PATH" and "TASK=hub:ORG/NAME@REVISION" are the place of
 * one. `shots` tells how many examples a benchmark gets. Throws WhetstoneError `INVALID_OPTION` and what the hub throws.
 */
export async function dataPlaces(
  given: readonly string[],
  benchmarks: readonly Benchmark[],
  shots: (benchmark: Benchmark) => number,
  stderr: Output,
): Promise<DataPlaces> {
  const folders: string[] = [];
  const ofBenchmark: Record<string, string> = {};
  const fromHub = new Map<string, HubPlace>();
  for (const text of given) {
    const [, name, path = text] = /^([a-z][a-z0-9_]*)=([^]*)$/.exec(text) ?? [];
    if (path === '') throw wrong(text, "nothing follows the task's name");
    const hub = hubPlace(path);
    if (name === undefined) {
      if (hub === null) folders.push(path);
      else if (hub.id !== null)
        throw wrong(text, 'a data set of the hub belongs to one task: TASK=hub:ORG/NAME');
      else for (const benchmark of benchmarks) fromHub.set(benchmark.name, hub);
    } else if (!benchmarks.some((benchmark) => benchmark.name === name)) {
      throw wrong(text, `${name} is not among the tasks ${benchmarks.map((each) => each.name).join(', ')}`);
    } else if (hub) fromHub.set(name, hub);
    else {
      ofBenchmark[name] = path;
      fromHub.delete(name);
    }
  }
  const origins: Record<string, { readonly id: string; readonly revision: string; readonly commit: string }> =
    {};
  for (const benchmark of benchmarks) {
    const place = fromHub.get(benchmark.name);
    if (place === undefined) continue;
    const id = place.id ?? benchmark.repository;
    const splits = [benchmark.split, ...(shots(benchmark) > 0 ? [benchmark.exampleSplit ?? []].flat() : [])];
    const patterns = benchmark.parts.flatMap((part) => splits.flatMap((split) => splitPatterns(part, split)));
    const { path, commit } = await fetchData({ id, revision: place.revision, patterns }, stderr);
    ofBenchmark[benchmark.name] = path;
    origins[benchmark.name] = { id, revision: place.revision, commit };
  }
  return { folders, ofBenchmark, origins };
}

/** "hub", "hub@REVISION", "hub:ORG/NAME" or "hub:ORG/NAME@REVISION"; null is a path. */
function hubPlace(text: string): HubPlace | null {
  const [whole, id, revision = 'main'] = /^hub(?::([^@]+))?(?:@(.+))?$/.exec(text) ?? [];
  return whole === undefined ? null : { id: id ?? null, revision };
}

async function fetchData(
  request: { readonly id: string; readonly revision: string; readonly patterns: readonly string[] },
  stderr: Output,
): Promise<{ readonly path: string; readonly commit: string }> {
  const { resolveHub } = await import('../hub/index.ts');
  const line = createLine({ output: stderr });
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  try {
    return await resolveHub(
      { kind: 'dataset', ...request },
      {
        onProgress: ({ file, received, total }) =>
          line.show(
            [`downloading ${mb(received)}${total === null ? '' : ` of ${mb(total)}`} MB`, printable(file)],
            received === total,
          ),
      },
    );
  } finally {
    line.end();
  }
}

const wrong = (text: string, what: string): WhetstoneError =>
  new WhetstoneError('INVALID_OPTION', `--data ${text}: ${what}`, {
    hint: 'Give DIR, TASK=DIR, TASK=FILE, hub, or TASK=hub:ORG/NAME@REVISION.',
  });
