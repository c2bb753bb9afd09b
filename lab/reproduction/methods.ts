// The methods that suites compare, in the order of their tables. Knows names only.
import { methodNamed } from '../../src/alignment/methods.ts';

export const suiteMethods = [
  'forward-prediction',
  'hindsight',
  'likelihood',
  'feedback-conditional',
  'critique',
  'ilf-mle',
  'ilf-dpo',
  'dpo',
  'self-distillation',
  'user-interactions',
  'dual-cut',
  'cut',
] as const;

export type SuiteMethod = (typeof suiteMethods)[number];

export const titleOf = (method: SuiteMethod): string => methodNamed(method).label;

/** Methods that learn from pairs of responses with different scores need several responses to an instruction. */
export const responsesFor = (method: SuiteMethod): number => (method === 'dpo' ? pairedResponses : 1);

/** As many as the paper's comparison with DPO has (section 5.3). */
export const pairedResponses = 4;

/** Methods trained on prompts that show a judgment are also tested with praise in its place. */
export const testedWithPraise: ReadonlySet<SuiteMethod> = new Set(['hindsight', 'feedback-conditional']);
