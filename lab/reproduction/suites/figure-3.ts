// The paper's figure 3: how much the settings of CUT matter, one at a time.
import type { MethodSettings } from '../experiment.ts';
import { ahead, level, ours } from '../claims.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { baseRow, offline } from './rows.ts';

/** Few enough that CUT is not at the ceiling whatever its settings are. */
const train = 60;

const variations: Readonly<Record<string, readonly (readonly [label: string, settings: MethodSettings])[]>> =
  {
    lambda: [1, 1.05, 1.1, 1.5, 2].map((lambda) => [`lambda ${lambda}`, { lambda }]),
    alpha: [0.25, 0.5, 2].map((alpha) => [`alpha ${alpha}`, { alpha }]),
    gamma: [0, 0.25, 0.5, 2].map((gamma) => [`gamma ${gamma}`, { gamma }]),
    'Align-P ratio': [0, 0.25, 0.5, 1].map((downsample) => [`Align-P ratio ${downsample}`, { downsample }]),
  };
const varied = Object.values(variations).flat();
/** Within the values that the paper tried. */
const tried = ['lambda 1.1', 'alpha 0.25', 'alpha 0.5', 'gamma 0.25', 'gamma 0.5', 'gamma 2'];

export const figure3: Suite = {
  name: 'figure-3',
  title: "How much CUT's settings matter",
  about:
    `CUT on ${train} instructions with lambda 1.2, alpha 1, gamma 1 and every satisfactory answer, and with one of these changed. ` +
    'Differences are to that, and its own is to the base model. Lambda is the ratio that flags a token, alpha and gamma weigh the ' +
    'flagged ones, the Align-P ratio is the most satisfactory answers that are kept for each unsatisfactory one.',
  layout: 'list',
  paper: {
    columns: [],
    words:
      'The paper (figure 3) tries lambda 1.1 and 1.2, alpha 0.25 to 1, gamma 0.25 to 2; its numbers are not printed.',
  },
  needsWorld: null,
  rows: [
    baseRow(),
    {
      id: 'usual',
      label: 'CUT',
      against: 'base',
      training: { ...offline('cut', { lambda: 1.2, alpha: 1, gamma: 1 }), train },
      part: 'plain',
    },
    ...varied.map(([label, settings]): SuiteRow => ({
      id: label,
      label,
      against: 'usual',
      training: { ...offline('cut', { lambda: 1.2, alpha: 1, gamma: 1, ...settings }), train },
      part: 'plain',
    })),
  ],
  claims: (evidence) => [
    level(
      evidence,
      {
        claim: 'CUT is robust: values that the paper tried are within 5 points of each other.',
        source: ours,
      },
      'usual',
      tried,
      0.05,
    ),
    ahead(
      evidence,
      { claim: 'A threshold is needed: lambda 1.2 is ahead of lambda 1.', source: ours },
      'usual',
      ['lambda 1'],
    ),
    ahead(
      evidence,
      { claim: 'A high threshold misses tokens: lambda 1.2 is ahead of 1.5 and 2.', source: ours },
      'usual',
      ['lambda 1.5', 'lambda 2'],
    ),
    ahead(
      evidence,
      {
        claim: 'Some satisfactory answers (0.25 for each unsatisfactory one) are better than none.',
        source: 'Figure 7',
      },
      'Align-P ratio 0.25',
      ['Align-P ratio 0'],
    ),
    ahead(evidence, { claim: 'They are better than all.', source: 'Figure 7' }, 'Align-P ratio 0.25', [
      'usual',
    ]),
  ],
};
