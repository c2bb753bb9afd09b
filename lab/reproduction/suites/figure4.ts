// The paper's figure 4: CUT against DPO by amount of data.
import { pairedResponses } from '../methods.ts';
import { ahead, notBehind } from '../claims.ts';
import * as paper from '../paper.ts';
import type { RowTraining, Suite, SuiteRow } from '../suite.ts';
import { baseRow } from './rows.ts';

const amounts = [1 / 8, 1 / 4, 1 / 2, 1] as const;
/** The paper has CUT ahead with 1000 instructions, and ahead or level with up to 3000. */
const fewest = 1 / 4;
const amountSeries: readonly (readonly [id: string, title: string, training: RowTraining])[] = [
  ['cut', `CUT, ${pairedResponses} answers each`, { method: 'cut', responses: pairedResponses }],
  ['dpo', `DPO, ${pairedResponses} answers each`, { method: 'dpo', responses: pairedResponses }],
  ['cut-greedy', 'CUT, the greedy answer alone', { method: 'cut', responses: 1 }],
];

export const figure4: Suite = {
  name: 'figure4',
  title: 'CUT against DPO by amount of data',
  about:
    `Both learn from the same ${pairedResponses} answers to each instruction (one greedy, the others sampled, equal ` +
    'ones once): CUT from their judgments, DPO from every pair with different scores. The third line is CUT with ' +
    'the greedy answers alone.',
  layout: 'grid',
  axis: 'share of the training instructions',
  paper: { columns: [], words: paper.inWords.figure4 },
  needsWorld: null,
  claims: (evidence) =>
    amounts.map((amount) => {
      const share = `with ${100 * amount}% of the instructions`;
      const [cut, others] = [`cut-${amount}`, [`dpo-${amount}`]];
      return amount <= fewest
        ? ahead(evidence, { claim: `CUT is ahead of DPO ${share}.`, source: 'Figure 4' }, cut, others)
        : notBehind(
            evidence,
            { claim: `CUT stays ahead of DPO or level with it ${share}.`, source: 'Figure 4' },
            cut,
            others,
          );
    }),
  rows: [
    baseRow([]),
    ...amountSeries.flatMap(([id, series, training]) =>
      amounts.map((amount): SuiteRow => {
        return {
          id: `${id}-${amount}`,
          label: `${series}, ${100 * amount}%`,
          against: 'base',
          training: { ...training, amount },
          part: 'plain',
          place: { series, x: amount, xLabel: `${100 * amount}%` },
        };
      }),
    ),
  ],
};
