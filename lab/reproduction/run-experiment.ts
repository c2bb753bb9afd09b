// Carries out one experiment. Knows the world, training and measuring; it does not know suites, cells or files of
// results.
import { join } from 'node:path';
import { withTemporaryFolder } from '../../src/durable/temporary.ts';
import { WhetstoneError } from '../../src/errors.ts';
import type { ScoredResponse } from '../../src/evaluation/index.ts';
import { detect, successRate } from '../../src/evaluation/index.ts';
import { respond } from '../../src/generation/index.ts';
import type { ResponseSettings, Speaker } from '../../src/generation/index.ts';
import { createRandom } from '../../src/random.ts';
import type { Random } from '../../src/random.ts';
import { encodeTriplet } from '../../src/tokens/encode.ts';
import type { Task, Verdict } from '../world/index.ts';
import type { Bench } from './bench.ts';
import type {
  AnswersExperiment,
  AnswersResult,
  DetectionExperiment,
  DetectionResult,
  Experiment,
  JudgedAnswer,
  OnlineExperiment,
  OnlineResult,
  Result,
  TaskDraw,
  TrainingFacts,
  TrialExperiment,
  TrialResult,
} from './experiment.ts';
import { runHeldOut } from './held-out.ts';
import type { TrainRequest } from './training.ts';
import { toTriplets, trainAdapter, withBenchModel } from './training.ts';

/** Longer answers are cut off; answers of the world have at most a quarter of this. */
const maxNewTokens = 96;

/** The result of an experiment. Throws what training throws, except for losses that are not finite. */
export async function runExperiment<E extends Experiment>(experiment: E, bench: Bench): Promise<Result<E>> {
  const run = async (): Promise<Result> => {
    switch (experiment.kind) {
      case 'answers':
        return collectAnswers(experiment, bench);
      case 'trial':
        return runTrial(experiment, bench);
      case 'online':
        return runOnline(experiment, bench);
      case 'detection':
        return runDetection(experiment, bench);
      case 'held-out':
        return runHeldOut(experiment, bench);
    }
  };
  return (await run()) as Result<E>;
}

const drawOf = ({ world }: Bench, { split, count, seed }: TaskDraw): Task[] =>
  world.drawTasks(split, count, seed);

async function collectAnswers(experiment: AnswersExperiment, bench: Bench): Promise<AnswersResult> {
  const { model, tasks, responses, seed } = experiment;
  const drawn = drawOf(bench, tasks);
  return withBenchModel(bench, model, null, async (speaker) => ({
    answers: await judgedAnswers(bench, speaker, drawn, responses, seed),
  }));
}

/** Each task's responses, the greedy one first, then what sampling adds that is not there yet. */
async function judgedAnswers(
  bench: Bench,
  speaker: Speaker,
  tasks: readonly Task[],
  responses: number,
  seed: number,
): Promise<JudgedAnswer[][]> {
  const found: JudgedAnswer[][] = tasks.map(() => []);
  for (let k = 0; k < responses; k++) {
    const sampling: ResponseSettings =
      k === 0 ? {} : { temperature: 1, seed: createRandom(seed, streams.sampling, k).uint32() };
    const texts = await respond(speaker, tasks, { maxNewTokens, ...sampling, ...stopping(bench) });
    for (const [i, { text }] of texts.entries()) {
      if (found[i]!.some(({ output }) => output === text)) continue;
      const verdict = bench.world.judge(tasks[i]!, text, createRandom(seed, streams.judge, i, k));
      found[i]!.push(judgedAnswer(text, verdict));
    }
  }
  // A response without a character cannot be trained on.
  return found.map((list) => list.filter(({ output }) => output.trim() !== ''));
}

const streams = { sampling: 1, judge: 2 } as const;

function judgedAnswer(output: string, { judgment, errors, satisfactory }: Verdict): JudgedAnswer {
  return {
    output,
    judgment,
    score: satisfactory ? 10 : Math.max(1, 7 - 2 * errors.length),
    errors: errors.map(({ start, end }) => [start, end] as const),
  };
}

async function runTrial(experiment: TrialExperiment, bench: Bench): Promise<TrialResult> {
  const { model, training, tests, praised } = experiment;
  const test = async (adapter: string | null): Promise<Omit<TrialResult, 'training'>> =>
    withBenchModel(
      bench,
      model,
      adapter,
      async (speaker) => {
        const tasks = drawOf(bench, tests);
        const plain = await graded(bench, speaker, tasks);
        const withPraise = praised ? await graded(bench, speaker, tasks, speaker.template.praise) : null;
        return { plain: plain.marks, praised: withPraise?.marks ?? null, answers: plain.texts };
      },
      training?.settings,
    );
  if (training === null) return { ...(await test(null)), training: null };
  const { answers: judged } = await bench.resultOf(training.answers);
  const count = training.instructions;
  const triplets = toTriplets(drawOf(bench, training.answers.tasks).slice(0, count), judged.slice(0, count));
  return withTemporaryFolder('experiment', async (dir) => {
    const adapter = join(dir, 'adapter');
    const { settings, seed } = training;
    const facts = await trainAdapter(bench, { model, triplets, settings, seed, into: adapter });
    return { ...(await test(adapter)), training: facts };
  });
}

async function graded(
  bench: Bench,
  speaker: Speaker,
  tasks: readonly Task[],
  judgment: string | null = null,
): Promise<{ marks: string; texts: string[] }> {
  // Whether an answer is satisfactory does not depend on the wording of the critique.
  const random: Random = createRandom(0, streams.judge);
  const grade = (task: Task, text: string): Verdict => bench.world.judge(task, text, random);
  const settings = { maxNewTokens, judgment, ...stopping(bench) };
  const { outcomes } = await successRate(speaker, tasks, grade, settings);
  return {
    marks: outcomes.map(({ verdict }) => (verdict.satisfactory ? '1' : '0')).join(''),
    texts: outcomes.map(({ text }) => text),
  };
}

const stopping = ({ signal }: Bench): { signal?: AbortSignal } => (signal ? { signal } : {});

async function runOnline(experiment: OnlineExperiment, bench: Bench): Promise<OnlineResult> {
  const { model, settings, instructions, rounds, responses, seed, tests } = experiment;
  const all = drawOf(bench, { split: 'train', count: instructions * rounds.length, seed });
  const testTasks = drawOf(bench, tests);
  return withTemporaryFolder('experiment', async (dir) => {
    const results: OnlineResult['rounds'][number][] = [];
    let adapter: string | null = null;
    for (const [i, change] of [...rounds, null].entries()) {
      const fresh = change ? all.slice(i * instructions, (i + 1) * instructions) : [];
      const [test, judged]: [{ marks: string }, JudgedAnswer[][]] = await withBenchModel(
        bench,
        model,
        adapter,
        async (speaker) => [
          await graded(bench, speaker, testTasks),
          await judgedAnswers(bench, speaker, fresh, responses, seed * 1000 + i),
        ],
      );
      results.push({
        plain: test.marks,
        judged: judged.flat().length,
        satisfactory: judged.flat().filter((answer) => answer.judgment === null).length,
        training: null,
      });
      if (change === null) break;
      const into = join(dir, `round-${i + 1}`);
      const facts = await trainIfUsable(bench, {
        model,
        triplets: toTriplets(fresh, judged),
        settings: { ...settings, ...change },
        seed: seed * 1000 + i,
        adapter: adapter ?? undefined,
        into,
      });
      results[i] = { ...results[i]!, training: facts };
      if (facts) adapter = into;
    }
    return { rounds: results };
  });
}

/** Null where a round has nothing that the method learns from, such as no criticised answer; it is then left out. */
async function trainIfUsable(bench: Bench, request: TrainRequest): Promise<TrainingFacts | null> {
  try {
    return await trainAdapter(bench, request);
  } catch (error) {
    if (error instanceof WhetstoneError && nothingUsable.has(error.code)) return null;
    throw error;
  }
}

const nothingUsable: ReadonlySet<string> = new Set(['UNSUITABLE_DATA', 'NO_EXAMPLES', 'NO_NEGATIVES']);

async function runDetection(experiment: DetectionExperiment, bench: Bench): Promise<DetectionResult> {
  const { answers: from, lambdas } = experiment;
  const { answers: judged } = await bench.resultOf(from);
  const tasks = drawOf(bench, from.tasks);
  const rejected = judged.flatMap((list, i) =>
    list.filter(({ judgment }) => judgment !== null).map((answer) => ({ ...answer, task: tasks[i]! })),
  );
  return withBenchModel(bench, from.model, null, async ({ engine, tokenizer, template }) => {
    const scored: ScoredResponse[] = [];
    for (const { task, output, judgment, errors } of rejected) {
      bench.signal?.throwIfAborted();
      const row = { instruction: task.instruction, output, judgment };
      const { plain, judged: shown, offsets } = await encodeTriplet(tokenizer, template, row);
      const [before, after] = await engine.score([plain, shown!]);
      scored.push({ plain: before!, judged: after!, offsets, errors });
    }
    return { counts: lambdas.map((lambda) => scored.map((response) => detect(response, lambda))) };
  });
}
