// CUT on the model as it was pretrained, and on one that has been taught to answer before.
import { ahead } from '../claims.ts';
import type { MethodSettings } from '../experiment.ts';
import type { RowTraining, Suite } from '../suite.ts';
import { offline } from './rows.ts';

const train = 20;
/** As `tune --train 20` chose for the likelihood of satisfactory answers, with fewer epochs, so that room is left. */
const warming: MethodSettings = { method: 'likelihood', epochs: 12, learningRate: 8e-3 };
const cold: RowTraining = { ...offline('cut'), train, rounds: [{}] };
const warm: RowTraining = { ...offline('cut'), train, rounds: [warming, {}] };
const part = (id: string, label: string, training: RowTraining, round: number, against: string | null) => ({
  id,
  label,
  against,
  training,
  part: round,
});

export const warmStart: Suite = {
  name: 'warm-start',
  title: 'Cold and warm start',
  about:
    `CUT on judgments of ${train} answers of the base model (cold), and of a model that was first trained on the satisfactory ones ` +
    `among its answers to ${train} other instructions (warm), as a chat model is trained before it meets judgments.`,
  layout: 'list',
  paper: null,
  needsWorld: 'the warmed model answers instructions that the judge is asked about',
  rows: [
    part('cold', 'base model', cold, 0, null),
    part('cold-cut', 'base model, CUT', cold, 1, 'cold'),
    part('warm', 'warmed model', warm, 1, 'cold'),
    part('warm-cut', 'warmed model, CUT', warm, 2, 'warm'),
  ],
  claims: (evidence) => [
    ahead(
      evidence,
      { claim: 'CUT improves a model from a cold start (1.87 to 61.06).', source: 'Table 2' },
      'cold-cut',
      ['cold'],
    ),
    ahead(
      evidence,
      { claim: 'CUT improves a model from a warm start (81.09 to 90.73).', source: 'Table 2' },
      'warm-cut',
      ['warm'],
    ),
    ahead(
      evidence,
      { claim: 'The warm start ends higher (90.73 against 61.06).', source: 'Table 2' },
      'warm-cut',
      ['cold-cut'],
    ),
    ahead(
      evidence,
      {
        claim: 'CUT from a cold start stays behind the warm model before CUT (61.06 against 81.09).',
        source: 'Table 2',
      },
      'warm',
      ['cold-cut'],
    ),
  ],
};
