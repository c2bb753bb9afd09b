// The paper's figure 7: how many satisfactory examples CUT should keep.
import { ahead } from '../claims.ts';
import * as paper from '../paper.ts';
import type { RowTraining, Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

const ratios = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, null] as const;

export const figure7: Suite = {
  name: 'figure7',
  title: 'Satisfactory examples for each unsatisfactory one',
  about:
    'Two online rounds of CUT: the first the same for all, so that most answers of the second are satisfactory, as ' +
    'in the paper; the second keeps at most so many satisfactory answers for each unsatisfactory one. Differences are to ' +
    'the model after the first round.',
  layout: 'grid',
  axis: 'satisfactory for each unsatisfactory',
  paper: { columns: [], words: paper.inWords.figure7 },
  needsWorld: null,
  claims: (evidence) => [
    ahead(
      evidence,
      {
        claim: 'Some satisfactory answers (0.25 for each unsatisfactory one) are better than none.',
        source: 'Figure 7',
      },
      'ratio-0.25',
      ['ratio-0'],
    ),
    ahead(evidence, { claim: 'They are better than all.', source: 'Figure 7' }, 'ratio-0.25', ['ratio-all']),
  ],
  rows: [
    { id: 'first', label: 'after the first round', against: null, part: 1, training: ratioTraining(null) },
    ...ratios.map((ratio): SuiteRow => {
      const xLabel = ratio === null ? 'all' : String(ratio);
      return {
        id: `ratio-${xLabel}`,
        label: ratio === null ? 'all of them' : `at most ${xLabel}`,
        against: 'first',
        training: ratioTraining(ratio),
        part: 2,
        place: { series: 'CUT', x: ratio, xLabel },
      };
    }),
  ],
};

function ratioTraining(ratio: number | null): RowTraining {
  return { ...offline('cut'), rounds: [{ downsample: 1 }, { downsample: ratio }] };
}
