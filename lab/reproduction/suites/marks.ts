// Tokens that somebody has marked in the place of those that the judgment flags, or beside them.
import { ahead, ours } from '../claims.ts';
import type { MethodSettings } from '../experiment.ts';
import type { Suite } from '../suite.ts';
import { baseRow, offline } from './rows.ts';

const train = 60;
const ways: readonly (readonly [NonNullable<MethodSettings['flaggedBy']>, string])[] = [
  ['judgment', 'CUT, tokens that the judgment flags'],
  ['marks', 'CUT, tokens of the true errors'],
  ['both', 'CUT, tokens of either'],
];

export const marks: Suite = {
  name: 'marks',
  title: 'Marked errors in the place of detection',
  about:
    `CUT learns from judgments of ${train} answers. What it unlearns are the tokens that the judgment makes likelier, as in the ` +
    "paper; those of the errors that the world's judge knows, as a person would mark them; or both.",
  layout: 'list',
  paper: { columns: [] },
  needsWorld: 'it needs to know where errors are',
  rows: [
    baseRow(),
    ...ways.map(([flaggedBy, label]) => ({
      id: flaggedBy,
      label,
      against: flaggedBy === 'judgment' ? 'base' : 'judgment',
      training: { ...offline('cut', { flaggedBy }), train },
      part: 'plain' as const,
    })),
  ],
  claims: (evidence) => [
    ahead(
      evidence,
      { claim: 'Marked errors are ahead of those that the judgment flags.', source: ours },
      'marks',
      ['judgment'],
    ),
    ahead(evidence, { claim: 'Both are ahead of those that the judgment flags.', source: ours }, 'both', [
      'judgment',
    ]),
  ],
};
