// whetstone align: says what will happen, trains with a progress line, and stops well when told to.
import type { AlignmentPlan } from '../alignment/plan.ts';
import type { Problem } from '../options/check.ts';
import { option } from '../words/option.ts';
import { methodLines } from '../alignment/methods.ts';
import { alignEntry } from '../alignment/settings.ts';
import { WhetstoneError } from '../errors.ts';
import { command } from '../options/tables/command.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { shellWord } from '../words/shell.ts';
import { describePlacement, describePlan, describeRun, planFields } from './align-plan.ts';
import { snakeFields } from './events.ts';
import { formatDuration, stepStanding } from './progress.ts';
import { reportAtEnd, tellNext } from './report.ts';
import type { VerbContext } from './screen.ts';
import { interruption } from './signals.ts';

type AlignTable = WithConfig<typeof alignEntry.table> &
  Pick<typeof command, 'report' | 'dry_run' | 'devices' | 'utilization'>;

export const alignVerb: Verb<AlignTable> = {
  name: 'align',
  summary: 'Train a LoRA adapter on judged responses',
  about: `By default with Contrastive Unlikelihood Training (arXiv 2312.14591): where the written
judgment of an unsatisfactory response makes a token more likely than the plain prompt
does, that token is what the judgment is about, and the model is taught away from it.
Satisfactory responses are learned from as they are.

The methods (--method):
${methodLines()
  .map((line) => `  ${line}`)
  .join('\n')}

Writes RUN/adapter in PEFT layout (for transformers, vLLM, llama.cpp's converter),
RUN/metrics.jsonl with a line per optimizer step, and checkpoints (with ilf-mle and ilf-dpo
also RUN/revisions.jsonl, the revisions that the model wrote first): a run that was
stopped or killed goes on with --resume and ends with the same bytes. RUN/report.html shows what
was learned, and how to use the adapter with PEFT, vLLM, llama.cpp and Ollama.`,
  examples: [
    ['align judged.jsonl --model ./model --out ./run', "the paper's settings"],
    ['align judged.jsonl --model ./model --out ./run --resume', 'go on after a stop'],
    [
      'align judged.jsonl --model ./model --out ./run2 --config ./run/run.yaml --lambda 1.1',
      'another run with one setting changed',
    ],
    [
      'align judged.jsonl --model ./model --out ./try --max_steps 5 --warmup_steps 0',
      'a first look in a few minutes',
    ],
    [
      'align judged.jsonl --model ./llama-70b --dry_run --devices 8xh100',
      'memory, speed and hours on machines that are not here; config.json and the tokenizer are enough',
    ],
  ],
  table: {
    ...withConfig(alignEntry.table),
    report: command.report,
    dry_run: command.dry_run,
    devices: command.devices,
    utilization: command.utilization,
  },
  // A resumed run takes everything but its place from run.yaml.
  required: (given) => [...alignEntry.required(given), ...(given.dryRun ? [] : (['out'] as const))],
  together: (given) => [...alignEntry.together(given), ...rehearsalProblems(given)],
};

/** What asks for something of a rehearsal that there is none of, and of a run that is begun already. */
function rehearsalProblems(given: {
  readonly dryRun?: boolean;
  readonly devices?: string | null;
  readonly utilization?: number;
  readonly resume?: boolean;
}): Problem[] {
  const { dryRun = false, devices = null, utilization, resume } = given;
  const problems: Problem[] = [];
  if (devices !== null && !dryRun)
    problems.push({
      keys: ['devices'],
      message: `it works out what a run would take: add ${option('dryRun')}.`,
    });
  if (utilization !== undefined && devices === null)
    problems.push({
      keys: ['utilization'],
      message: `it is of devices that are named: add ${option('devices')}.`,
    });
  if (dryRun && resume)
    problems.push({
      keys: ['dryRun', 'resume'],
      message: 'a run that is begun has its plan in run.yaml; leave one of them out.',
    });
  return problems;
}

/** Returns the process's exit code. */
export async function runAlign(
  { given }: Given<AlignTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { align } = await import('../alignment/align.ts');
  if (given.dryRun) return rehearse(given, { screen, openEngine });
  const { config, data, report = true, dryRun, devices, utilization, ...others } = given;
  void [config, dryRun, devices, utilization];
  const stop = interruption();
  let written = { what: '', done: 0, total: 0 };
  const run = align({
    ...others,
    ...(data != null && { data }),
    signal: stop.signal,
    onRevision: (done, total) => {
      written = { what: 'revisions', done, total };
      screen.progress({ what: 'revision', done, total });
    },
    onRetained: (done, total) => {
      written = { what: 'answers', done, total };
      screen.progress({ what: 'answer to keep', done, total });
    },
    onNote: screen.note,
    ...(openEngine && { openEngine }),
  });
  const out = given.out!;
  const adapter = `${out}/adapter`;
  const goOn = `whetstone align --out ${shellWord(out)} --resume`;
  stop.onFirst((name) => {
    if (written.done < written.total)
      screen.aside('stopping', `${name}: keeping the ${written.what} that are there. Again to stop at once.`);
  });
  try {
    const plan = await run.prepare().finally(() => screen.endProgress());
    screen.tell('plan', planFields(plan), describePlan(plan).join('\n'));
    plan.notes.forEach(screen.note);
    if (plan.finished) {
      screen.tell('done', { adapter }, `This run is complete: ${adapter}\n${lengthening(plan, adapter)}`);
      return 0;
    }
    const { totalSteps, doneSteps } = plan;
    const began = performance.now();
    let last = doneSteps;
    let trained = false;
    stop.onFirst((name) =>
      screen.aside(
        'stopping',
        trained
          ? `${name}: the report is written without what the model would show. Again to stop at once.`
          : `${name}: finishing this step, then writing a checkpoint. Again to stop at once.`,
      ),
    );
    screen.progress({ what: 'step', done: doneSteps, total: totalSteps });
    for await (const record of run) {
      last = record.step;
      screen.progress(stepStanding(record, totalSteps));
    }
    screen.endProgress();
    if (last < totalSteps && stop.signal.aborted) {
      if (report) await reportAtEnd(out, { reportSeconds: 0 }, screen);
      const words = `Stopped after step ${last} of ${totalSteps}, with a checkpoint. Go on with:\n  ${goOn}`;
      screen.tell('stopped', { step: last, total_steps: totalSteps, go_on: goOn }, words);
      return stop.exitCode();
    }
    trained = true;
    const seconds = (performance.now() - began) / 1000;
    const files = `adapter in ${adapter}, metrics in ${out}/metrics.jsonl`;
    const done = screen.colors.green('done');
    screen.tell('done', { adapter, seconds }, `${done} in ${formatDuration(seconds)}: ${files}`);
    await run.dispose(); // the report opens the model anew
    const about = { signal: stop.signal, ...(openEngine && { openEngine }) };
    const page = report ? await reportAtEnd(out, about, screen) : null;
    const { model, template } = plan.settings;
    await tellNext(screen, page, { adapter, model, template });
    return 0;
  } catch (error) {
    if (!(error instanceof WhetstoneError) || error.code !== 'STOPPED') throw error;
    const { done, total } = written;
    const when = total === 0 ? 'before training' : `after ${done} of ${total} revisions, which are kept`;
    const fields = { step: 0, revisions: done, go_on: goOn };
    screen.tell('stopped', fields, `Stopped ${when}. Go on with:\n  ${goOn}`);
    return stop.exitCode();
  } finally {
    await run.dispose();
    stop.dispose();
  }
}

/** A run has its length from its beginning: schedule and order of rows follow from it. */
const lengthening = ({ settings: { data, model } }: AlignmentPlan, adapter: string): string =>
  'A run cannot be lengthened, since its learning rate has come to its end. Train on from its adapter:\n' +
  `  whetstone align ${shellWord(data ?? 'DATA')} --model ${shellWord(model)} --adapter ${shellWord(adapter)} --out ANOTHER`;

/** What a run would be, here or on other devices. Returns the process's exit code. */
async function rehearse(
  given: Given<AlignTable>['given'],
  { screen, openEngine }: Pick<VerbContext, 'screen' | 'openEngine'>,
): Promise<number> {
  const { config, data, report, dryRun, devices = null, utilization, out, ...others } = given;
  void [config, report, dryRun, out];
  const options = { ...others, ...(data != null && { data }), ...(openEngine && { openEngine }) };
  if (devices === null) {
    const { rehearseHere } = await import('../alignment/prepare.ts');
    const plan = await rehearseHere(options);
    screen.result('plan', planFields(plan), describePlan(plan).join('\n'));
    plan.notes.forEach(screen.note);
    return 0;
  }
  const { alignElsewhere } = await import('../alignment/elsewhere.ts');
  const { requireRoom } = await import('../scale/index.ts');
  const found = await alignElsewhere(options, { devices, ...(utilization !== undefined && { utilization }) });
  const { settings, rows, totalSteps, stepsPerEpoch, placement } = found;
  const lines = [...describeRun({ ...found, doneSteps: 0 }), ...describePlacement(found)];
  const fields = snakeFields({ rows, totalSteps, stepsPerEpoch, placement });
  screen.result('plan', { ...fields, method: settings.method }, lines.join('\n'));
  requireRoom(placement);
  return 0;
}
