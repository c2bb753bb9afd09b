// Documents with their examples as prompts. Knows the harness's separators, no benchmark.
import type { LikelihoodRequest } from '../subject/subject.ts';
import type { RankingDocument } from './document.ts';
import { goldOf } from './document.ts';

/** Header, examples with their answers, a blank line behind each, and the question; the choices continue it. */
export function rankingRequest(
  header: string,
  examples: readonly RankingDocument[],
  { question, choices, location }: RankingDocument,
): LikelihoodRequest {
  const shots = examples.map((example) => `${example.question} ${example.choices[goldOf(example)]!}\n\n`);
  return {
    context: header + shots.join('') + question,
    continuations: choices.map((choice) => ` ${choice}`),
    location,
  };
}
