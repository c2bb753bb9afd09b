// whetstone online: rounds of responding, judging and training, with a line of progress and words when it stops.
import type { OpenEngine } from '../engine/engine.ts';
import { onlineEntry } from '../alignment/online/settings.ts';
import type { OnlinePlan, OnlineRun } from '../alignment/online/online.ts';
import type { Evaluation, OnlineProgress, RoundSummary } from '../alignment/online/progress.ts';
import { WhetstoneError } from '../errors.ts';
import { readEscapes } from './escapes.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { command } from '../options/tables/command.ts';
import { stopProblems } from './generate.ts';
import { describeEstimate, describeUsage } from './judge.ts';
import { createClock, createLine, formatDuration, progressLine } from './progress.ts';
import type { Line } from './progress.ts';
import { interruption, waitingForCalls } from './signals.ts';
import type { Output } from './terminal.ts';
import { colorsFor, percent, plural, readable, shellWord, thousands } from './terminal.ts';

type OnlineTable = WithConfig<typeof onlineEntry.table> & Pick<typeof command, 'dry_run'>;

export const onlineVerb: Verb<OnlineTable> = {
  name: 'online',
  summary: 'Align a model round after round with judgments of its own responses',
  about: `Each round draws instructions that were not used before, lets the model respond, has the
responses judged, trains on the judgments from the adapter of the round before, and
evaluates on held-out instructions (arXiv 2312.14591, Sec. 4.4). Satisfactory responses are
thinned out to --downsample for each unsatisfactory one.

Every response and every judgment is in RUN/events.jsonl before it counts, and a judge's
replies are in RUN/replies.jsonl: after a kill, a stop or an empty budget the run goes on with
--resume, asks for nothing twice and ends as if it had not been stopped. RUN/rounds/N has the
judged triplets of round N; RUN/adapter is the adapter of the last complete round. Keys come
from the environment only.`,
  examples: [
    [
      'online --model ./model --instructions tasks.jsonl --judge openai:gpt-4o --rounds 4 --per_round 1000 --out ./run',
      "the paper's online setting, with the key in OPENAI_API_KEY",
    ],
    ['online --out ./run --resume', 'go on after a stop'],
    [
      'online --model ./model --instructions tasks.jsonl --judge "cmd:./critic.sh" --from ./offline-run --rounds 3 --per_round 200 --out ./run',
      'a program as the judge, starting from an offline run',
    ],
  ],
  ...onlineEntry,
  table: { ...withConfig(onlineEntry.table), dry_run: command.dry_run },
  together: (given) => [...onlineEntry.together(given), ...stopProblems(given)],
};

export interface OnlineContext {
  readonly stdout: Output;
  readonly openEngine?: OpenEngine;
}

/** Codes that stop a run in words, and that it can be gone on with after: told without the word "error". */
const pauses = new Set(['STOPPED', 'JUDGE_WAITING', 'BUDGET_REACHED']);

/** Returns the process's exit code. */
export async function runOnline(
  { given }: Given<OnlineTable>,
  { stdout, openEngine }: OnlineContext,
): Promise<number> {
  const { alignOnline } = await import('../alignment/online/online.ts');
  const { config, dryRun, ...options } = given;
  void config;
  const stop = interruption();
  const line = createLine({ output: stdout });
  const out = given.out!;
  const report = reporter(stdout, line);
  let written = Promise.resolve();
  const noteReport = (error: unknown): void =>
    line.note(`note report.html was not written: ${error instanceof Error ? error.message : String(error)}`);
  const run = alignOnline({
    ...options,
    ...(options.stop && { stop: options.stop.map((text) => readEscapes(text)!) }),
    out,
    signal: stop.signal,
    on: (progress) => {
      report(progress);
      if (progress.kind === 'round') written = written.then(() => writeReport(out)).catch(noteReport);
    },
    ...(openEngine && { openEngine }),
    ...(dryRun && { rehearse: true }),
  });
  const colors = colorsFor(stdout);
  let currency = '';
  stop.onFirst((name) => line.note(waitingForCalls(name, 'The run stops where nothing is lost.')));
  try {
    const plan = await run.prepare();
    stdout.write(`${describeOnlinePlan(plan).join('\n')}\n`);
    for (const { text } of plan.notes) stdout.write(`${colors.yellow('note')} ${readable(text)}\n`);
    if (dryRun) {
      if (plan.estimate)
        stdout.write(
          `for responses of ${plural(plan.settings.maxNewTokens, 'token')}:\n` +
            `${describeEstimate(plan.estimate, plan.settings).join('\n')}\n`,
        );
      return 0;
    }
    currency = plan.settings.currency;
    return await goOn(run, out, stdout, line);
  } catch (error) {
    line.end();
    if (!(error instanceof WhetstoneError) || !pauses.has(error.code)) throw error;
    stdout.write(
      `${readable(error.message)}\nGo on with:\n  whetstone online --out ${shellWord(out)} --resume\n`,
    );
    return error.code === 'STOPPED' ? stop.exitCode() : 1;
  } finally {
    const usage = run.usage();
    if (usage && usage.calls + usage.cached > 0)
      stdout.write(`judge, in this session: ${describeUsage(usage, currency)}\n`);
    await written;
    await run.dispose();
    stop.dispose();
  }
}

const writeReport = async (out: string): Promise<void> => {
  const { reportRun } = await import('../run-report/index.ts');
  await reportRun(out);
};

async function goOn(run: OnlineRun, out: string, stdout: Output, line: Line): Promise<number> {
  const began = performance.now();
  const { rounds, before } = await run.run();
  line.end();
  const took = formatDuration((performance.now() - began) / 1000);
  const last = rounds.at(-1)?.evaluation?.successRate ?? null;
  const rates = [
    before?.successRate ?? null,
    ...rounds.map((round) => round.evaluation?.successRate ?? null),
  ];
  const course = last === null ? '' : `held-out success ${rates.map((rate) => percent(rate)).join(' -> ')}; `;
  stdout.write(
    `${colorsFor(stdout).green('done')} in ${took}: ${course}adapter in ${out}/adapter, report in ${out}/report.html\n`,
  );
  return 0;
}

/** Shows what the run tells: a line that is rewritten for what goes on, lines that stay for what is done. */
function reporter(stdout: Output, line: Line): (progress: OnlineProgress) => void {
  const { bold, yellow } = colorsFor(stdout);
  let phase = '';
  let secondsLeft: ReturnType<typeof createClock> | null = null;
  const begin = (name: string, done: number): void => {
    if (name === phase) return;
    line.end();
    phase = name;
    secondsLeft = createClock(done, () => performance.now());
  };
  return (progress) => {
    switch (progress.kind) {
      case 'responding':
      case 'judging': {
        const { kind, round, part, done, total } = progress;
        const what = part === 'training' ? `round ${round}` : round === 0 ? 'before' : `after round ${round}`;
        const fresh = phase !== `${kind} ${round} ${part}`;
        begin(`${kind} ${round} ${part}`, done);
        const head = `${what}: ${kind} ${thousands(done)}/${thousands(total)}`;
        const left = done === total ? 'done' : `${formatDuration(secondsLeft!(done, total))} left`;
        line.show(fresh && done < total ? [head] : [head, left], done === total);
        return;
      }
      case 'training': {
        const { round, totalSteps, doneSteps, record } = progress;
        begin(`training ${round}`, doneSteps);
        if (record === null) return;
        const [step, ...rest] = progressLine(record, totalSteps, secondsLeft!(record.step, totalSteps));
        line.show([`round ${round}: ${step}`, ...rest], record.step === totalSteps);
        return;
      }
      case 'evaluated':
        if (progress.round > 0) return; // told with the round
        line.end();
        phase = '';
        stdout.write(`${bold('before')}   ${describeEvaluation(progress.evaluation)}\n`);
        return;
      case 'round':
        line.end();
        phase = '';
        stdout.write(`${bold(`round ${progress.summary.round}`)}  ${describeRound(progress.summary)}\n`);
        return;
      case 'note':
        line.note(`${yellow('note')} ${readable(progress.note.text)}`);
    }
  };
}

const describeEvaluation = ({ successRate, satisfactory, unsatisfactory, unscored }: Evaluation): string =>
  `held-out success ${percent(successRate)} (${satisfactory} of ${satisfactory + unsatisfactory} scored` +
  `${unscored > 0 ? `, ${unscored} unscored` : ''})`;

function describeRound(summary: RoundSummary): string {
  const { satisfactory, unsatisfactory, unscored, unfinished, suspicious, trainedRows, steps, evaluation } =
    summary;
  const asides = [
    unscored > 0 && `${unscored} unscored`,
    unfinished > 0 && `${unfinished} cut off at --max_new_tokens`,
    suspicious > 0 && `${suspicious} suspicious`,
  ].filter((aside) => aside !== false);
  return [
    `${satisfactory} satisfactory, ${unsatisfactory} unsatisfactory${asides.map((aside) => `, ${aside}`).join('')}`,
    `${plural(steps, 'step')} on ${plural(trainedRows, 'row')}`,
    ...(evaluation ? [describeEvaluation(evaluation)] : []),
  ].join('; ');
}

/** What will happen, a line each. */
export function describeOnlinePlan(plan: OnlinePlan): string[] {
  const { settings, training, heldOut, engine } = plan;
  const { rounds, perRound, method, temperature, maxNewTokens, keepRounds, failedShare, downsample } =
    settings;
  const judged = rounds * perRound + (rounds + 1) * heldOut;
  const rule = [
    downsample !== null && `at most ${downsample} satisfactory for each unsatisfactory one`,
    keepRounds > 1 && `judgments of the last ${keepRounds} rounds`,
    failedShare > 0 && `up to ${Math.floor(failedShare * perRound)} that failed before`,
    settings.mix !== null && 'mixed with static triplets',
  ].filter((each) => each !== false);
  return [
    `rounds    ${rounds} of ${plural(perRound, 'instruction')} from ${thousands(training)}` +
      (plan.doneRounds > 0 ? `; going on after round ${plan.doneRounds}` : ''),
    `held out  ${plural(heldOut, 'instruction')}, answered before the first and after every round`,
    `judge     ${plan.judge}: ${plural(judged, 'response')} in all`,
    `respond   ${temperature === 0 ? 'greedily' : `at temperature ${temperature}`}, at most ${plural(maxNewTokens, 'token')}`,
    `train     ${method}${rule.length > 0 ? `; ${rule.join('; ')}` : ''}`,
    `model     ${engine.modelType}, ${thousands(engine.parameters)} parameters; ${plural(engine.threads, 'thread')}`,
  ];
}
