// Critique fine-tuning: the model learns to judge, and nothing else.
import { likelihoodOf } from './likelihood.ts';
import type { Objective } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type CritiqueOptions = OptionsOf<'normalize'>;

/**
 * -(1/Q) sum log p(j_t | j<t, y, x): likelihood of the judgment, given instruction and response; arXiv 2501.17703.
 * Judgments of both kinds count; an example whose judgment is not in words (no `critique`) is skipped. It is the
 * second term of Forward Prediction alone.
 */
export function critique(options: CritiqueOptions = {}): Objective {
  const { normalize } = settle(options, ['normalize']);
  return likelihoodOf('critique', () => 'critique', normalize);
}
