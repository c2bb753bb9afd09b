// whetstone evaluate: models measured as the field's own tools measure them, in one table.
import type { Evaluation } from '../evaluation/evaluate.ts';
import type { GivenSettings } from '../evaluation/settings.ts';
import type { EvaluationProgress } from '../evaluation/run/evaluate.ts';
import { formatMoney } from '../openai/cost.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { command } from '../options/tables/command.ts';
import { evaluateTable } from '../options/verbs/evaluating.ts';
import { plural, thousands } from '../words/numbers.ts';
import { printable } from '../words/printable.ts';
import { snakeFields } from './events.ts';
import { downloadStanding } from './hub-model.ts';
import type { Standing } from './progress.ts';
import type { VerbContext } from './screen.ts';
import { stoppable, waitingForCalls } from './signals.ts';
import type { Colors } from './terminal.ts';

type EvaluateTable = WithConfig<typeof evaluateTable> & Pick<typeof command, 'details'>;

export const evaluateVerb: Verb<EvaluateTable> = {
  name: 'evaluate',
  summary:
    'Measure models by benchmarks, win rate, ROUGE and held-out judgments, in one table with intervals',
  about: `ARC, HellaSwag, MMLU and TruthfulQA with the prompts, examples and rules of
lm-evaluation-harness, so that the figures agree with its own. Models run in this process,
with or without adapters, or behind any server whose /v1/completions tells log-probs of a
prompt. Data are local copies of the hub's data sets, JSONL with their columns, or (hub) the
data sets themselves, through the hub's cache.
win_rate has models respond and a judge prefer the response or the reference, as AlpacaEval
does; rouge compares responses with references as rouge-score does; held_out tells how likely
judged responses are, and whether tokens that judgments single out are the marked errors.
Every result is on disk as soon as it is there: after a kill or Ctrl+C the same command goes on,
and a command that asks for more uses what is in --out already.
--out gets results.md, results.csv, results.json, run.yaml and each document's result.`,
  examples: [
    [
      'evaluate --model ./model --adapter runs/a/adapter --tasks arc_challenge,hellaswag --data ./benchmarks --out eval',
      'a model before and after training, without examples in the prompts',
    ],
    [
      'evaluate --model ./model --tasks paper --preset paper --data ./benchmarks --out eval --limit 100',
      "the paper's benchmarks and numbers of examples; the first 100 documents of each",
    ],
    [
      'evaluate --model base=./a,tuned=./a+runs/1/adapter,other=./b --tasks mmlu --data mmlu=./mmlu --out eval',
      'any number of models; the others are compared with the first',
    ],
    [
      'evaluate --model http://127.0.0.1:8080/v1#qwen3 --tokenizer ./qwen3 --tasks arc_easy --data ./benchmarks --out eval',
      'a model behind a server',
    ],
    [
      'evaluate --model base=./a,tuned=./a+runs/1/adapter --tasks win_rate --data win_rate=references.json --judge openai:gpt-4o --both_orders --out eval',
      'pairwise win rates against reference outputs',
    ],
  ],
  table: { ...withConfig(evaluateTable), details: command.details },
  required: () => ['model', 'tasks', 'out'],
  together: () => [],
};

export async function runEvaluate(
  { given, values }: Given<EvaluateTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { evaluate } = await import('../evaluation/evaluate.ts');
  const { comparisonLines, comparisonRecord, legend } = await import('../evaluation/run/comparison-files.ts');
  const { config, details, ...settings } = given;
  return stoppable(
    async (signal) => {
      const { comparison, judges, files } = await evaluate({
        ...(settings as GivenSettings),
        signal,
        ...(openEngine && { openEngine }),
        onDownload: (progress) => screen.progress(downloadStanding(progress)),
        onBegin: ({ models, tasks, items }) => {
          screen.endProgress();
          const extent = [plural(models, 'model'), plural(tasks, 'task'), `${plural(items, 'item')} each`];
          screen.tell('plan', { models, tasks, items }, extent.join(', '));
        },
        onNote: screen.note,
        onProgress: showProgress(screen.progress, values.model.length + values.adapter.length > 1),
      }).finally(() => screen.endProgress());
      const table = tableText(comparisonLines(comparison, details === true), screen.colors);
      screen.result('comparison', comparisonRecord(comparison), `${table}\n${legend(comparison)}`);
      for (const judge of judges) screen.tell('judge', snakeFields(judge), judgeText(judge, values.currency));
      screen.tell('done', { files: snakeFields(files) }, files.markdown);
    },
    (name) =>
      screen.aside(
        'stopping',
        waitingForCalls(name, `${values.out} keeps what was measured; the same command goes on.`),
      ),
  );
}

/** "the judge: 12 calls, 3 answers from kept replies, 0.12 USD". */
function judgeText({ name, usage }: Evaluation['judges'][number], currency: string): string {
  const { calls, cached, cost } = usage;
  const before = cached > 0 ? `, ${plural(cached, 'answer')} from kept replies` : '';
  return `${name}: ${plural(calls, 'call')}${before}${cost === null ? '' : `, ${formatMoney(cost, currency)}`}`;
}

function showProgress(
  show: (standing: Standing) => void,
  severalModels: boolean,
): (progress: EvaluationProgress) => void {
  let start: { readonly from: number; readonly at: number } | null = null;
  return ({ subject, task, done, total, allDone, allTotal }) => {
    start ??= { from: allDone, at: performance.now() };
    const perSecond = (allDone - start.from) / ((performance.now() - start.at) / 1000);
    const whose = severalModels ? `${subject}  ` : '';
    const speed = allDone > start.from ? [`${perSecond.toFixed(perSecond < 10 ? 1 : 0)} documents/s`] : [];
    show({
      what: 'document',
      done: allDone,
      total: allTotal,
      details: [`${whose}${task} ${thousands(done)}/${thousands(total)}`, ...speed],
      fields: { subject, task, task_done: done, task_total: total },
    });
  };
}

/** Columns as wide as they need to be. */
function tableText(rows: readonly (readonly string[])[], { bold, dim }: Colors): string {
  const header = ['task', 'metric', 'model', 'value', 'difference'];
  const columns = header.map((_, c) => c).filter((c) => rows.some((row) => row[c] !== ''));
  const widths = new Map(
    columns.map((c) => [c, Math.max(...[header, ...rows].map((row) => printable(row[c]!).length))]),
  );
  const text = (row: readonly string[]): string =>
    columns
      .map((c) => printable(row[c]!).padEnd(widths.get(c)!))
      .join('  ')
      .trimEnd();
  return [
    dim(text(header)),
    ...rows.map((row) =>
      row[0] === '' ? text(row) : bold(text(row).slice(0, row[0]!.length)) + text(row).slice(row[0]!.length),
    ),
  ].join('\n');
}
