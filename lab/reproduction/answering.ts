// A model of the bench answers instructions: judged answers to learn from, graded and measured ones to be tested with. Knows
// the world and its judge; it does not know training.
import { rouge, successRate } from '../../src/evaluation/index.ts';
import { respond } from '../../src/generation/index.ts';
import type { OpenedModel, ResponseSettings, Speaker } from '../../src/generation/index.ts';
import { createRandom } from '../../src/random.ts';
import type { Random } from '../../src/random.ts';
import { encodeTriplet } from '../../src/tokens/encode.ts';
import type { Task, Verdict } from '../world/index.ts';
import { rightAnswer, strayAnswer, typicalAnswer } from '../world/index.ts';
import type { Bench } from './bench.ts';
import type { JudgedAnswer, TaskDraw, TrialResult } from './experiment.ts';
import type { Measure } from './measures.ts';

/** Longer answers are cut off; answers of the world have at most a quarter of this. */
export const maxNewTokens = 96;

export const drawOf = ({ world }: Bench, { split, count, seed, only }: TaskDraw): Task[] =>
  world.drawTasks(split, count, seed, only && { only });

/** Each task's responses, the greedy one first, then what sampling adds that is not there yet. */
export async function judgedAnswers(
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

const streams = { sampling: 1, judge: 2, ranking: 3 } as const;

function judgedAnswer(output: string, { judgment, errors, satisfactory }: Verdict): JudgedAnswer {
  return {
    output,
    judgment,
    score: satisfactory ? 10 : Math.max(1, 7 - 2 * errors.length),
    errors: errors.map(({ start, end }) => [start, end] as const),
  };
}

export async function graded(
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

export const stopping = ({ signal }: Bench): { signal?: AbortSignal } => (signal ? { signal } : {});

/** Each measure's numbers, one a task. */
export async function measureAnswers(
  speaker: OpenedModel,
  tasks: readonly Task[],
  texts: readonly string[],
  measures: readonly Measure['id'][],
): Promise<NonNullable<TrialResult['measured']>> {
  const scores = texts.map((text, i) => rouge(rightAnswer(tasks[i]!), text));
  const entries = measures.map(async (id): Promise<[Measure['id'], number[]]> => {
    if (id === 'ranking') return [id, await rankings(speaker, tasks)];
    return [id, scores.map((each) => each[id as keyof typeof each].f)];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** 1 where the right answer is likelier than the corpus's usual wrong one, as whole texts with their end; else 0. */
async function rankings(
  { engine, tokenizer, template }: OpenedModel,
  tasks: readonly Task[],
): Promise<number[]> {
  const random = createRandom(0, streams.ranking);
  const pairs = tasks.map((task) => [
    rightAnswer(task),
    (typicalAnswer(task) ?? strayAnswer(task, random)).text,
  ]);
  const sequences = await Promise.all(
    pairs.flatMap((pair, i) =>
      pair.map(async (output) => {
        const row = { instruction: tasks[i]!.instruction, output, judgment: null };
        return (await encodeTriplet(tokenizer, template, row)).plain;
      }),
    ),
  );
  const scored = await engine.score(sequences);
  const total = (i: number): number => scored[i]!.reduce((sum, logProb) => sum + logProb, 0);
  return pairs.map((_, i) => (total(2 * i) > total(2 * i + 1) ? 1 : 0));
}
