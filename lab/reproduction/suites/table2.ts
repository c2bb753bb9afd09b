// The paper's Table 2: methods that learn from judgments.
import { pairedResponses, suiteMethods, testedWithPraise, titleOf } from '../methods.ts';
import { ahead } from '../claims.ts';
import * as paper from '../paper.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow, offline } from './rows.ts';

export const table2: Suite = {
  name: 'table2',
  title: 'Methods that learn from judgments',
  about:
    "Each method is trained on the base model's own greedy answers to the same instructions, judged in words, and " +
    `then answers other instructions greedily. DPO, which needs answers of different scores to one instruction, ` +
    `gets ${pairedResponses} for each (one greedy, the others sampled), so it sees more judged answers than the ` +
    'others. "With praise" is the same model with words of praise in its prompt, as in its training.',
  layout: 'list',
  paper: { columns: paper.table2.columns },
  needsWorld: null,
  claims: (evidence) => [
    ahead(
      evidence,
      { claim: 'CUT is ahead of Forward Prediction, Hindsight, ILF-MLE and ILF-DPO.', source: 'Table 2' },
      'cut',
      ['forward-prediction', 'hindsight', 'ilf-mle', 'ilf-dpo'],
    ),
    ahead(evidence, { claim: 'CUT is ahead of the base model.', source: 'Table 2' }, 'cut', ['base']),
  ],
  rows: [
    baseRow(paper.table2.rows['base']),
    ...suiteMethods.flatMap((method): SuiteRow[] => {
      const training = offline(method);
      const own = { against: 'base', training } as const;
      const figures = paper.table2.rows[method];
      const plain: SuiteRow = {
        ...own,
        id: method,
        label: titleOf(method),
        part: 'plain',
        ...(figures && { paper: figures }),
      };
      if (!testedWithPraise.has(method)) return [plain];
      const label = `${titleOf(method)}, with praise`;
      return [plain, { ...own, id: `${method}-praised`, label, part: 'praised' }];
    }),
  ],
};
