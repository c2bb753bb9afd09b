// Every task by name, a row each, and how each is opened with the settings of an evaluation. Knows no models.
import { computeOf } from '../engine/open-weights.ts';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { Comparer } from '../judges/comparer.ts';
import { judgeSettingsOf } from '../judges/flags.ts';
import { option } from '../words/option.ts';
import { dataDigest, sha256File } from '../runs/digests.ts';
import type { Benchmark } from './ranking/benchmark.ts';
import { benchmarkGroups, benchmarks, shotsOf } from './ranking/benchmarks.ts';
import type { GenerationSettings } from './responses.ts';
import type { EvaluateSettings } from './settings.ts';
import type { TaskOpening, TaskRow } from './task-row.ts';

/** A ranking benchmark as a task. */
export const rankingRow = (benchmark: Benchmark): TaskRow => ({
  name: benchmark.name,
  measures: `${benchmark.metrics.join(' and ')} on ${benchmark.repository}`,
  data: benchmark,
  open: async ({ places, settings }) => {
    const { rankingTask } = await import('./ranking/ranking-task.ts');
    const { limit, truthfulqaPrimer: primer } = settings;
    return {
      task: await rankingTask(benchmark, {
        data: places,
        shots: shotsFor(benchmark, settings),
        limit,
        primer,
      }),
    };
  },
});

const winRate: TaskRow = {
  name: 'win_rate',
  measures: 'responses against reference outputs, by a judge: rows of instruction, input?, output',
  data: 'file',
  // The reference outputs of AlpacaEval 2.
  hubFile: { id: 'tatsu-lab/alpaca_eval', file: 'alpaca_eval_gpt4_baseline.json' },
  open: async (opening) => {
    const { winRateTask } = await import('./win-rate/win-rate-task.ts');
    const { readLengthTable } = await import('./win-rate/length-table.ts');
    const { readReferences } = await import('./references.ts');
    const { limit, lengthTable, bothOrders } = opening.settings;
    const references = await readReferences(opening.file);
    const rows = Math.min(limit ?? Infinity, references.rows.length);
    const table = lengthTable === null ? null : await readLengthTable(lengthTable, rows);
    const common = await responseSettings(opening.settings);
    const comparer = await openRememberingComparer(opening);
    const task = winRateTask({ ...common, references, comparer, bothOrders, lengthTable: table });
    return { task, comparer };
  },
};

const rouge: TaskRow = {
  name: 'rouge',
  measures: 'responses against references by ROUGE: rows of instruction, input?, reference',
  data: 'file',
  open: async ({ file, settings }) => {
    const { rougeTask } = await import('./rouge/rouge-task.ts');
    const { readReferences } = await import('./references.ts');
    const { resamples, seed, rougeStem: stem } = settings;
    const references = await readReferences(file);
    const common = await responseSettings(settings);
    return { task: rougeTask({ ...common, references, stem, bootstrap: { resamples, seed } }) };
  },
};

const heldOut: TaskRow = {
  name: 'held_out',
  measures: 'perplexity of judged responses, and detection of marked errors: judged triplets',
  data: 'file',
  localOnly: 'A server does not tell the log-probs of single tokens of a response; give the model folder.',
  open: async ({ file, settings }) => {
    const { lambda, limit } = settings;
    const { heldOutTask } = await import('./held-out/held-out-task.ts');
    const { readSoundTriplets } = await import('../judgments/index.ts');
    const { triplets } = await readSoundTriplets(file);
    const digest = await dataDigest(file);
    const key = await templateKey(settings);
    return { task: heldOutTask({ file, digest, triplets, template: key, lambda, limit }) };
  },
};

const rows: TaskRow[] = [...benchmarks.map(rankingRow), winRate, rouge, heldOut];

/** Adds a task. Throws WhetstoneError `INVALID_OPTION` for a name that is taken. */
export function addTask(row: TaskRow): void {
  if (rows.some(({ name }) => name === row.name) || Object.hasOwn(benchmarkGroups, row.name)) {
    throw new WhetstoneError('INVALID_OPTION', `there is a task ${JSON.stringify(row.name)} already`, {
      hint: 'Give the new one another name.',
    });
  }
  rows.push(row);
}

/** Tasks by name, or by that of a group, each once. Throws WhetstoneError `INVALID_OPTION`. */
export function tasksNamed(names: readonly string[]): TaskRow[] {
  const found = names.flatMap((name) =>
    (benchmarkGroups[name] ?? [name]).map((each) => {
      const row = rows.find((other) => other.name === each);
      if (row) return row;
      throw new WhetstoneError('INVALID_OPTION', `there is no task ${JSON.stringify(name)}`, {
        hint: `Tasks: ${taskNames().join(', ')}; groups and subjects of MMLU such as mmlu_stem and mmlu_virology.`,
      });
    }),
  );
  return [...new Set(found)];
}

/** Ranking benchmarks by name. Throws as `tasksNamed`. */
export const benchmarksNamed = (names: readonly string[]): Benchmark[] =>
  tasksNamed(names).flatMap(({ data }) => (typeof data === 'object' ? [data] : []));

/** The names that help and errors show; each subject of MMLU has one, too. */
export const taskNames = (): string[] => [
  ...rows.map(({ name }) => name).filter((name) => !name.startsWith('mmlu_')),
  ...Object.keys(benchmarkGroups),
];

/** Examples before each prompt of a benchmark. */
export const shotsFor = (
  benchmark: Benchmark,
  { numFewshot, preset }: Pick<EvaluateSettings, 'numFewshot' | 'preset'>,
): number => benchmark.fixedShots ?? numFewshot ?? shotsOf(preset, benchmark);

/** What a task that has models respond is made with. */
async function responseSettings(settings: EvaluateSettings): Promise<{
  readonly limit: number | null;
  readonly template: string;
  readonly generation: GenerationSettings;
}> {
  const { limit, maxNewTokens, temperature, topP, seed } = settings;
  return {
    limit,
    template: await templateKey(settings),
    // What greedy responses do not depend on must not make them anew.
    generation:
      temperature === 0
        ? { maxNewTokens, temperature, topP: 1, seed: 0 }
        : { maxNewTokens, temperature, topP, seed },
  };
}

/** A template file under the same name may have changed; a model's own is part of its fingerprint. */
async function templateKey({
  template,
  templateArgs,
}: Pick<EvaluateSettings, 'template' | 'templateArgs'>): Promise<string> {
  const isFile =
    template !== null &&
    (await stat(template).then(
      (info) => info.isFile(),
      () => false,
    ));
  const name = isFile ? `${template}:${await sha256File(template)}` : (template ?? 'its own');
  const given = Object.entries(templateArgs ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return given.length === 0 ? name : `${name} ${JSON.stringify(given)}`;
}

async function openRememberingComparer({ settings, judging }: TaskOpening): Promise<Comparer> {
  const { judge, judgeCache, judgeApiKeyEnv, compareBy, out, seed } = settings;
  if (judge === null) {
    throw new WhetstoneError('INVALID_OPTION', `the task win_rate needs a judge: ${option('judge')} SPEC`, {
      hint: 'For instance openai:gpt-4o, "cmd:./compare.sh" or ./compare.ts.',
    });
  }
  const { openComparer } = await import('../judges/open-comparer.ts');
  const { rememberComparisons } = await import('./win-rate/remembered.ts');
  await makeFolder(out);
  const cache = judgeCache ?? join(out, 'judge-replies.jsonl');
  const known = judgeSettingsOf({ ...settings, apiKeyEnv: judgeApiKeyEnv });
  const comparer = await openComparer(
    judge,
    { ...known, ...judging, ...computeOf(settings), seed, cache },
    compareBy,
  );
  try {
    return await rememberComparisons(comparer, join(out, 'comparisons.jsonl'));
  } catch (error) {
    await comparer.close();
    throw error;
  }
}
