// The paper's Table 6: online rounds.
import type { MethodSettings } from '../experiment.ts';
import type { SuiteMethod } from '../methods.ts';
import { titleOf } from '../methods.ts';
import * as paper from '../paper.ts';
import type { Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

const onlineRounds = 5;
const onlineMethods: readonly SuiteMethod[] = ['cut', 'dpo', 'ilf-mle', 'likelihood'];

export const table6: Suite = {
  name: 'table6',
  title: 'Online rounds',
  about:
    'In each round the present model answers fresh instructions, the judge judges the answers, and training goes on ' +
    'from the adapter of the round before. Round 0 is the base model. CUT keeps at most one satisfactory answer for ' +
    'each unsatisfactory one. Settings are those chosen for offline training.',
  layout: 'grid',
  axis: 'round',
  paper: { columns: paper.table6.columns },
  needsWorld: 'it asks a judge about new answers in every round',
  rows: onlineMethods.flatMap((method) => {
    const change: MethodSettings = method === 'cut' ? { downsample: 1 } : {};
    const rounds = new Array<MethodSettings>(onlineRounds).fill(change);
    const training = { ...offline(method), rounds };
    return Array.from({ length: onlineRounds + 1 }, (_, round): SuiteRow => {
      const figure = method === 'cut' ? paper.table6.cut[round] : undefined;
      return {
        id: `${method}-${round}`,
        label: `${titleOf(method)}, round ${round}`,
        against: round === 0 ? null : `${method}-0`,
        training,
        part: round,
        place: { series: titleOf(method), x: round },
        ...(figure !== undefined && { paper: [figure] }),
      };
    });
  }),
};
