// What a model of the world can do: how many of its answers are right, what is wrong with the others, and how well
// it revises them when told. Measured on the development split.
import { encodePieces } from '../../src/tokens/index.ts';
import { successRate } from '../../src/evaluation/index.ts';
import type { Speaker } from '../../src/generation/index.ts';
import { createRandom } from '../../src/random.ts';
import { typicalOf } from './answers.ts';
import { families } from './families/index.ts';
import { judge } from './judge.ts';
import type { Task } from './task.ts';
import { drawTasks } from './task.ts';

export interface Assessment {
  /** Development instructions asked. */
  readonly tasks: number;
  /** Shares of greedy answers, overall and by family's name. */
  readonly overall: AnswerShares;
  readonly families: Readonly<Record<string, AnswerShares>>;
  /** Share of unsatisfactory answers whose greedy revision is satisfactory, the judgment shown. */
  readonly revised: number;
}

export interface AnswerShares {
  readonly satisfactory: number;
  /** Unsatisfactory, with no error but those that the corpus usually makes there. */
  readonly typical: number;
}

const maxNewTokens = 96;

export async function assess(speaker: Speaker, count = 600): Promise<Assessment> {
  const { engine, tokenizer, template } = speaker;
  const tasks = drawTasks('development', count, 0);
  const random = createRandom(0);
  const { outcomes } = await successRate(speaker, tasks, (task, text) => judge(task, text, random), {
    maxNewTokens,
  });
  const graded = outcomes.map(({ text, verdict }, i) => ({ task: tasks[i]!, text, verdict }));
  const wrong = graded.filter(({ verdict }) => !verdict.satisfactory);
  const prompts = await Promise.all(
    wrong.map(({ task, text, verdict }) =>
      encodePieces(tokenizer, template, template.renderRevision(task, text, verdict.judgment!)),
    ),
  );
  const endTokens = new Set(tokenizer.stopTokenIds);
  const revisions = await engine.generate(
    prompts.map((prompt) => ({ prompt, endTokens, sampling: { maxNewTokens, temperature: 0 } })),
  );
  let revised = 0;
  for (const [i, { ids }] of revisions.entries()) {
    const text = await tokenizer.decode(ids, { skipSpecialTokens: true });
    if (judge(wrong[i]!.task, text, random).satisfactory) revised++;
  }
  const sharesOf = (list: typeof graded): AnswerShares => {
    const share = (test: (each: (typeof graded)[number]) => boolean): number =>
      list.filter(test).length / Math.max(1, list.length);
    return {
      satisfactory: share(({ verdict }) => verdict.satisfactory),
      typical: share(({ task, verdict }) => isTypical(task, verdict.errors)),
    };
  };
  return {
    tasks: tasks.length,
    overall: sharesOf(graded),
    families: Object.fromEntries(
      families.map(({ name }) => [name, sharesOf(graded.filter(({ task }) => task.family === name))]),
    ),
    revised: revised / Math.max(1, wrong.length),
  };
}

function isTypical(task: Task, errors: readonly { readonly kind: string }[]): boolean {
  const { content, style } = typicalOf(task);
  return errors.length > 0 && errors.every(({ kind }) => kind === content || kind === style);
}
