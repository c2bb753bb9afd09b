// Ranking against generation: what a model finds likelier, and what it says.
import { ahead, differenceWords, ours, verdictOf } from '../claims.ts';
import { rankingMeasure } from '../measures.ts';
import { responsesFor, titleOf } from '../methods.ts';
import type { SuiteMethod } from '../methods.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow } from './rows.ts';

const methods: readonly SuiteMethod[] = ['likelihood', 'dpo', 'cut'];
const train = 20;

export const ranking: Suite = {
  name: 'ranking',
  title: 'Ranking against generation',
  about:
    `Methods trained on ${train} instructions, and two questions to each test instruction: is the model's own greedy answer ` +
    "satisfactory, and is the right answer likelier than the corpus's usual wrong one (whole texts, end included)?",
  layout: 'list',
  paper: null,
  needsWorld: 'it needs a right and a wrong answer to every instruction',
  measures: [rankingMeasure],
  rows: [
    baseRow(),
    ...methods.map((method): SuiteRow => ({
      id: method,
      label: titleOf(method),
      against: 'base',
      training: { method, responses: responsesFor(method), train },
      part: 'plain',
    })),
  ],
  claims: (evidence) => {
    const gap = evidence.difference('cut', 'dpo');
    const ranked = evidence.difference('cut', 'dpo', 'ranking');
    return [
      ahead(
        evidence,
        {
          claim: 'CUT ranks right answers better than the base model (TruthfulQA, 36.28 to 49.33).',
          source: 'Table 2',
        },
        'cut',
        ['base'],
        'ranking',
      ),
      ahead(evidence, { claim: 'CUT answers better than DPO.', source: 'Figure 4' }, 'cut', ['dpo']),
      {
        claim: 'Ranking hides how far CUT and DPO are apart: their gap is larger in generation.',
        source: ours,
        verdict: gap.low > ranked.high ? 'confirmed' : gap.high < ranked.low ? 'contradicted' : 'not shown',
        evidence: `CUT against DPO: ${differenceWords(gap)} in generation, ${differenceWords(ranked)} in ranking (${verdictOf(ranked) === 'not shown' ? 'within chance' : 'beyond chance'}).`,
      },
    ];
  },
};
