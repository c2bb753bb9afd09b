// Judged answers token by token: what each token's probability is before and after the judgment is read.
// Knows scoring and the rule of detection; not who shows it.
import { flaggedTokens } from '../../src/evaluation/index.ts';
import type { OpenedModel } from '../../src/generation/index.ts';
import type { Span } from '../../src/tokens/index.ts';
import { encodeTriplet } from '../../src/tokens/index.ts';
import type { Graded } from './demo.ts';

export interface MarkedResponse extends Graded {
  readonly lambda: number;
  /** In the answer's order, the end token last with an empty span. */
  readonly tokens: readonly MarkedToken[];
}

export interface MarkedToken {
  /** As the vocabulary spells it. */
  readonly text: string;
  /** Code points of the answer. */
  readonly span: Span;
  /** Log-probs after the plain prompt and after the one with the judgment, nats. */
  readonly plain: number;
  readonly judged: number;
  /** Judged more than lambda times as likely (arXiv 2312.14591, Eq. 5). */
  readonly flagged: boolean;
}

/** Scores unsatisfactory answers with and without their judgments. */
export async function markTokens(
  { engine, tokenizer, template }: OpenedModel,
  answers: readonly Graded[],
  lambda: number,
): Promise<MarkedResponse[]> {
  const marked: MarkedResponse[] = [];
  for (const answer of answers) {
    const { judgment } = answer.verdict;
    const row = { instruction: answer.task.instruction, output: answer.text, judgment };
    const encoded = await encodeTriplet(tokenizer, template, row);
    const [plain, judged] = await engine.score([encoded.plain, encoded.judged!]);
    const flagged = flaggedTokens(plain!, judged!, lambda);
    const tokens = encoded.offsets.map((span, i) => ({
      text: tokenizer.idToToken(encoded.responseIds[i]!) ?? '',
      span,
      plain: plain![i]!,
      judged: judged![i]!,
      flagged: flagged[i]!,
    }));
    marked.push({ ...answer, lambda, tokens });
  }
  return marked;
}
