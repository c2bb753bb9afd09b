// Which examples go before a document, as lm-evaluation-harness draws them (lm_eval/api/samplers.py). Knows documents,
// no prompts.
import { isDeepStrictEqual } from 'node:util';
import { WhetstoneError } from '../../errors.ts';
import type { ExampleRule } from './benchmark.ts';
import type { RankingDocument } from './document.ts';
import { option } from '../../words/option.ts';

/** Python's `random.Random`, as far as it is needed. */
export interface Sampler {
  sample<T>(population: readonly T[], count: number): T[];
}

/** Seed of the harness's sampler, anew for every task. */
export const exampleSeed = 1234;

/**
 * A function from a document to its `shots` examples. It has to be asked for every document from the first one on, in
 * order: the sampler goes on from one to the next. Throws WhetstoneError `TOO_FEW_EXAMPLES`.
 */
export function chooseExamples(
  rule: ExampleRule,
  pool: readonly RankingDocument[],
  shots: number,
  random: Sampler,
): (document: RankingDocument) => readonly RankingDocument[] {
  if (shots === 0) return () => [];
  const drawn = rule === 'sample-one-more' ? shots + 1 : shots;
  if (pool.length < drawn) {
    throw new WhetstoneError(
      'TOO_FEW_EXAMPLES',
      `${shots} examples need ${drawn} rows, found ${pool.length}`,
      {
        ...(pool[0]?.location.file !== undefined && { file: pool[0].location.file }),
        hint: `Ask for fewer with ${option('numFewshot')}, or give more rows to draw examples from.`,
      },
    );
  }
  switch (rule) {
    case 'first': {
      const first = pool.slice(0, shots);
      return () => first;
    }
    case 'sample':
      return () => random.sample(pool, shots);
    case 'sample-one-more':
      return (document) => {
        const others = (some: readonly RankingDocument[]): RankingDocument[] =>
          some.filter(({ row }) => !isDeepStrictEqual(row, document.row));
        const left = others(random.sample(pool, drawn)).slice(0, shots);
        return left.length === shots ? left : random.sample(others(pool), shots);
      };
  }
}
