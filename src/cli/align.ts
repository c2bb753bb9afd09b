// whetstone align: says what will happen, trains with a progress line, and stops well when told to.
import { computedOn } from './computed-on.ts';
import type { AlignmentPlan } from '../alignment/plan.ts';
import type { AlignSettings } from '../alignment/settings.ts';
import { methodLines, methodNamed } from '../alignment/methods.ts';
import { alignEntry } from '../alignment/settings.ts';
import { WhetstoneError } from '../errors.ts';
import { command } from '../options/tables/command.ts';
import { withConfig } from './flags.ts';
import type { Given, Verb, WithConfig } from './flags.ts';
import { bytesInWords, plural, thousands } from '../words/numbers.ts';
import { shellWord } from '../words/shell.ts';
import { snakeFields } from './events.ts';
import { formatDuration, stepStanding } from './progress.ts';
import { reportAtEnd, tellNext } from './report.ts';
import type { VerbContext } from './screen.ts';
import { interruption } from './signals.ts';

type AlignTable = WithConfig<typeof alignEntry.table> & Pick<typeof command, 'report'>;

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
  ],
  table: { ...withConfig(alignEntry.table), report: command.report },
  // A resumed run takes everything but its place from run.yaml.
  required: (given) => [...alignEntry.required(given), 'out'],
  together: alignEntry.together,
};

/** Returns the process's exit code. */
export async function runAlign(
  { given }: Given<AlignTable>,
  { screen, openEngine }: VerbContext,
): Promise<number> {
  const { align } = await import('../alignment/align.ts');
  const { config, data, report = true, ...others } = given;
  void config;
  const stop = interruption();
  let written = { done: 0, total: 0 };
  const run = align({
    ...others,
    ...(data != null && { data }),
    signal: stop.signal,
    onRevision: (done, total) => {
      written = { done, total };
      screen.progress({ what: 'revision', done, total });
    },
    onNote: screen.note,
    ...(openEngine && { openEngine }),
  });
  const out = given.out!;
  const adapter = `${out}/adapter`;
  const goOn = `whetstone align --out ${shellWord(out)} --resume`;
  stop.onFirst((name) => {
    if (written.done < written.total)
      screen.aside('stopping', `${name}: keeping the revisions that are there. Again to stop at once.`);
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

/** The engine's description, but for its notes, which are told as such. */
export const modelFields = ({ notes, ...model }: AlignmentPlan['engine']): object => model;

/** What will happen, for a program. */
export const planFields = ({ settings, notes, engine, ...plan }: AlignmentPlan): object => ({
  ...snakeFields({ ...plan, model: modelFields(engine) }),
  method: settings.method,
});

/** What will happen, a line each. */
export function describePlan(plan: AlignmentPlan): string[] {
  const { settings, rows, engine, memory } = plan;
  const one = rows.pairs ? 'pair' : 'row';
  const asides = [
    rows.downsampled > 0 && `${plural(rows.downsampled, 'satisfactory row')} left out by down-sampling`,
    rows.invalid > 0 && `${plural(rows.invalid, 'row')} that data check refuses left out (--skip_invalid)`,
    rows.tooLong > 0 && `${plural(rows.tooLong, one)} left out as too long (--long_rows skip)`,
    rows.unused > 0 && `${plural(rows.unused, one)} without weight in this method`,
    rows.truncated > 0 &&
      `${plural(rows.truncated, 'prompt')} cut on the left to ${settings.cutoffLen} tokens`,
    rows.retokenized > 0 && `${plural(rows.retokenized, 'response')} tokenized apart from the prompt`,
  ].filter((aside) => aside !== false);
  const of = rows.pairs
    ? `${plural(rows.used, 'pair')} from ${plural(rows.read, 'row')}`
    : `${plural(rows.used, 'row')}: ${thousands(rows.alignN)} align-n, ${thousands(rows.alignP)} align-p`;
  return [
    `rows      ${of}; ${plural(rows.responseTokens, 'response token')}, longest sequence ${thousands(rows.longest)}`,
    ...asides.map((aside) => `          ${aside}`),
    `method    ${describeMethod(settings)}`,
    `steps     ${thousands(plan.totalSteps)} of ${settings.batchSize} ${one}s, ${thousands(plan.stepsPerEpoch)} an epoch; ${settings.lrSchedulerType} to ${settings.learningRate}, ${settings.warmupSteps} of warm-up` +
      (plan.doneSteps > 0 ? `; going on after step ${plan.doneSteps}` : ''),
    `model     ${engine.modelType}, ${thousands(engine.parameters)} parameters; training ${thousands(engine.trainableParameters)} (${settings.useRslora ? 'rsLoRA' : 'LoRA'} r ${settings.loraR}: ${settings.loraTargetModules.join(', ')})`,
    `memory    about ${bytesInWords(memory.peak)} at its peak, ${bytesInWords(memory.available)} available; ${computedOn(engine)}`,
  ];
}

function describeMethod(settings: AlignSettings): string {
  const { method, preset, lambda, alpha, gamma, beta } = settings;
  switch (method) {
    case 'cut':
      return `cut, preset ${preset}: lambda ${lambda}, alpha ${alpha}, gamma ${gamma}`;
    case 'dual-cut':
      return `dual-cut: lambda ${lambda}, alpha ${alpha}, beta ${beta}`;
    case 'dpo':
    case 'ilf-dpo':
      return `${method}, ${methodNamed(method).title}: beta ${beta}`;
    default:
      return `${method}, ${methodNamed(method).title}`;
  }
}
