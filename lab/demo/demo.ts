// The demonstration: a small model answers, a judge writes what is wrong, CUT trains, and the model answers again.
// Knows the order of these things and tells a listener; it prints nothing.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { align } from '../../src/alignment/align.ts';
import { explainWriting } from '../../src/durable/explain.ts';
import { hasCode, makeFolder, writeFileDurably } from '../../src/durable/files.ts';
import { workingIn } from '../../src/durable/held.ts';
import type { OpenEngine } from '../../src/engine/index.ts';
import type { StepRecord } from '../../src/alignment/metrics.ts';
import type { AlignSettings } from '../../src/alignment/settings.ts';
import { versions } from '../../src/runs/versions.ts';
import { WhetstoneError } from '../../src/errors.ts';
import { pairedBootstrap, successRate } from '../../src/evaluation/index.ts';
import type { Estimate } from '../../src/evaluation/index.ts';
import { withModel } from '../../src/generation/index.ts';
import type { Speaker } from '../../src/generation/index.ts';
import type { Triplet } from '../../src/judgments/index.ts';
import { createRandom } from '../../src/random.ts';
import { renderReport } from '../../src/report/index.ts';
import type { SettingValue } from '../../src/report/index.ts';
import { readTrained, useIt } from '../../src/run-report/index.ts';
import { readRecord } from '../../src/runs/record.ts';
import { drawTasks, families, judge } from '../world/index.ts';
import type { Task, Verdict } from '../world/index.ts';
import { markTokens } from './marked.ts';
import type { MarkedResponse } from './marked.ts';
import { reportOf } from './report.ts';
import { demoSettings } from './settings.ts';

export interface DemoOptions {
  /** Folder for everything that the demonstration leaves behind; must not hold one already. */
  readonly out: string;
  /** A model pretrained on the world, with its template.json. */
  readonly model: string;
  readonly seed: number;
  /** Instructions to learn from, and held-out ones to be tested on. */
  readonly instructions: number;
  readonly tests: number;
  readonly command: string;
  readonly signal?: AbortSignal;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine | undefined;
}

/** A judged answer to a task. */
export interface Graded {
  readonly task: Task;
  readonly text: string;
  readonly verdict: Verdict;
}

/** What happens, as it happens. */
export type DemoEvent =
  | { readonly kind: 'begin'; readonly parameters: number; readonly families: number }
  | {
      readonly kind: 'judged';
      readonly answers: readonly Graded[];
      readonly examples: readonly MarkedResponse[];
    }
  | { readonly kind: 'base'; readonly tests: readonly Graded[] }
  | { readonly kind: 'plan'; readonly totalSteps: number; readonly trained: number }
  | { readonly kind: 'step'; readonly record: StepRecord }
  | { readonly kind: 'end'; readonly summary: DemoSummary; readonly results: DemoResults };

export interface DemoResults {
  readonly before: readonly Graded[];
  readonly after: readonly Graded[];
  readonly steps: readonly StepRecord[];
  readonly examples: readonly MarkedResponse[];
}

/** summary.json. Rates are shares of satisfactory answers, differences in shares; durations in seconds. */
export interface DemoSummary {
  readonly base: { readonly success_rate: number };
  readonly aligned: { readonly success_rate: number };
  /** After minus before, with a 95% interval of the paired bootstrap over test instructions. */
  readonly gain: { readonly value: number; readonly low: number; readonly high: number };
  readonly families: Readonly<
    Record<string, { readonly tests: number; readonly base: number; readonly aligned: number }>
  >;
  readonly triplets: { readonly total: number; readonly unsatisfactory: number };
  readonly tests: number;
  readonly seeds: readonly number[];
  readonly seconds: {
    readonly answering: number;
    readonly training: number;
    readonly testing: number;
    readonly total: number;
  };
}

const maxNewTokens = 96;
const shownExamples = 12;

/**
 * Runs the demonstration. `out` then holds judged.jsonl, run/ (a run directory of `align` with its adapter),
 * summary.json, report.html and prompts.txt (instructions that it got wrong before). Throws `OUT_EXISTS`, and what generation and training throw.
 */
export async function demonstrate(
  options: DemoOptions,
  tell: (event: DemoEvent) => void,
): Promise<DemoSummary> {
  await newFolder(options.out);
  return workingIn(options.out, 'anew', () => demonstrateIn(options, tell));
}

async function demonstrateIn(options: DemoOptions, tell: (event: DemoEvent) => void): Promise<DemoSummary> {
  const { out, model, seed, tests, signal, openEngine } = options;
  const clock = stopwatch();
  const files = { model, template: join(model, 'template.json'), openEngine };
  const tested = drawTasks('test', tests, 0);
  const learn = drawTasks('train', options.instructions, seed);

  const { answered, examples, before } = await withModel(files, async (base) => {
    tell({ kind: 'begin', parameters: base.engine.describe().parameters, families: families.length });
    const answered = await answerAll(base, learn, seed, signal);
    const wrong = answered.filter(({ verdict }) => !verdict.satisfactory);
    const examples = await markTokens(base, oneOfEach(wrong, shownExamples), demoSettings.lambda);
    tell({ kind: 'judged', answers: answered, examples });
    clock.lap('answering');
    const before = await answerAll(base, tested, 0, signal);
    tell({ kind: 'base', tests: before });
    clock.lap('testing');
    return { answered, examples, before };
  });
  const data = join(out, 'judged.jsonl');
  await writeFileDurably(data, answered.map((row) => `${JSON.stringify(rowOf(row))}\n`).join(''));
  const { steps, settings } = await trainOn(data, options, files, tell);
  clock.lap('training');
  const adapter = join(out, 'run', 'adapter');
  const after = await withModel({ ...files, adapter }, (aligned) => answerAll(aligned, tested, 0, signal));
  clock.lap('testing');

  const results = { before, after, steps, examples };
  const summary = summarize(results, answered, options, clock.seconds());
  await writeFileDurably(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const recorded = await readRecord(join(out, 'run'));
  const trained = await readTrained({ adapter, model, name: 'demo', templateOption: files.template });
  const page = reportOf(results, summary, {
    ...options,
    method: settings.method,
    settings: recorded.settings as Readonly<Record<string, SettingValue>>,
    use: trained === null ? [] : useIt(trained),
    versions: await versions(),
  });
  await writeFileDurably(join(out, 'report.html'), renderReport(page));
  await writeFileDurably(join(out, 'prompts.txt'), `${promptsFrom(before).join('\n')}\n`);
  tell({ kind: 'end', summary, results });
  return summary;
}

/** Aligns the model in OUT/run. Throws the signal's reason where it ended the training. */
async function trainOn(
  data: string,
  { out, seed, signal, openEngine }: DemoOptions,
  { model, template }: { readonly model: string; readonly template: string },
  tell: (event: DemoEvent) => void,
): Promise<{ steps: StepRecord[]; settings: AlignSettings }> {
  const settings = { ...demoSettings, model, data, out: join(out, 'run'), template, seed, signal };
  const run = align({ ...settings, ...(openEngine && { openEngine }) });
  const steps: StepRecord[] = [];
  try {
    const { settings, totalSteps, engine } = await run.prepare();
    tell({ kind: 'plan', totalSteps, trained: engine.trainableParameters });
    for await (const record of run) {
      steps.push(record);
      tell({ kind: 'step', record });
    }
    signal?.throwIfAborted();
    return { steps, settings };
  } finally {
    await run.dispose();
  }
}

async function newFolder(out: string): Promise<void> {
  await makeFolder(join(out, '..'));
  await explainWriting(out, () => mkdir(out)).catch((cause: unknown) => {
    if (!(cause instanceof WhetstoneError && hasCode(cause.cause, 'EEXIST'))) throw cause;
    throw new WhetstoneError('OUT_EXISTS', 'is there already, and nothing of it is overwritten', {
      file: out,
      hint: 'Give another folder with --out, or remove this one.',
      cause,
    });
  });
}

async function answerAll(
  speaker: Speaker,
  tasks: readonly Task[],
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Graded[]> {
  const random = createRandom(seed, wordingStream);
  const grade = (task: Task, text: string): Verdict => judge(task, text, random);
  const { outcomes } = await successRate(speaker, tasks, grade, { maxNewTokens, signal });
  return outcomes.map(({ text, verdict }, i) => ({ task: tasks[i]!, text, verdict }));
}

const wordingStream = 1;

const rowOf = ({ task, text, verdict }: Graded): Omit<Triplet, 'source'> => ({
  instruction: task.instruction,
  output: text,
  judgment: verdict.judgment,
});

/** Instructions whose answers were wrong before, one of each family: what a person may begin with. */
const promptsFrom = (before: readonly Graded[]): string[] =>
  oneOfEach(
    before.filter(({ verdict }) => !verdict.satisfactory),
    families.length,
  ).map(({ task }) => task.instruction.replaceAll(/\s+/g, ' '));

/** Up to `count` answers, from as many families as there are. */
function oneOfEach(graded: readonly Graded[], count: number): Graded[] {
  const turns = new Map<string, number>();
  const turnOf = ({ task }: Graded): number => {
    const turn = turns.get(task.family) ?? 0;
    turns.set(task.family, turn + 1);
    return turn;
  };
  return graded
    .map((each, i) => ({ each, turn: turnOf(each), i }))
    .sort((a, b) => a.turn - b.turn || a.i - b.i)
    .slice(0, count)
    .map(({ each }) => each);
}

function summarize(
  { before, after }: DemoResults,
  answered: readonly Graded[],
  { seed }: DemoOptions,
  seconds: Readonly<Record<string, number>>,
): DemoSummary {
  const gain = gainOf(before, after);
  const names = [...new Set(before.map(({ task }) => task.family))].sort();
  const { answering = 0, training = 0, testing = 0 } = seconds;
  return {
    base: { success_rate: rateOf(before) },
    aligned: { success_rate: rateOf(after) },
    gain: { value: gain.value, low: gain.low, high: gain.high },
    families: Object.fromEntries(
      names.map((name) => {
        const own = (list: readonly Graded[]): Graded[] => list.filter(({ task }) => task.family === name);
        return [name, { tests: own(before).length, base: rateOf(own(before)), aligned: rateOf(own(after)) }];
      }),
    ),
    triplets: {
      total: answered.length,
      unsatisfactory: answered.filter(({ verdict }) => !verdict.satisfactory).length,
    },
    tests: before.length,
    seeds: [seed],
    seconds: { answering, training, testing, total: answering + training + testing },
  };
}

/** Share of satisfactory answers. */
export const rateOf = (graded: readonly Graded[]): number =>
  graded.filter(({ verdict }) => verdict.satisfactory).length / Math.max(1, graded.length);

const marks = (graded: readonly Graded[]): number[] =>
  graded.map(({ verdict }) => Number(verdict.satisfactory));

/** After minus before with its interval. */
export const gainOf = (before: readonly Graded[], after: readonly Graded[]): Estimate =>
  pairedBootstrap([marks(after)], [marks(before)]);

interface Stopwatch {
  /** Adds the time since the last lap to a name. */
  lap(name: string): void;
  seconds(): Record<string, number>;
}

function stopwatch(): Stopwatch {
  const total: Record<string, number> = {};
  let last = performance.now();
  return {
    lap: (name) => {
      const now = performance.now();
      total[name] = (total[name] ?? 0) + (now - last) / 1000;
      last = now;
    },
    seconds: () => ({ ...total }),
  };
}
