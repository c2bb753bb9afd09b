// Imitation learning from language feedback: learning from the response that the model wrote after reading its
// judgment. How revisions come about is not known here; they are the sequences of role `preferred`.
import { methodDefaults } from '../options/tables/method.ts';
import type { DpoOptions } from './dpo.ts';
import { dpo } from './dpo.ts';
import { likelihoodOf } from './likelihood.ts';
import type { Objective } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

/** Satisfactory responses, which need no revision, are not learned from by default, as in the paper. */
export type IlfMleOptions = OptionsOf<'alignP' | 'normalize'>;

/**
 * -(1/N') sum log p(y'_t | y'<t, x): likelihood of the revision y' of a rejected response, given the instruction
 * alone; the last step of arXiv 2303.16755, `ILF-MLE` of arXiv 2312.14591. An example without a
 * revision is skipped.
 */
export function ilfMle(options: IlfMleOptions = {}): Objective {
  const { alignP, normalize } = settle(options, ['alignP', 'normalize'], methodDefaults['ilf-mle']);
  return likelihoodOf(
    'ilf-mle',
    ({ tokens, rejected }) => {
      if (tokens.preferred !== undefined) return 'preferred';
      return alignP && !rejected ? 'plain' : undefined;
    },
    normalize,
  );
}

/** DPO with the revision preferred over the response that it revises: `ILF-DPO` of arXiv 2312.14591. */
export function ilfDpo(options: DpoOptions = {}): Objective {
  return { ...dpo(options), name: 'ilf-dpo' };
}
