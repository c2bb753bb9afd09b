// Every method by the number of training instructions, each with the settings that were chosen for so many.
import { pairedResponses, responsesFor, suiteMethods, titleOf } from '../methods.ts';
import type { SuiteMethod } from '../methods.ts';
import { ahead } from '../claims.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow } from './rows.ts';

const sizes = [20, 60, 250] as const;
const idOf = (method: SuiteMethod, size: number): string => `${method}-${size}`;
/** Methods of the paper's Table 2 that it says CUT is ahead of. */
const compared: readonly SuiteMethod[] = ['forward-prediction', 'hindsight', 'ilf-mle', 'ilf-dpo'];

export const judgments: Suite = {
  name: 'judgments',
  title: 'Success by number of judgments',
  about:
    "Each method is trained on the base model's own greedy answers to so many instructions, judged in words, one judgment " +
    `an answer; DPO has up to ${pairedResponses} answers to each. Settings were chosen for each method at each size, on the ` +
    'development split, from as many points for every method. All answers are to the plain prompt.',
  layout: 'grid',
  axis: 'training instructions',
  logAxis: true,
  paper: { columns: [] },
  needsWorld: 'it compares numbers of instructions that the judge was asked about',
  rows: [
    baseRow(),
    ...suiteMethods.flatMap((method) =>
      sizes.map((size): SuiteRow => ({
        id: idOf(method, size),
        label: `${titleOf(method)}, ${size}`,
        against: 'base',
        training: { method, responses: responsesFor(method), train: size },
        part: 'plain',
        place: { series: titleOf(method), x: size },
      })),
    ),
  ],
  claims: (evidence) =>
    sizes.flatMap((size) => [
      ahead(
        evidence,
        `With ${size} instructions CUT is ahead of ${compared.map(titleOf).join(', ')} (Table 2).`,
        idOf('cut', size),
        compared.map((method) => idOf(method, size)),
      ),
      ahead(evidence, `With ${size} instructions CUT is ahead of DPO (figure 4).`, idOf('cut', size), [
        idOf('dpo', size),
      ]),
      ahead(
        evidence,
        `With ${size} instructions DualCUT is ahead of CUT (arXiv 2412.20297).`,
        idOf('dual-cut', size),
        [idOf('cut', size)],
      ),
    ]),
};
