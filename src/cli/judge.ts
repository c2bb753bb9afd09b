// whetstone judge: responses in, judged triplets out, whoever judges.
import { dirname } from 'node:path';
import { computeOf } from '../engine/open-weights.ts';
import { WhetstoneError } from '../errors.ts';
import { formatMoney } from '../openai/cost.ts';
import type { JudgingEstimate } from '../judges/judge-kind.ts';
import type { Judge, Judged, JudgeUsage } from '../judges/judge.ts';
import type { JudgeRow } from '../judges/judge-rows.ts';
import type { Judging } from '../judges/judging.ts';
import type { JudgeSettings } from '../judges/settings.ts';
import { labelOf } from '../judgments/triplet.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { judgeSettingsOf } from '../judges/flags.ts';
import { command } from '../options/tables/command.ts';
import { judgeTable } from '../options/verbs/judging.ts';
import { plural, thousands } from '../words/numbers.ts';
import { printable } from '../words/printable.ts';
import { snakeFields } from './events.ts';
import { judgePage } from './judge-page.ts';
import type { Screen, VerbContext } from './screen.ts';
import { stoppable, waitingForCalls } from './signals.ts';
import type { Colors } from './terminal.ts';

type JudgeTable = WithConfig<typeof judgeTable> & Pick<typeof command, 'dry_run'>;

const table: JudgeTable = {
  ...withConfig(judgeTable),
  dry_run: command.dry_run,
};

export const judgeVerb: Verb<JudgeTable> = {
  name: 'judge',
  summary: 'Have responses judged: by a chat server, a program, a module, a local model or a person',
  about: `Writes canonical triplets in the order of FILE. Every judgment is on disk as soon as it arrives:
after a kill, a stop or a full disk the same command goes on and asks for nothing twice. Rows
whose judge gave no readable answer are left out of --out and listed in OUT.unscored.jsonl; the
exit code is then 1, and the same command asks for them again. OUT.journal.jsonl stays as the
record of who judged, and OUT.replies.jsonl has a chat server's replies, so that a later version
can read them anew without a call. Keys come from the environment only.`,
  examples: [
    ['judge responses.jsonl --judge openai:gpt-4o --out judged.jsonl', 'with the key in OPENAI_API_KEY'],
    [
      'judge responses.jsonl --judge openai:gpt-4o --out judged.jsonl --input_price 2.5 --output_price 10 --dry_run',
      'calls, tokens and money before anything is sent',
    ],
    [
      'judge chats-judged.jsonl --judge openai:gpt-4o --judge_prompt next-message --out judged.jsonl',
      'keeps those of "data convert --judge next-message" that are about the response',
    ],
    ['judge responses.csv --judge http://127.0.0.1:8080/v1#qwen3 --out judged.jsonl', 'a server of your own'],
    [
      'judge programs.jsonl --judge "cmd:./critic.sh" --out judged.jsonl',
      'a program that reads and writes JSONL',
    ],
    ['judge responses.jsonl --judge person: --out judged.jsonl', 'people, in the browser'],
  ],
  table,
  required: () => ['data', 'out', 'judge'],
  together: ({ data, out }) =>
    data !== undefined && data === out && out !== '-'
      ? [{ keys: ['out'], message: 'this would replace the input' }]
      : [],
};

export async function runJudge(
  { values, given }: Given<JudgeTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { data, out, judge: spec } = values;
  if (!/\.jsonl?$/i.test(out)) {
    throw new WhetstoneError('INVALID_OPTIONS', '--out: expected a name that ends in .jsonl or .json', {
      file: out,
    });
  }
  const { readJudgeRows } = await import('../judges/judge-rows.ts');
  const { rows, judgedBefore } = await readJudgeRows(data, values.format ?? undefined);
  const settings: JudgeSettings = {
    ...judgeSettingsOf(values),
    // Replies are worth more than the parser of the day: kept beside the judgments unless told otherwise.
    cache: 'judgeCache' in given ? values.judgeCache : `${out}.replies.jsonl`,
    ...computeOf(values),
    seed: values.seed,
    openEngine,
    openPage: judgePage(screen, dirname(out)),
    onNote: screen.note,
  };
  if (values.dryRun) return dryRun(spec, settings, rows, screen);
  if (judgedBefore > 0) {
    const old = `${plural(judgedBefore, 'row')} with a judgment or score of old: they are judged anew`;
    screen.tell('judged_before', { rows: judgedBefore }, old);
  }
  const { openJudge } = await import('../judges/open-judge.ts');
  const { openJudging, judgingFiles } = await import('../judges/judging.ts');
  const judge = await openJudge(spec, settings);
  try {
    const judging = await openJudging(out, rows, judge, values.overwrite);
    try {
      const files = judgingFiles(out);
      let unanswered = 0;
      const code = await stoppable(
        async (signal) => {
          await judgePending(judge, judging, { currency: settings.currency, signal, screen });
          const result = await judging.finish();
          const unscored = result.unscored.length;
          unanswered = result.unscored.filter(({ settled }) => !settled).length;
          const usage = judge.usage();
          const words = [...summary(result, usage, settings.currency, screen.colors), out];
          if (unscored > 0)
            words.push(
              `${files.unscored} has the unscored rows and why${unanswered > 0 ? '; the same command asks for them again' : ''}`,
            );
          screen.tell('judged', { ...countsOf(result), usage: snakeFields(usage), out }, words.join('\n'));
        },
        (name) =>
          screen.aside(
            'stopping',
            waitingForCalls(name, `${files.journal} keeps what was judged; the same command goes on.`),
          ),
      );
      return code === 0 && unanswered > 0 ? 1 : code;
    } finally {
      screen.endProgress();
      await judging.close();
    }
  } finally {
    await judge.close();
  }
}

interface Surroundings {
  readonly currency: string;
  readonly signal: AbortSignal;
  readonly screen: Screen;
}

async function judgePending(
  judge: Judge,
  judging: Judging,
  { currency, signal, screen }: Surroundings,
): Promise<void> {
  const { judged, pending, repaired } = judging;
  if (repaired) screen.aside('repaired', 'A last line that a kill had cut off was removed from the journal');
  const before = judged.size;
  screen.tell(
    'plan',
    { judge: judge.name, rows: pending.length, judged_before: before },
    `${judge.name}: ${plural(pending.length, 'row')} to judge${before > 0 ? `, ${thousands(before)} judged before` : ''}`,
  );
  const began = performance.now();
  await judging.judge(judge, {
    signal,
    onProgress: ({ done, total, unscored }) => {
      const { cost } = judge.usage();
      const perMinute = (done - before) / ((performance.now() - began) / 60_000);
      screen.progress({
        what: 'judged',
        done,
        total,
        details: [
          ...(cost === null ? [] : [formatMoney(cost, currency)]),
          ...(unscored > 0 ? [`${unscored} unscored`] : []),
          `${perMinute.toFixed(perMinute < 10 ? 1 : 0)} a minute`,
        ],
        fields: { unscored, cost },
      });
    },
  });
  screen.endProgress();
}

const shownSuspicious = 5;

const isGood = ({ judgment }: Judged): boolean => labelOf({ judgment }) === 'align-p';

function countsOf({ judged, unscored }: Awaited<ReturnType<Judging['finish']>>): object {
  const satisfactory = judged.filter(isGood).length;
  const suspicious = judged.filter((outcome) => outcome.suspicious !== undefined).length;
  const unsatisfactory = judged.length - satisfactory;
  return { satisfactory, unsatisfactory, unscored: unscored.length, suspicious };
}

function summary(
  { judged, unscored }: Awaited<ReturnType<Judging['finish']>>,
  usage: JudgeUsage,
  currency: string,
  { bold, yellow }: Colors,
): string[] {
  const good = judged.filter(isGood).length;
  const suspicious = judged.filter((outcome) => outcome.suspicious !== undefined);
  return [
    bold(
      `${thousands(good)} satisfactory, ${thousands(judged.length - good)} unsatisfactory, ${thousands(unscored.length)} unscored, ${thousands(suspicious.length)} suspicious`,
    ),
    ...suspicious.slice(0, shownSuspicious).map((outcome) => `  ${yellow(showSuspicious(outcome))}`),
    ...(suspicious.length > shownSuspicious ? [`  and ${suspicious.length - shownSuspicious} more`] : []),
    ...unscored
      .slice(0, shownSuspicious)
      .map(({ id, unscored }) => `  row ${printable(id)} unscored: ${printable(unscored)}`),
    describeUsage(usage, currency),
  ];
}

/** "12 calls, 3 cached, 1,200 + 120 tokens, 0.12 USD". */
export function describeUsage(usage: JudgeUsage, currency: string): string {
  return [
    plural(usage.calls, 'call'),
    `${thousands(usage.cached)} cached`,
    ...(usage.inputTokens + usage.outputTokens > 0
      ? [`${thousands(usage.inputTokens)} + ${thousands(usage.outputTokens)} tokens`]
      : []),
    ...(usage.cost === null ? [] : [formatMoney(usage.cost, currency)]),
  ].join(', ');
}

function showSuspicious({ id, judgment, suspicious }: Judged): string {
  const what =
    suspicious === 'praise'
      ? 'praise that does not begin with "perfect"'
      : 'criticism that begins with "perfect"';
  const words = printable((judgment ?? '').replace(/\s+/g, ' '));
  return `row ${printable(id)}, ${what}: ${words.length > 100 ? `${words.slice(0, 100)}…` : words}`;
}

async function dryRun(
  spec: string,
  settings: JudgeSettings,
  rows: readonly JudgeRow[],
  screen: Screen,
): Promise<number> {
  const { estimateJudging } = await import('../judges/open-judge.ts');
  const requests = rows.map(({ request }) => request);
  const estimate = await estimateJudging(spec, settings, requests);
  screen.result(
    'estimate',
    { rows: rows.length, estimate: estimate && snakeFields(estimate) },
    estimate
      ? `${plural(rows.length, 'row')}, ${thousands(estimate.cached)} of them cached; nothing was sent\n` +
          describeEstimate(estimate, settings).join('\n')
      : `${plural(rows.length, 'row')}; this judge counts no tokens and asks for no money`,
  );
  return 0;
}

/** Calls, tokens and money, a line each. */
export function describeEstimate(
  { calls, about, most, cost }: JudgingEstimate,
  { currency, budget }: Pick<JudgeSettings, 'currency' | 'budget'>,
): string[] {
  const over = cost !== null && budget !== null && cost.about > budget;
  return [
    `calls          ${thousands(calls.about)}, at most ${thousands(calls.most)} if every reply has to be asked for again`,
    `input tokens   about ${thousands(about.input)}, at most ${thousands(most.input)}`,
    `output tokens  about ${thousands(about.output)}, at most ${thousands(most.output)}`,
    cost
      ? `cost           about ${formatMoney(cost.about, currency)}, at most ${formatMoney(cost.most, currency)}`
      : 'cost           not known without --input_price and --output_price',
    ...(over ? [`the budget of ${formatMoney(budget, currency)} will not do for all rows`] : []),
  ];
}
