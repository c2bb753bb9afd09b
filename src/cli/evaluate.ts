// whetstone evaluate: models measured as the field's own tools measure them, in one table.
import type { OpenEngine } from '../engine/engine.ts';
import type { Evaluation } from '../evaluation/evaluate.ts';
import type { GivenSettings } from '../evaluation/settings.ts';
import type { EvaluationProgress } from '../evaluation/run/evaluate.ts';
import { formatMoney } from '../openai/cost.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { command } from '../options/tables/command.ts';
import { evaluateTable } from '../options/verbs.ts';
import { createDownloadLine } from './hub-model.ts';
import { createClock, createLine, formatDuration } from './progress.ts';
import { stoppable, waitingForCalls } from './signals.ts';
import type { Output } from './terminal.ts';
import { colorsFor, plural, printable, readable, thousands } from './terminal.ts';

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

interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly openEngine?: OpenEngine;
}

export async function runEvaluate(
  { given, values }: Given<EvaluateTable>,
  context: Context,
): Promise<number> {
  const { stdout, stderr, openEngine } = context;
  const { evaluate } = await import('../evaluation/evaluate.ts');
  const { comparisonLines, legend } = await import('../evaluation/run/comparison-files.ts');
  const { config, details, ...settings } = given;
  const line = createLine({ output: stdout });
  const downloads = createDownloadLine(stderr);
  return stoppable(
    async (signal) => {
      const { comparison, judges, files } = await evaluate({
        ...(settings as GivenSettings),
        signal,
        ...(openEngine && { openEngine }),
        onDownload: downloads.show,
        onBegin: ({ models, tasks, items }) => {
          downloads.end();
          const extent = [plural(models, 'model'), plural(tasks, 'task'), `${plural(items, 'item')} each`];
          stdout.write(`${extent.join(', ')}\n`);
        },
        onNote: ({ text }) => line.note(readable(text)),
        onProgress: showProgress(line, values.model.length + values.adapter.length > 1),
      }).finally(() => line.end());
      stdout.write(
        `${tableText(comparisonLines(comparison, details === true), stdout)}\n${legend(comparison)}\n`,
      );
      for (const judge of judges) stdout.write(`${judgeText(judge, values.currency)}\n`);
      stdout.write(`${files.markdown}\n`);
    },
    (name) =>
      line.note(waitingForCalls(name, `${values.out} keeps what was measured; the same command goes on.`)),
  ).finally(() => downloads.end());
}

/** "the judge: 12 calls, 3 answers from kept replies, 0.12 USD". */
function judgeText({ name, usage }: Evaluation['judges'][number], currency: string): string {
  const { calls, cached, cost } = usage;
  const before = cached > 0 ? `, ${plural(cached, 'answer')} from kept replies` : '';
  return `${name}: ${plural(calls, 'call')}${before}${cost === null ? '' : `, ${formatMoney(cost, currency)}`}`;
}

function showProgress(
  line: ReturnType<typeof createLine>,
  severalModels: boolean,
): (progress: EvaluationProgress) => void {
  const now = (): number => performance.now();
  let clock: {
    readonly left: ReturnType<typeof createClock>;
    readonly from: number;
    readonly began: number;
  } | null = null;
  return ({ subject, task, done, total, allDone, allTotal }) => {
    const whose = severalModels ? `${subject}  ` : '';
    // What is there before this session says nothing about its speed.
    clock ??= { left: createClock(allDone, now), from: allDone, began: now() };
    if (allDone === clock.from) return line.show([`${whose}${task}`], true);
    const perSecond = (allDone - clock.from) / ((now() - clock.began) / 1000);
    const last = allDone === allTotal;
    line.show(
      [
        `${whose}${task} ${thousands(done)}/${thousands(total)}`,
        `all ${thousands(allDone)}/${thousands(allTotal)}`,
        last ? 'done' : `${formatDuration(clock.left(allDone, allTotal))} left`,
        `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} documents/s`,
      ],
      last,
    );
  };
}

/** Columns as wide as they need to be. */
function tableText(rows: readonly (readonly string[])[], stdout: Output): string {
  const { bold, dim } = colorsFor(stdout);
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
