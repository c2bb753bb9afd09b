// The paper's Table 6: online rounds.
import type { MethodSettings } from '../experiment.ts';
import type { SuiteMethod } from '../methods.ts';
import { titleOf } from '../methods.ts';
import { ahead, noGain, ours } from '../claims.ts';
import * as paper from '../paper.ts';
import type { RowTraining, Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

const onlineRounds = 5;
const onlineMethods: readonly SuiteMethod[] = ['cut', 'dpo', 'ilf-mle', 'likelihood'];

const inRounds = (method: SuiteMethod, change: MethodSettings): RowTraining => ({
  ...offline(method),
  rounds: new Array<MethodSettings>(onlineRounds).fill(change),
});
const series: readonly (readonly [id: string, title: string, training: RowTraining])[] = [
  ...onlineMethods.map(
    (method) =>
      [method, titleOf(method), inRounds(method, method === 'cut' ? { downsample: 1 } : {})] as const,
  ),
  [
    'published',
    'CUT as published',
    { ...inRounds('cut', { lambda: 1.1, alpha: 1, downsample: 0.25 }), merged: true },
  ],
];

export const table6: Suite = {
  name: 'table6',
  title: 'Online rounds',
  about:
    'In each round the present model answers fresh instructions, the judge judges the answers, and training goes on ' +
    'from the adapter of the round before. Round 0 is the base model. CUT keeps at most one satisfactory answer for ' +
    'each unsatisfactory one. Settings are those chosen for offline training. "As published" is the recipe of the paper: each round is ' +
    'merged and the next begins with a fresh LoRA, lambda 1.1, 0.25 satisfactory answers for each unsatisfactory one.',
  layout: 'grid',
  axis: 'round',
  paper: { columns: paper.table6.columns },
  needsWorld: 'it asks a judge about new answers in every round',
  rows: series.flatMap(([id, title, training]) =>
    Array.from({ length: onlineRounds + 1 }, (_, round): SuiteRow => {
      const figure = training.method === 'cut' ? paper.table6.cut[round] : undefined;
      return {
        id: `${id}-${round}`,
        label: `${title}, round ${round}`,
        against: round === 0 ? null : `${id}-0`,
        training,
        part: round,
        place: { series: title, x: round },
        ...(figure !== undefined && { paper: [figure] }),
      };
    }),
  ),
  claims: (evidence) => [
    ahead(
      evidence,
      { claim: "The paper's recipe improves in the first round (81.09 to 89.75).", source: 'Table 6' },
      'published-1',
      ['published-0'],
    ),
    ahead(
      evidence,
      { claim: 'It goes on improving, to its best in the fourth round (91.68).', source: 'Table 6' },
      'published-4',
      ['published-1'],
    ),
    noGain(
      evidence,
      { claim: 'The fifth round adds nothing (90.68).', source: 'Table 6' },
      'published-5',
      'published-4',
    ),
    ahead(
      evidence,
      { claim: "The paper's recipe is ahead of the one that goes on from the same adapter.", source: ours },
      `published-${onlineRounds}`,
      [`cut-${onlineRounds}`],
    ),
    ahead(
      evidence,
      { claim: 'CUT is ahead of DPO after the last round.', source: ours },
      `cut-${onlineRounds}`,
      [`dpo-${onlineRounds}`],
    ),
  ],
};
