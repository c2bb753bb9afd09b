// The paper's Table 4: CUT without one of its parts each.
import type { MethodSettings } from '../experiment.ts';
import { ahead } from '../claims.ts';
import * as paper from '../paper.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow, offline } from './rows.ts';

const ablation = (id: string, label: string, settings: MethodSettings): SuiteRow => ({
  id,
  label,
  against: id === 'cut' ? 'base' : 'cut',
  training: offline('cut', settings),
  part: 'plain',
  paper: paper.table4.rows[id]!,
});

export const table4: Suite = {
  name: 'table4',
  title: 'What each part of CUT does',
  about:
    "CUT as in table2, and without one of its parts each. Differences are to CUT, and CUT's is to the base model.",
  layout: 'list',
  paper: { columns: paper.table4.columns },
  needsWorld: null,
  claims: (evidence) => [
    ...(
      [
        ['without-l1', 'L1 (Align-N against Misalign) matters'],
        ['without-align-p', 'Align-P matters'],
        ['without-align-n', 'Align-N matters'],
        ['without-detection', 'Detecting tokens matters'],
        ['without-dynamic-weight', 'The dynamic weight matters'],
      ] as const
    ).map(([id, words]) =>
      ahead(evidence, { claim: `${words}: CUT is ahead of CUT without it.`, source: 'Table 4' }, 'cut', [id]),
    ),
    ahead(
      evidence,
      {
        claim: 'Without detecting tokens training fails: the model is worse than the base model.',
        source: 'Table 4',
      },
      'base',
      ['without-detection'],
    ),
  ],
  rows: [
    baseRow(paper.table4.rows['base']),
    ablation('cut', 'CUT', {}),
    ablation('without-l1', 'without L1 (Align-N against Misalign)', { l1: false }),
    ablation('without-align-p', 'without Align-P (first part of L2)', { alignP: false }),
    ablation('without-align-n', 'without Align-N (second part of L2)', { alignN: false }),
    ablation('without-detection', 'without token detection', { detection: false }),
    ablation('without-dynamic-weight', 'without dynamic weight', { dynamicWeight: false }),
  ],
};
