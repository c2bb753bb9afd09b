// whetstone online: rounds of responding, judging and training, with a line of progress and words when it stops.
import { dirname } from 'node:path';
import { computedOn } from './computed-on.ts';
import { onlineEntry } from '../alignment/online/settings.ts';
import type { OnlinePlan, OnlineRun } from '../alignment/online/online.ts';
import type { Evaluation, OnlineProgress, RoundSummary } from '../alignment/online/progress.ts';
import { WhetstoneError } from '../errors.ts';
import { readEscapes } from './escapes.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { command } from '../options/tables/command.ts';
import { stopProblems } from './generate.ts';
import { modelFields } from './align-plan.ts';
import { describeEstimate, describeUsage } from './judge.ts';
import { reasonOf } from '../words/system-errors.ts';
import { percent, plural, thousands } from '../words/numbers.ts';
import { shellWord } from '../words/shell.ts';
import { snakeFields } from './events.ts';
import { judgePage } from './judge-page.ts';
import { readable } from './terminal.ts';
import { formatDuration, stepStanding } from './progress.ts';
import { reportAtEnd, tellNext } from './report.ts';
import type { Screen, VerbContext } from './screen.ts';
import { interruption, waitingCode, waitingForCalls } from './signals.ts';

type OnlineTable = WithConfig<typeof onlineEntry.table> & Pick<typeof command, 'dry_run' | 'report'>;

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
  table: { ...withConfig(onlineEntry.table), report: command.report, dry_run: command.dry_run },
  together: (given) => [...onlineEntry.together(given), ...stopProblems(given)],
};

/** Codes that stop a run in words, and that it can be gone on with after: told without the word "error". */
const pauses = new Set(['STOPPED', 'JUDGE_WAITING', 'BUDGET_REACHED']);

/** Returns the process's exit code. */
export async function runOnline(
  { given }: Given<OnlineTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { alignOnline } = await import('../alignment/online/online.ts');
  const { config, dryRun, report: wanted = true, ...options } = given;
  void config;
  const stop = interruption();
  const out = given.out!;
  const report = reporter(screen);
  let written = Promise.resolve();
  const noteReport = (error: unknown): void =>
    screen.aside('no_report', `note report.html was not written: ${reasonOf(error)}`);
  const run = alignOnline({
    ...options,
    ...(options.stop && { stop: options.stop.map((text) => readEscapes(text)!) }),
    out,
    signal: stop.signal,
    on: (progress) => {
      report(progress);
      if (progress.kind === 'round' && wanted)
        written = written.then(() => writeReport(out)).catch(noteReport);
    },
    ...(openEngine && { openEngine }),
    openPage: judgePage(screen, dirname(out)),
    ...(dryRun && { rehearse: true }),
  });
  let currency = '';
  stop.onFirst((name) =>
    screen.aside('stopping', waitingForCalls(name, 'The run stops where nothing is lost.')),
  );
  try {
    const plan = await run.prepare();
    screen.tell('plan', planFields(plan), describeOnlinePlan(plan).join('\n'));
    plan.notes.forEach(screen.note);
    if (dryRun) {
      if (plan.estimate)
        screen.result(
          'estimate',
          { estimate: snakeFields(plan.estimate) },
          `for responses of ${plural(plan.settings.maxNewTokens, 'token')}:\n` +
            describeEstimate(plan.estimate, plan.settings).join('\n'),
        );
      return 0;
    }
    currency = plan.settings.currency;
    await goOn(run, out, screen);
    await written;
    await run.dispose(); // the report opens the model anew
    const about = { signal: stop.signal, ...(openEngine && { openEngine }) };
    const page = wanted ? await reportAtEnd(out, about, screen) : null;
    const { model, template } = plan.settings;
    await tellNext(screen, page, { adapter: `${out}/adapter`, model, template });
    return 0;
  } catch (error) {
    screen.endProgress();
    if (!(error instanceof WhetstoneError) || !pauses.has(error.code)) throw error;
    const command = `whetstone online --out ${shellWord(out)} --resume`;
    const fields = { code: error.code, problem: error.problem, go_on: command };
    const waits = error.code === 'JUDGE_WAITING';
    const words = `${waits ? 'waiting: ' : ''}${readable(error.message)}\nGo on with:\n  ${command}`;
    if (waits) screen.result('waiting', fields, words);
    else screen.tell('stopped', fields, words);
    if (error.code === 'JUDGE_WAITING') return waitingCode;
    return error.code === 'STOPPED' ? stop.exitCode() : 1;
  } finally {
    const usage = run.usage();
    if (usage && usage.calls + usage.cached > 0) {
      const words = `judge, in this session: ${describeUsage(usage, currency)}`;
      screen.tell('judge', { usage: snakeFields(usage) }, words);
    }
    await written;
    await run.dispose();
    stop.dispose();
  }
}

/** What will happen, for a program. */
function planFields({ settings, estimate, notes, engine, ...plan }: OnlinePlan): object {
  const { rounds, perRound, method } = settings;
  return snakeFields({ ...plan, model: modelFields(engine), rounds, perRound, method });
}

const writeReport = async (out: string): Promise<void> => {
  const { reportRun } = await import('../run-report/index.ts');
  await reportRun(out, { reportSeconds: 0 });
};

async function goOn(run: OnlineRun, out: string, screen: Screen): Promise<void> {
  const began = performance.now();
  const { rounds, before } = await run.run();
  screen.endProgress();
  const seconds = (performance.now() - began) / 1000;
  const last = rounds.at(-1)?.evaluation?.successRate ?? null;
  const rates = [
    before?.successRate ?? null,
    ...rounds.map((round) => round.evaluation?.successRate ?? null),
  ];
  const course = last === null ? '' : `held-out success ${rates.map((rate) => percent(rate)).join(' -> ')}; `;
  const adapter = `${out}/adapter`;
  screen.tell(
    'done',
    { seconds, success_rates: rates, adapter },
    `${screen.colors.green('done')} in ${formatDuration(seconds)}: ${course}adapter in ${adapter}`,
  );
}

/** Shows what the run tells: a line that is rewritten for what goes on, lines that stay for what is done. */
function reporter(screen: Screen): (progress: OnlineProgress) => void {
  const { bold } = screen.colors;
  return (progress) => {
    switch (progress.kind) {
      case 'responding':
      case 'judging': {
        const { kind, round, part, done, total } = progress;
        const what = part === 'training' ? `round ${round}` : round === 0 ? 'before' : `after round ${round}`;
        screen.progress({ what: `${what}: ${kind}`, done, total, fields: { round, part } });
        return;
      }
      case 'training': {
        const { round, totalSteps, doneSteps, record } = progress;
        const what = `round ${round}: step`;
        const standing =
          record === null
            ? { what, done: doneSteps, total: totalSteps }
            : stepStanding(record, totalSteps, what);
        screen.progress({ ...standing, fields: { round, part: 'training', ...standing.fields } });
        return;
      }
      case 'evaluated': {
        const { round, evaluation } = progress;
        if (round > 0) return; // told with the round
        screen.endProgress();
        const words = `${bold('before')}   ${describeEvaluation(evaluation)}`;
        screen.tell('evaluated', { round, ...snakeFields(evaluation) }, words);
        return;
      }
      case 'round': {
        const { summary } = progress;
        screen.endProgress();
        const words = `${bold(`round ${summary.round}`)}  ${describeRound(summary)}`;
        screen.tell('round', snakeFields(summary), words);
        return;
      }
      case 'note':
        screen.note(progress.note);
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
    `model     ${engine.modelType}, ${thousands(engine.parameters)} parameters; ${computedOn(engine)}`,
  ];
}
