// All pages of docs/results and the page that sums them up, by one call. Knows which suites and how many seeds of each; how one
// is made is reproduce.ts's business.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../../src/durable/files.ts';
import type { SuiteOrTable } from './names.ts';
import type { SavedRecord } from './record.ts';
import type { ReproduceOptions, Reproduction } from './reproduce.ts';
import { reproduce } from './reproduce.ts';
import { resultsPage } from './results-page.ts';

export interface Part {
  readonly name: SuiteOrTable;
  readonly seeds: number;
  /** Test instructions; 600 if absent. */
  readonly test?: number;
}

/** In the order of the page. Where runs are long, or differences are large, 300 test instructions are enough. */
export const everything: readonly Part[] = [
  { name: 'judgments', seeds: 5 },
  { name: 'table2', seeds: 3 },
  { name: 'generalist-specialist', seeds: 3, test: 300 },
  { name: 'table4', seeds: 3 },
  { name: 'ablations', seeds: 5, test: 300 },
  { name: 'table5', seeds: 3 },
  { name: 'warm-start', seeds: 3, test: 300 },
  { name: 'model-agnostic', seeds: 3, test: 300 },
  { name: 'table6', seeds: 3 },
  { name: 'ai-judge', seeds: 3, test: 300 },
  { name: 'figure4', seeds: 3 },
  { name: 'ranking', seeds: 3, test: 300 },
  { name: 'figure-3', seeds: 2, test: 300 },
  { name: 'marks', seeds: 3 },
  { name: 'figure7', seeds: 3 },
  { name: 'precision', seeds: 5 },
  { name: 'detection', seeds: 3 },
  { name: 'detection-ways', seeds: 3, test: 100 },
];

export type EverythingOptions = Pick<
  ReproduceOptions,
  'out' | 'jobs' | 'worker' | 'onEvent' | 'signal' | 'model' | 'bases' | 'runners' | 'resamples'
> & {
  /** What is made; `everything` if absent. */
  readonly parts?: readonly Part[];
  /** Fewer seeds or instructions than the parts have, for tests. */
  readonly scale?: { readonly seeds: number } & ReproduceOptions['scale'];
  /** Before each suite: its name, its number from 1, how many there are. */
  readonly onPart?: (name: string, number: number, total: number) => void;
};

/** The folder of the pages, beside the page that sums them up. */
export const pagesIn = 'results';

/** OUT/results.md, and the pages, records and figures of every suite in OUT/results. Goes on where it was interrupted. */
export async function reproduceEverything(options: EverythingOptions): Promise<Reproduction> {
  const { out, scale, onPart, parts = everything, ...others } = options;
  const folder = join(out, pagesIn);
  const made: Reproduction[] = [];
  for (const [i, { name, seeds, test }] of parts.entries()) {
    options.signal?.throwIfAborted();
    onPart?.(name, i + 1, parts.length);
    const sizes = { ...(test !== undefined && { test }), ...scale };
    const command = `whetstone reproduce ${name} --seeds ${seeds}${test === undefined ? '' : ` --test ${test}`} --out ${folder}`;
    made.push(
      await reproduce({
        ...others,
        name,
        out: folder,
        seeds: scale?.seeds ?? seeds,
        scale: sizes,
        command,
      }),
    );
  }
  const records = await Promise.all(parts.map(({ name }) => readRecord(folder, name)));
  const page = join(out, 'results.md');
  const text = resultsPage(records);
  await writeFileDurably(page, text);
  return {
    name: 'all',
    files: [page, ...made.flatMap(({ files }) => files)],
    conclusions: [],
    table: text,
    seconds: made.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

const readRecord = async (folder: string, name: string): Promise<SavedRecord> =>
  JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as SavedRecord;
