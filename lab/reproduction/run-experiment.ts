// Carries out one experiment. Knows training and measuring; it does not know suites, cells or files of results.
import { join } from 'node:path';
import { withTemporaryFolder } from '../../src/durable/temporary.ts';
import type { ScoredResponse } from '../../src/evaluation/index.ts';
import { detect } from '../../src/evaluation/index.ts';
import { encodeTriplet } from '../../src/tokens/encode.ts';
import type { Task } from '../world/index.ts';
import { drawOf, graded, judgedAnswers, measureAnswers } from './answering.ts';
import type { Bench } from './bench.ts';
import type {
  AnswersExperiment,
  AnswersResult,
  DetectionExperiment,
  DetectionResult,
  Experiment,
  JudgedAnswer,
  PointedAnswer,
  PointingExperiment,
  PointingResult,
  Result,
  TrialExperiment,
  TrialResult,
} from './experiment.ts';
import { point } from './detection/point.ts';
import { openSaliency } from './detection/saliency.ts';
import { runHeldOut } from './held-out.ts';
import { runOnline } from './run-online.ts';
import { toTriplets, trainAdapter, withBenchModel } from './training.ts';

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
      case 'pointing':
        return runPointing(experiment, bench);
      case 'held-out':
        return runHeldOut(experiment, bench);
    }
  };
  return (await run()) as Result<E>;
}

async function collectAnswers(experiment: AnswersExperiment, bench: Bench): Promise<AnswersResult> {
  const { model, tasks, responses, seed } = experiment;
  const drawn = drawOf(bench, tasks);
  return withBenchModel(bench, model, null, async (speaker) => ({
    answers: await judgedAnswers(bench, speaker, drawn, responses, seed),
  }));
}

async function runTrial(experiment: TrialExperiment, bench: Bench): Promise<TrialResult> {
  const { model, training, tests, praised, measures } = experiment;
  const test = async (adapter: string | null): Promise<Omit<TrialResult, 'training'>> =>
    withBenchModel(
      bench,
      model,
      adapter,
      async (speaker) => {
        const tasks = drawOf(bench, tests);
        const plain = await graded(bench, speaker, tasks);
        const withPraise = praised ? await graded(bench, speaker, tasks, speaker.template.praise) : null;
        const measured = measures && (await measureAnswers(speaker, tasks, plain.texts, measures));
        return {
          plain: plain.marks,
          praised: withPraise?.marks ?? null,
          answers: plain.texts,
          ...(measured && { measured }),
        };
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

async function runDetection(experiment: DetectionExperiment, bench: Bench): Promise<DetectionResult> {
  const { answers: from, lambdas } = experiment;
  const rejected = await rejectedAnswers(from, bench);
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

/** Unsatisfactory answers with their instructions. */
async function rejectedAnswers(
  from: AnswersExperiment,
  bench: Bench,
): Promise<(JudgedAnswer & { readonly task: Task })[]> {
  const { answers: judged } = await bench.resultOf(from);
  const tasks = drawOf(bench, from.tasks);
  return judged.flatMap((list, i) =>
    list.filter(({ judgment }) => judgment !== null).map((answer) => ({ ...answer, task: tasks[i]! })),
  );
}

async function runPointing({ answers: from }: PointingExperiment, bench: Bench): Promise<PointingResult> {
  const rejected = await rejectedAnswers(from, bench);
  const saliency = await openSaliency(bench.modelDir(from.model), bench.threads ?? undefined);
  try {
    return await withBenchModel(bench, from.model, null, async (opened) => {
      const answers: PointedAnswer[] = [];
      for (const answer of rejected) {
        bench.signal?.throwIfAborted();
        answers.push(await point(opened, saliency, answer.task.instruction, answer));
      }
      return { answers };
    });
  } finally {
    await saliency.release();
  }
}
