// Hindsight: the model learns which responses go with which judgments.
import { likelihoodOf } from './likelihood.ts';
import type { ExampleSize, Objective, Role } from './objective.ts';
import { settle } from './options.ts';
import type { OptionsOf } from './options.ts';

export type HindsightOptions = OptionsOf<'normalize'>;

/**
 * -(1/N) sum log p(y_t | y<t, x, j), whatever j says: arXiv 2312.14591, Eq. 4, after arXiv 2302.02676 (Chain of
 * Hindsight) and 2302.05206.
 *
 * A rejected response is read after the judgment that rejects it (role `judged`). A satisfactory one is read after
 * its own words of approval where the data has them (`judged` too), else after words of praise (`praised`); one
 * that has neither sequence is skipped. Nothing is learned about the plain prompt but what carries over, so an
 * evaluation that prompts with praise shows more of it than one with the prompt of inference.
 */
export function hindsight(options: HindsightOptions = {}): Objective {
  const { normalize } = settle(options, ['normalize']);
  return likelihoodOf('hindsight', conditionedOn, normalize);
}

function conditionedOn({ rejected, tokens }: ExampleSize): Role {
  return rejected || tokens.judged !== undefined ? 'judged' : 'praised';
}
