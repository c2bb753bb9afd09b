// The tasks of "whetstone evaluate" that are no ranking: win_rate, held_out and rouge, each with a file of its own. Knows
// how flags become tasks.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dataDigest, sha256File } from '../runs/digests.ts';
import { WhetstoneError } from '../errors.ts';
import type { ReferenceFile } from '../evaluation/references.ts';
import type { GenerationSettings } from '../evaluation/responses.ts';
import type { EvaluationTask } from '../evaluation/run/task.ts';
import type { SubjectSpec } from '../evaluation/subject/parse-subject.ts';
import type { Comparer } from '../judges/comparer.ts';
import { formatMoney } from '../openai/cost.ts';
import { judgeSettingsOf } from '../judges/flags.ts';
import type { JudgeSettings } from '../judges/settings.ts';
import type { SettingsOf } from '../options/table.ts';
import type { evaluateTable } from '../options/verbs.ts';
import { plural } from './terminal.ts';

type EvaluateSettings = SettingsOf<typeof evaluateTable>;

/** What each of them measures, and what its file holds. */
export const fileTasks = {
  win_rate: 'responses against reference outputs, by a judge: rows of instruction, input?, output',
  rouge: 'responses against references by ROUGE: rows of instruction, input?, reference',
  held_out: 'perplexity of judged responses, and detection of marked errors: judged triplets',
} as const;
type FileTask = keyof typeof fileTasks;

const isFileTask = (name: string): name is FileTask => Object.hasOwn(fileTasks, name);

export interface SplitTasks {
  /** What is left of --tasks and --data for rankings. */
  readonly tasks: readonly string[];
  readonly data: readonly string[];
  readonly fileTasks: readonly { readonly name: FileTask; readonly file: string }[];
}

/**
 * Throws WhetstoneError `INVALID_OPTION` where a task's file is not named, a file's task is not asked for, or held_out is
 * asked of a server.
 */
export function splitTasks(
  { tasks, data }: Pick<EvaluateSettings, 'tasks' | 'data'>,
  models: readonly Pick<SubjectSpec, 'kind' | 'name'>[],
): SplitTasks {
  const server = models.find(({ kind }) => kind === 'server');
  if (server && tasks.includes('held_out')) {
    throw new WhetstoneError(
      'INVALID_OPTION',
      `held_out needs models in this process, and ${server.name} is a server`,
      {
        hint: 'A server does not tell the log-probs of single tokens of a response; give the model folder.',
      },
    );
  }
  const files = new Map<string, string>();
  const others = data.filter((text) => {
    const [, name = '', file = ''] = /^([a-z_]+)=([^]+)$/.exec(text) ?? [];
    if (!isFileTask(name)) return true;
    if (!tasks.includes(name))
      throw new WhetstoneError('INVALID_OPTION', `--data ${text}: ${name} is not among the tasks`);
    files.set(name, file);
    return false;
  });
  return {
    tasks: tasks.filter((name) => !isFileTask(name)),
    data: others,
    fileTasks: [...new Set(tasks.filter(isFileTask))].map((name) => {
      const file = files.get(name);
      if (file !== undefined) return { name, file };
      throw new WhetstoneError('INVALID_OPTION', `the task ${name} needs a file: --data ${name}=FILE`, {
        hint: `It measures ${fileTasks[name]}.`,
      });
    }),
  };
}

export interface OpenedTasks {
  readonly tasks: readonly EvaluationTask[];
  /** What the judge was asked and has cost, as a line; empty without a judge. */
  summary(): string;
  close(): Promise<void>;
}

/** Opens the judge where one is needed; it asks nothing yet. `close` has to be called. */
export async function openFileTasks(
  wanted: SplitTasks['fileTasks'],
  values: EvaluateSettings,
  { openEngine, onNote }: Partial<Pick<JudgeSettings, 'openEngine' | 'onNote'>>,
): Promise<OpenedTasks> {
  const { limit } = values;
  const common = { limit, template: await templateKey(values.template), generation: generationOf(values) };
  const tasks: EvaluationTask[] = [];
  let comparer: Comparer | null = null;
  try {
    for (const { name, file } of wanted) {
      switch (name) {
        case 'win_rate': {
          const { winRateTask } = await import('../evaluation/win-rate/win-rate-task.ts');
          const { readLengthTable } = await import('../evaluation/win-rate/length-table.ts');
          const references = await readReferencesOf(file);
          const rows = Math.min(limit ?? Infinity, references.rows.length);
          const { lengthTable, bothOrders } = values;
          const table = lengthTable === null ? null : await readLengthTable(lengthTable, rows);
          comparer = await openComparerOf(values, {
            openEngine: openEngine ?? null,
            ...(onNote && { onNote }),
          });
          tasks.push(winRateTask({ ...common, references, comparer, bothOrders, lengthTable: table }));
          break;
        }
        case 'rouge': {
          const { rougeTask } = await import('../evaluation/rouge/rouge-task.ts');
          const { resamples, seed, rougeStem: stem } = values;
          const references = await readReferencesOf(file);
          tasks.push(rougeTask({ ...common, references, stem, bootstrap: { resamples, seed } }));
          break;
        }
        case 'held_out': {
          const { heldOutTask } = await import('../evaluation/held-out/held-out-task.ts');
          const { readMarkedTriplets } = await import('../evaluation/held-out/marked-rows.ts');
          const triplets = await readMarkedTriplets(file);
          const { template } = common;
          const digest = await dataDigest(file);
          tasks.push(heldOutTask({ file, digest, triplets, template, lambda: values.lambda, limit }));
          break;
        }
      }
    }
  } catch (error) {
    await comparer?.close();
    throw error;
  }
  return {
    tasks,
    summary: () => (comparer === null ? '' : `${usageText(comparer, values.currency)}\n`),
    close: async () => comparer?.close(),
  };
}

function usageText(comparer: Comparer, currency: string): string {
  const { calls, cached, cost } = comparer.usage();
  const before = cached > 0 ? `, ${plural(cached, 'answer')} from kept replies` : '';
  return `${comparer.name}: ${plural(calls, 'call')}${before}${cost === null ? '' : `, ${formatMoney(cost, currency)}`}`;
}

async function readReferencesOf(file: string): Promise<ReferenceFile> {
  const { readReferences } = await import('../evaluation/references.ts');
  return readReferences(file);
}

/** A template file under the same name may have changed. */
async function templateKey(template: string): Promise<string> {
  const isFile = await stat(template).then(
    (info) => info.isFile(),
    () => false,
  );
  return isFile ? `${template}:${await sha256File(template)}` : template;
}

const generationOf = ({ maxNewTokens, temperature, topP, seed }: EvaluateSettings): GenerationSettings =>
  // What greedy responses do not depend on must not make them anew.
  temperature === 0
    ? { maxNewTokens, temperature, topP: 1, seed: 0 }
    : { maxNewTokens, temperature, topP, seed };

async function openComparerOf(values: EvaluateSettings, settings: Partial<JudgeSettings>): Promise<Comparer> {
  const { judge, judgeCache, judgeApiKeyEnv, out, threads, seed } = values;
  if (judge === null) {
    throw new WhetstoneError('INVALID_OPTION', 'the task win_rate needs a judge: --judge SPEC', {
      hint: 'For instance --judge openai:gpt-4o, --judge "cmd:./compare.sh" or --judge ./compare.ts.',
    });
  }
  const { openComparer } = await import('../judges/open-comparer.ts');
  const { rememberComparisons } = await import('../evaluation/win-rate/remembered.ts');
  await mkdir(out, { recursive: true });
  const comparer = await openComparer(
    judge,
    {
      ...judgeSettingsOf({ ...values, apiKeyEnv: judgeApiKeyEnv }),
      ...settings,
      ...{ threads, seed, cache: judgeCache ?? join(out, 'judge-replies.jsonl') },
    },
    values.compareBy,
  );
  try {
    return await rememberComparisons(comparer, join(out, 'comparisons.jsonl'));
  } catch (error) {
    await comparer.close();
    throw error;
  }
}
