// Lets a model respond to tasks and has each response graded. The grader's rules are the caller's.
import { respond } from '../generation/respond.ts';
import type { Response, ResponseSettings } from '../generation/respond.ts';
import type { Speaker } from '../generation/speaker.ts';
import type { PromptText } from '../rows/conversation.ts';

export interface GradedAnswer<Verdict> extends Response {
  readonly verdict: Verdict;
}

export interface SuccessRate<Verdict> {
  /** Share of tasks with a satisfactory answer, in [0, 1]; 0 for no tasks. */
  readonly rate: number;
  /** One for each task, in their order. */
  readonly outcomes: readonly GradedAnswer<Verdict>[];
}

/** Has a model respond to tasks and grades each response. One cut off at `maxNewTokens` is graded as it stands. */
export async function successRate<
  Task extends PromptText,
  Verdict extends { readonly satisfactory: boolean },
>(
  speaker: Speaker,
  tasks: readonly Task[],
  grade: (task: Task, text: string) => Verdict | Promise<Verdict>,
  settings: ResponseSettings = {},
): Promise<SuccessRate<Verdict>> {
  const found = await respond(speaker, tasks, settings);
  const outcomes = await Promise.all(
    found.map(async (answer, i) => ({ ...answer, verdict: await grade(tasks[i]!, answer.text) })),
  );
  const good = outcomes.filter(({ verdict }) => verdict.satisfactory).length;
  return { rate: tasks.length === 0 ? 0 : good / tasks.length, outcomes };
}
