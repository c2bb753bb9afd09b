// The methods that suites compare, in the order of their tables. Knows names only.
import type { MethodName } from '../../src/alignment/methods.ts';

export type SuiteMethod = MethodName;

export const suiteMethods: readonly SuiteMethod[] = [
  'forward-prediction',
  'hindsight',
  'likelihood',
  'feedback-conditional',
  'critique',
  'ilf-mle',
  'ilf-dpo',
  'dpo',
  'self-distillation',
  'dual-cut',
  'cut',
];

export const methodTitles: Readonly<Record<SuiteMethod, string>> = {
  'forward-prediction': 'Forward Prediction',
  hindsight: 'Hindsight',
  likelihood: 'likelihood of satisfactory answers',
  'feedback-conditional': 'feedback-conditional policy',
  critique: 'critique fine-tuning',
  'ilf-mle': 'ILF-MLE',
  'ilf-dpo': 'ILF-DPO',
  dpo: 'DPO',
  'self-distillation': 'self-distillation',
  'dual-cut': 'DualCUT',
  cut: 'CUT',
};

/** Methods that learn from pairs of responses with different scores need several responses to an instruction. */
export const responsesFor = (method: SuiteMethod): number => (method === 'dpo' ? pairedResponses : 1);

/** As many as the paper's comparison with DPO has (section 5.3). */
export const pairedResponses = 4;

/** Methods trained on prompts that show a judgment are also tested with praise in its place. */
export const testedWithPraise: ReadonlySet<SuiteMethod> = new Set(['hindsight', 'feedback-conditional']);
