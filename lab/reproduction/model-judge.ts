// A model in the place of the world's judge: its training on the world's judgments, its judgments, and what the world's
// judge says of the same answers.
import { outcomeOfReply } from '../../src/judges/local/decision.ts';
import type { DecisionWords } from '../../src/judges/local/decision.ts';
import { isJudged } from '../../src/judges/judge.ts';
import { withDecisionRow } from '../../src/judge-training/rows.ts';
import { isPraise } from '../../src/judgments/triplet.ts';
import { encodePieces } from '../../src/tokens/index.ts';
import type { Task } from '../world/index.ts';
import { findErrors, worldTemplate } from '../world/index.ts';
import { drawOf, maxNewTokens } from './answering.ts';
import type { Bench } from './bench.ts';
import type { JudgedAnswer, JudgeVerdicts, ModelJudge } from './experiment.ts';
import { toTriplets, trainAdapter, withBenchModel } from './training.ts';

/** The world's vocabulary has no "Yes". */
const words: DecisionWords = { yes: 'Good.', no: 'No.' };

/** Trains the judge as `train-judge` does: the judgment of an answer, then the decision. */
export async function trainModelJudge(bench: Bench, judge: ModelJudge, into: string): Promise<void> {
  const { answers, judgments, settings, seed } = judge.training!;
  const { answers: known } = await bench.resultOf(answers);
  const triplets = toTriplets(drawOf(bench, answers.tasks), known)
    .slice(0, judgments)
    .map((triplet) => withDecisionRow(triplet, worldTemplate.praise, words));
  await trainAdapter(bench, {
    model: judge.model,
    triplets,
    settings: { ...settings, method: 'critique' },
    seed,
    into,
  });
}

/** The same answers with the model's judgments in place of the world's; those that it cannot read out are left out. */
export async function withModelJudge(
  bench: Bench,
  { model, training }: ModelJudge,
  adapter: string | null,
  tasks: readonly Task[],
  known: readonly (readonly JudgedAnswer[])[],
): Promise<{ judged: JudgedAnswer[][]; verdicts: JudgeVerdicts }> {
  const flat = known.flatMap((answers, i) => answers.map((answer) => ({ i, task: tasks[i]!, answer })));
  const replies = await withBenchModel(bench, model, adapter, async ({ engine, tokenizer, template }) => {
    const prompts = await Promise.all(
      flat.map(({ task, answer }) =>
        encodePieces(tokenizer, template, template.renderCritique(task, answer.output)),
      ),
    );
    const endTokens = new Set(tokenizer.stopTokenIds);
    const generated = await engine.generate(
      prompts.map((prompt) => ({ prompt, endTokens, sampling: { maxNewTokens, temperature: 0 } })),
    );
    return Promise.all(generated.map(({ ids }) => tokenizer.decode(ids, { skipSpecialTokens: true })));
  });
  const judged: JudgedAnswer[][] = known.map(() => []);
  const verdicts = {
    right: 0,
    rejectedRight: 0,
    wrong: 0,
    acceptedWrong: {} as Record<string, number>,
    unread: 0,
  };
  for (const [k, { i, task, answer }] of flat.entries()) {
    const judgment = judgmentOf(replies[k]!, training !== null);
    if (judgment === undefined) {
      verdicts.unread++;
      continue;
    }
    if (answer.judgment === null) {
      verdicts.right++;
      if (judgment !== null) verdicts.rejectedRight++;
    } else {
      verdicts.wrong++;
      const kind = findErrors(task, answer.output)[0]?.kind ?? 'none';
      if (judgment === null) verdicts.acceptedWrong[kind] = (verdicts.acceptedWrong[kind] ?? 0) + 1;
    }
    judged[i]!.push({ ...answer, judgment, score: judgment === null ? 10 : 1 });
  }
  return { judged, verdicts };
}

/**
 * Null for an accepted answer, undefined for a reply that says nothing. A trained judge accepts in words of praise; a model that
 * was not trained gives no decision.
 */
export function judgmentOf(reply: string, trained: boolean): string | null | undefined {
  const text = reply.trim();
  if (!trained) return text === '' ? undefined : withoutPraise(text);
  const outcome = outcomeOfReply('', reply, words);
  return isJudged(outcome) ? withoutPraise(outcome.judgment) : undefined;
}

const withoutPraise = (judgment: string | null): string | null => (isPraise(judgment) ? null : judgment);
