// Finds and reads the rows of a benchmark in local folders: copies of the hub's repositories, or files named after
// their split. Knows file names, no columns.
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dataDigest } from '../../runs/digests.ts';
import { WhetstoneError } from '../../errors.ts';
import { describe, isFields } from '../../rows/fields.ts';
import { openRows } from '../../rows/rows.ts';
import type { Benchmark, BenchmarkPart } from './benchmark.ts';
import type { BenchmarkRow } from './fields.ts';
import { option } from '../../words/option.ts';

/** Where rows may be. */
export interface DataPlaces {
  /** Folders that hold several benchmarks. */
  readonly folders: readonly string[];
  /** For single benchmarks by name: the folder of one, or a file with the rows to be evaluated. */
  readonly ofBenchmark: Readonly<Record<string, string>>;
  /** For those of the hub which data set they are: for the record of an evaluation. */
  readonly origins?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface SplitRows {
  readonly rows: readonly BenchmarkRow[];
  /** Path to digest. */
  readonly files: Readonly<Record<string, string>>;
}

const extension = '(?:jsonl|ndjson|json|parquet)(?:\\.gz)?';

/**
 * Reads a split of one part of a benchmark. Looked for are `SPLIT.jsonl`, `.ndjson`, `.json`, `.parquet`, or several
 * as `SPLIT-00000-of-00002.parquet`, in a folder or its `data`. In a folder of several benchmarks that is one called
 * after the benchmark, the repository (`allenai/ai2_arc`, `ai2_arc`) or the configuration (`ARC-Challenge`); the
 * configuration may also be a folder inside these.
 *
 * Throws WhetstoneError `NO_BENCHMARK_DATA`, which names what was looked for, what `openRows` throws, and
 * `BENCHMARK_ROW` for a row that is no object.
 */
export async function readSplit(
  benchmark: Pick<Benchmark, 'name' | 'repository' | 'split'>,
  part: Pick<BenchmarkPart, 'config'>,
  split: string,
  places: DataPlaces,
): Promise<SplitRows> {
  const folders = candidateFolders(benchmark, part, places);
  const own = places.ofBenchmark[benchmark.name];
  const paths = own !== undefined && (await isFile(own)) ? (split === benchmark.split ? [own] : []) : null;
  const found = paths ?? (await firstWithSplit(folders, split));
  if (found.length === 0) throw noData(benchmark, split, paths === null ? folders : [own!]);
  const rows: BenchmarkRow[] = [];
  const files: Record<string, string> = {};
  for (const file of found) {
    const opened = await openRows(file);
    for await (const { value, source } of opened.rows) {
      if (isFields(value)) rows.push({ fields: value, ...source });
      else throw new WhetstoneError('BENCHMARK_ROW', `expected an object, found ${describe(value)}`, source);
    }
    files[resolve(file)] = await dataDigest(file);
  }
  return { rows, files };
}

/** The folders that a benchmark's own files, such as a task file, may be in. */
export function candidateFolders(
  { name, repository }: Pick<Benchmark, 'name' | 'repository'>,
  { config }: Pick<BenchmarkPart, 'config'>,
  { folders, ofBenchmark }: DataPlaces,
): string[] {
  const withConfig = (folder: string): string[] =>
    config === null ? [folder] : [join(folder, config), folder];
  const own = ofBenchmark[name];
  if (own !== undefined) return withConfig(own);
  // "mmlu_virology" and "truthfulqa_mc1" are found where "mmlu" and "truthfulqa" are.
  const [family = name] = name.split('_');
  const short = repository.split('/').at(-1)!;
  const names = [...new Set([name, repository, short, family])];
  return folders.flatMap((folder) => [
    // The folder of one configuration of several must not be taken for that of another.
    ...names.flatMap((each) => withConfig(join(folder, each))),
    ...(config === null ? [] : [join(folder, config)]),
  ]);
}

/** Where in a repository of the hub the rows of a split may be, as patterns. */
export const splitPatterns = ({ config }: Pick<BenchmarkPart, 'config'>, split: string): string[] =>
  (config === null ? ['', 'data/'] : [`${config}/`]).flatMap((folder) => [
    `${folder}${split}-*.parquet`,
    `${folder}${split}.parquet`,
    `${folder}${split}.jsonl`,
  ]);

async function firstWithSplit(folders: readonly string[], split: string): Promise<string[]> {
  const pattern = new RegExp(`^${split}(?:-\\d+-of-\\d+)?\\.${extension}$`);
  for (const folder of folders) {
    for (const place of [folder, join(folder, 'data')]) {
      const names = (await readdir(place).catch(() => [])).filter((name) => pattern.test(name)).sort();
      const shards = names.filter((name) => name.includes('-of-'));
      // The same rows in two formats must not count twice.
      if (names.length > 0)
        return (shards.length > 0 ? shards : names.slice(0, 1)).map((name) => join(place, name));
    }
  }
  return [];
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isFile(),
    () => false,
  );

function noData(
  { name, repository }: Pick<Benchmark, 'name' | 'repository'>,
  split: string,
  folders: readonly string[],
): WhetstoneError {
  const shown = folders.slice(0, 8).map((folder) => `\n    ${folder}`);
  const looked = folders.length === 0 ? 'No folder was given.' : `Looked in${shown.join('')}`;
  return new WhetstoneError(
    'NO_BENCHMARK_DATA',
    `${name}: found no ${split}.jsonl, ${split}.json, ${split}.parquet or ${split}-00000-of-00001.parquet`,
    {
      hint: `${looked}\n  Rows have the columns of ${repository} on the hub; ${option('data')} says where: DIR or ${name}=DIR.`,
    },
  );
}
