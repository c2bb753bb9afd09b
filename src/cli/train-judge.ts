// whetstone train-judge: a judge model from judged rows, trained and then tested on judgments kept back from it.
import { WhetstoneError } from '../errors.ts';
import { isTrusted } from '../judges/local/agreement.ts';
import type { Agreement } from '../judges/local/agreement.ts';
import { trainJudgeEntry } from '../judge-training/settings.ts';
import type { JudgeTraining } from '../judge-training/train-judge.ts';
import { describePlan, planFields } from './align-plan.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { percent, plural, thousands } from '../words/numbers.ts';
import { shellWord } from '../words/shell.ts';
import { formatDuration, stepStanding } from './progress.ts';
import type { Screen, VerbContext } from './screen.ts';
import { interruption } from './signals.ts';

type TrainJudgeTable = WithConfig<typeof trainJudgeEntry.table>;

export const trainJudgeVerb: Verb<TrainJudgeTable> = {
  name: 'train-judge',
  summary: 'Train a judge model on judged responses, and measure how far it agrees',
  about: `The model learns to write the judgment of a response and then, on a line of its own, "Yes."
or "No." for whether the response is perfect. Satisfactory rows without words teach the
template's praise. A share of the instructions is kept back; after training the judge judges
their responses, and its agreement with the data is reported.

Use it as --judge local:RUN. A run that was stopped or killed goes on with --resume and ends
the same; replies that were given are not asked for again.`,
  examples: [
    ['train-judge judged.jsonl --model ./model --out ./judge', 'a tenth of the instructions kept back'],
    ['train-judge --out ./judge --resume', 'go on after a stop'],
    ['judge responses.jsonl --judge local:./judge --out judged.jsonl', 'let it judge'],
  ],
  ...trainJudgeEntry,
  table: withConfig(trainJudgeEntry.table),
};

/** Returns the process's exit code. */
export async function runTrainJudge(
  { given }: Given<TrainJudgeTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { trainJudge } = await import('../judge-training/index.ts');
  const { config, ...options } = given;
  void config;
  const out = given.out!;
  const stop = interruption();
  const training = trainJudge({
    ...options,
    out,
    signal: stop.signal,
    ...(openEngine && { openEngine }),
  });
  try {
    const trained = await train(training, stop, { out, screen });
    if (!trained) return stop.exitCode();
    stop.onFirst((name) => screen.aside('stopping', `${name}: stopping; the judgments so far are kept.`));
    const agreement = await training
      .evaluate((done, total) => screen.progress({ what: 'judgment', done, total }))
      .finally(() => screen.endProgress());
    screen.result('agreement', { agreement, out }, describeAgreement(agreement, out).join('\n'));
    return 0;
  } catch (error) {
    if (!(error instanceof WhetstoneError) || error.code !== 'STOPPED') throw error;
    tellStopped(screen, out, 'Stopped');
    return stop.exitCode();
  } finally {
    await training.dispose();
    stop.dispose();
  }
}

/** False if it was stopped. */
async function train(
  training: JudgeTraining,
  stop: ReturnType<typeof interruption>,
  { out, screen }: { out: string; screen: Screen },
): Promise<boolean> {
  const plan = await training.prepare();
  const kept = `held out  ${plural(plan.heldOut, 'row')}, by their instructions`;
  screen.tell('plan', planFields(plan), [...describePlan(plan), kept].join('\n'));
  plan.notes.forEach(screen.note);
  const { totalSteps, doneSteps } = plan;
  stop.onFirst((name) =>
    screen.aside(
      'stopping',
      `${name}: finishing this step, then writing a checkpoint. Again to stop at once.`,
    ),
  );
  const began = performance.now();
  let last = doneSteps;
  screen.progress({ what: 'step', done: doneSteps, total: totalSteps });
  for await (const record of training) {
    last = record.step;
    screen.progress(stepStanding(record, totalSteps));
  }
  screen.endProgress();
  if (stop.signal.aborted) {
    tellStopped(screen, out, `Stopped after step ${last} of ${totalSteps}, with a checkpoint`);
    return false;
  }
  if (plan.finished) return true;
  const seconds = (performance.now() - began) / 1000;
  const adapter = `${out}/adapter`;
  const trained = screen.colors.green('trained');
  screen.tell(
    'trained',
    { adapter, seconds },
    `${trained} in ${formatDuration(seconds)}: adapter in ${adapter}`,
  );
  return true;
}

function tellStopped(screen: Screen, out: string, what: string): void {
  const goOn = `whetstone train-judge --out ${shellWord(out)} --resume`;
  screen.tell('stopped', { go_on: goOn }, `${what}. Go on with:\n  ${goOn}`);
}

/** What was found, a line each. */
export function describeAgreement(agreement: Agreement | null, out: string): string[] {
  if (agreement === null) return ['No rows were kept back, so the judge was not tested.'];
  const {
    rows,
    not_perfect,
    accuracy,
    accuracy_interval,
    majority_accuracy,
    precision,
    recall,
    f1,
    unreadable,
  } = agreement;
  const [low, high] = accuracy_interval;
  const lines = [
    `agreement with ${plural(rows, 'judgment')} kept back, ${thousands(not_perfect)} of them "not perfect":`,
    `  decisions    ${percent(accuracy)} (${percent(low)} to ${percent(high)}); always the more frequent one: ${percent(majority_accuracy)}`,
    `  not perfect  precision ${percent(precision)}, recall ${percent(recall)}, F1 ${percent(f1)}`,
    `  unreadable   ${percent(unreadable)} of the replies`,
    `side by side in ${out}/held-out.jsonl, figures in ${out}/agreement.json`,
  ];
  if (!isTrusted(agreement))
    lines.push(
      'This is not surely better than always giving the same decision: do not trust this judge yet.',
    );
  return lines;
}
