// Online rounds of an experiment: the present model answers fresh instructions, a judge judges, training goes on from the
// model of the round before. Knows the order of a round; answering, judging and training are done elsewhere.
import { join } from 'node:path';
import { withTemporaryFolder } from '../../src/durable/temporary.ts';
import { WhetstoneError } from '../../src/errors.ts';
import { mergeAdapter } from '../../src/models/index.ts';
import { drawOf, graded, judgedAnswers, measureAnswers } from './answering.ts';
import type { Bench } from './bench.ts';
import type { OnlineExperiment, OnlineResult, TrainingFacts } from './experiment.ts';
import { trainModelJudge, withModelJudge } from './model-judge.ts';
import type { TrainRequest } from './training.ts';
import { toTriplets, trainAdapter, withBenchModel } from './training.ts';

export async function runOnline(experiment: OnlineExperiment, bench: Bench): Promise<OnlineResult> {
  const { model, settings, instructions, rounds, responses, tests, judge, measures } = experiment;
  const all = drawOf(bench, {
    split: 'train',
    count: instructions * rounds.length,
    seed: experiment.seed,
  });
  const testTasks = drawOf(bench, tests);
  return withTemporaryFolder('experiment', async (dir) => {
    const judgeAdapter = judge?.training ? join(dir, 'judge') : null;
    if (judge && judgeAdapter !== null) await trainModelJudge(bench, judge, judgeAdapter);
    const results: OnlineResult['rounds'][number][] = [];
    let present: Present = { dir: bench.modelDir(model), adapter: null };
    for (const [i, change] of [...rounds, null].entries()) {
      const fresh = change ? all.slice(i * instructions, (i + 1) * instructions) : [];
      const seed = experiment.seed * 1000 + i;
      const { adapter } = present;
      const { test, known, measured } = await withBenchModel(
        { ...bench, modelDir: () => present.dir },
        model,
        adapter,
        async (speaker) => {
          const test = await graded(bench, speaker, testTasks);
          return {
            test,
            known: await judgedAnswers(bench, speaker, fresh, responses, seed),
            measured: measures && (await measureAnswers(speaker, testTasks, test.texts, measures)),
          };
        },
      );
      const { judged, verdicts } = judge
        ? await withModelJudge(bench, judge, judgeAdapter, fresh, known)
        : { judged: known, verdicts: undefined };
      results.push({
        plain: test.marks,
        judged: judged.flat().length,
        satisfactory: judged.flat().filter((answer) => answer.judgment === null).length,
        ...(measured && { measured }),
        ...(verdicts && change && { verdicts }),
        training: null,
      });
      if (change === null) break;
      const into = join(dir, `round-${i + 1}`);
      const training = await trainIfUsable(bench, {
        model,
        modelDir: present.dir,
        triplets: toTriplets(fresh, judged),
        settings: { ...settings, ...change },
        seed,
        adapter: adapter ?? undefined,
        into,
      });
      results[i] = { ...results[i]!, training };
      if (training) present = experiment.merged ? await merge(present, into) : { ...present, adapter: into };
    }
    return { rounds: results };
  });
}

/** The model of a round. */
interface Present {
  readonly dir: string;
  readonly adapter: string | null;
}

async function merge({ dir }: Present, adapter: string): Promise<Present> {
  const merged = `${adapter}-merged`;
  await mergeAdapter(dir, adapter, merged);
  return { dir: merged, adapter: null };
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
