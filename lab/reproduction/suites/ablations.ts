// CUT without one of its parts each where that could show: a model that reads judgments poorly, a model most of whose answers
// are satisfactory, and ranking beside generation.
import type { WorldModel } from '../../world/model.ts';
import { poorReader } from '../../world/model.ts';
import type { Said } from '../claims.ts';
import { percent } from '../../../src/report/format.ts';
import { ahead } from '../claims.ts';
import type { MethodSettings, OnlineResult } from '../experiment.ts';
import { rankingMeasure } from '../measures.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

const train = 60;

const parts: readonly (readonly [id: string, label: string, settings: MethodSettings])[] = [
  ['cut', 'CUT', {}],
  ['without-align-n', 'without Align-N', { alignN: false }],
  ['without-dynamic-weight', 'without dynamic weight', { dynamicWeight: false }],
  ['without-align-p', 'without Align-P', { alignP: false }],
  ['ratio', 'Align-P ratio 0.25', { downsample: 0.25 }],
];

const important = [
  ['without-align-n', 'Align-N matters'],
  ['without-dynamic-weight', 'The dynamic weight matters'],
  ['without-align-p', 'Align-P matters'],
] as const;

/** Leaves about 71% of the answers to the next instructions satisfactory, as in the paper's first round (713 of 1000): chosen on the seeds of tuning. */
const warming: MethodSettings = { method: 'likelihood', epochs: 4, learningRate: 8e-3 };

interface Setting {
  readonly id: string;
  readonly title: string;
  readonly base: WorldModel;
  readonly warmed: boolean;
}
const warmedId = 'warmed';
const settings: readonly Setting[] = [
  { id: 'good', title: 'reads judgments well', base: 64, warmed: false },
  { id: 'poor', title: 'reads judgments poorly', base: poorReader, warmed: false },
  { id: warmedId, title: 'most answers satisfactory', base: 64, warmed: true },
];

const rowsOf = ({ id, title, base, warmed }: Setting): SuiteRow[] => [
  {
    id,
    label: `${title}: before CUT`,
    against: null,
    base,
    training: warmed ? { ...offline('cut'), train, rounds: [warming, {}] } : null,
    part: warmed ? 1 : 'plain',
  },
  ...parts.map(([part, label, change]): SuiteRow => ({
    id: `${id}-${part}`,
    label: `${title}: ${label}`,
    against: part === 'cut' ? id : `${id}-cut`,
    base,
    training: warmed
      ? { ...offline('cut'), train, rounds: [warming, change] }
      : { ...offline('cut', change), train },
    part: warmed ? 2 : 'plain',
  })),
];

export const ablations: Suite = {
  name: 'ablations',
  title: 'Parts of CUT where they could show',
  about:
    `CUT on ${train} instructions without one of its parts each, in three settings of width 64: a model that reads judgments well; one ` +
    'that reads them poorly, since 2% of the documents it was pretrained on show a judgment before the response, not 42%; and the ' +
    `first one after it was trained on its satisfactory answers to ${train} other instructions, so that most of its answers are ` +
    'satisfactory already (as 713 of 1000 are in the first round of the paper). Ranking: the right answer is likelier than the ' +
    "corpus's usual wrong one. Settings are those chosen for width 128. Each row is compared with CUT of its setting.",
  layout: 'list',
  paper: {
    columns: [],
    words:
      'The paper (Table 4) ranks by TruthfulQA and generates summaries (rougeLsum): without Align-N 47.24 and 33.92 where CUT has ' +
      '52.58 and 40.12, without dynamic weight 48.84 and 40.05, without Align-P 26.37 (rougeLsum). It keeps 0.25 satisfactory answers ' +
      'for each unsatisfactory one online.',
  },
  needsWorld: 'it needs models of the world and a right and a wrong answer to every instruction',
  measures: [rankingMeasure],
  rows: settings.flatMap(rowsOf),
  claims: (evidence) =>
    settings.flatMap(({ id, title }) => {
      const said = (words: string, source: string): Said => ({ claim: `${words} (${title}).`, source });
      const cut = `${id}-cut`;
      return [
        ahead(evidence, said('CUT improves the model', 'Table 2'), cut, [id]),
        ...important.flatMap(([part, words]) => [
          ahead(evidence, said(`${words} to answers`, 'Table 4'), cut, [`${id}-${part}`]),
          ahead(evidence, said(`${words} to ranking`, 'Table 4'), cut, [`${id}-${part}`], 'ranking'),
        ]),
        ahead(
          evidence,
          said('0.25 satisfactory answers for each unsatisfactory one are better than all', 'Figure 7'),
          `${id}-ratio`,
          [cut],
        ),
      ];
    }),
  says: (results) => {
    const rounds = results
      .get(`${warmedId}-cut`)!
      .flatMap(({ result }) => (result as OnlineResult).rounds[1] ?? []);
    const sum = (of: 'judged' | 'satisfactory'): number =>
      rounds.reduce((total, each) => total + each[of], 0);
    return [
      `Where most answers are satisfactory: ${percent(sum('satisfactory') / sum('judged'))} of ${sum('judged')} that CUT learned from.`,
    ];
  },
};
