// Lets a model answer tasks and has each answer graded. Knows prompts and greedy decoding; the grader's rules
// are the caller's.
import type { Engine } from '../engine/engine.ts';
import { createRandom } from '../random.ts';
import { encodePrompt } from '../tokens/encode.ts';
import type { PromptTemplate, PromptText } from '../tokens/prompt.ts';
import type { Tokenizer } from '../tokens/tokenizer.ts';

/** A model that can be asked: the engine that holds it, with its own tokenizer and prompt template. */
export interface Speaker {
  readonly engine: Pick<Engine, 'generate'>;
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
}

export interface AnswerSettings {
  /** Shown in the prompt as if it were the judgment of the answer to come, such as praise; null asks plainly. */
  readonly judgment?: string | null;
  /** Longest answer in tokens; default 256. */
  readonly maxNewTokens?: number;
  /** 0, the default, is greedy. */
  readonly temperature?: number;
  /** Of sampling; answers then depend on the seed and on the task's place in the list. */
  readonly seed?: number;
  /** Tasks given to the engine in one call; default 64. */
  readonly batchSize?: number;
  /** Stops between two calls. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly text: string;
  /** Whether the model ended the answer itself. */
  readonly finished: boolean;
}

/** Answers to instructions, in their order, special tokens left out. Throws what `encodePrompt` throws. */
export async function answers(
  { engine, tokenizer, template }: Speaker,
  tasks: readonly PromptText[],
  settings: AnswerSettings = {},
): Promise<Answer[]> {
  const { judgment = null, maxNewTokens = 256, temperature = 0, seed = 0, batchSize = 64 } = settings;
  const found: Answer[] = [];
  for (let start = 0; start < tasks.length; start += batchSize) {
    settings.signal?.throwIfAborted();
    const prompts = await Promise.all(
      tasks.slice(start, start + batchSize).map((task) => encodePrompt(tokenizer, template, task, judgment)),
    );
    const requests = prompts.map((prompt, i) => ({
      prompt,
      sampling: { maxNewTokens, temperature, seed: createRandom(seed, start + i).uint32() },
    }));
    for (const { ids, finish } of await engine.generate(requests)) {
      found.push({
        text: await tokenizer.decode(ids, { skipSpecialTokens: true }),
        finished: finish === 'end',
      });
    }
  }
  return found;
}

export interface GradedAnswer<Verdict> extends Answer {
  readonly verdict: Verdict;
}

export interface SuccessRate<Verdict> {
  /** Share of tasks with a satisfactory answer, in [0, 1]; 0 for no tasks. */
  readonly rate: number;
  /** One for each task, in their order. */
  readonly outcomes: readonly GradedAnswer<Verdict>[];
}

/** Has a model answer tasks and grades each answer. An answer cut off at `maxNewTokens` is graded as it stands. */
export async function successRate<
  Task extends PromptText,
  Verdict extends { readonly satisfactory: boolean },
>(
  speaker: Speaker,
  tasks: readonly Task[],
  grade: (task: Task, text: string) => Verdict | Promise<Verdict>,
  settings: AnswerSettings = {},
): Promise<SuccessRate<Verdict>> {
  const found = await answers(speaker, tasks, settings);
  const outcomes = await Promise.all(
    found.map(async (answer, i) => ({ ...answer, verdict: await grade(tasks[i]!, answer.text) })),
  );
  const good = outcomes.filter(({ verdict }) => verdict.satisfactory).length;
  return { rate: tasks.length === 0 ? 0 : good / tasks.length, outcomes };
}
