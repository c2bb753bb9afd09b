// Every method by the number of training instructions, each with the settings that were chosen for so many.
import { pairedResponses, responsesFor, suiteMethods, titleOf } from '../methods.ts';
import type { SuiteMethod } from '../methods.ts';
import { ahead } from '../claims.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow } from './rows.ts';

const sizes = [20, 60, 125, 250] as const;
const idOf = (method: SuiteMethod, size: number): string => `${method}-${size}`;
/** Those that the figure is for have twice as many seeds. */
const headline: ReadonlySet<SuiteMethod> = new Set(['cut', 'dual-cut', 'ilf-mle', 'dpo']);
/** Methods of the paper's Table 2 that it says CUT is ahead of. */
const compared: readonly SuiteMethod[] = ['forward-prediction', 'hindsight', 'ilf-mle', 'ilf-dpo'];

export const judgments: Suite = {
  name: 'judgments',
  title: 'Success by number of judgments',
  about:
    "Each method is trained on the base model's own greedy answers to so many instructions, judged in words, one judgment " +
    `an answer; DPO has up to ${pairedResponses} answers to each. Settings were chosen for each method at each size, on the ` +
    'development split, from as many points for every method. CUT, DualCUT, ILF-MLE and DPO have twice as many seeds. All answers are ' +
    'to the plain prompt.',
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
        ...(headline.has(method) && { seedsTimes: 2 }),
        part: 'plain',
        place: { series: titleOf(method), x: size },
      })),
    ),
  ],
  claims: (evidence) =>
    sizes.flatMap((size) => [
      ...compared.map((method) =>
        ahead(
          evidence,
          { claim: `With ${size} instructions CUT is ahead of ${titleOf(method)}.`, source: 'Table 2' },
          idOf('cut', size),
          [idOf(method, size)],
        ),
      ),
      ahead(
        evidence,
        { claim: `With ${size} instructions CUT is ahead of DPO.`, source: 'Figure 4' },
        idOf('cut', size),
        [idOf('dpo', size)],
      ),
      ahead(
        evidence,
        { claim: `With ${size} instructions DualCUT is ahead of CUT.`, source: 'arXiv 2412.20297' },
        idOf('dual-cut', size),
        [idOf('cut', size)],
      ),
    ]),
};
