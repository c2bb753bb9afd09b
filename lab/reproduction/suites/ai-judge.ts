// A model as the judge: trained on the world's judgments, then asked in every round.
import { percent } from '../../../src/report/format.ts';
import { ahead, noGain } from '../claims.ts';
import type { MethodSettings, OnlineResult } from '../experiment.ts';
import type { RowTraining, Suite, SuiteRow } from '../suite.ts';
import { offline } from './rows.ts';

/** Its section on judges made from models; it prints no numbers that our world could be held against. */
const paper = 'AI judge';

const rounds = 3;
const perRound = 60;

/** A judge learns little with LoRA on the MLP alone (docs/judges.md). About as many steps for each but the last; not tuned. */
const judging: MethodSettings = {
  learningRate: 4e-3,
  loraTargetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};

const judges: readonly (readonly [judgments: number | null, title: string, settings: MethodSettings])[] = [
  [null, "the world's judge", {}],
  [3000, 'a judge of 3000 judgments', { ...judging, epochs: 4 }],
  [1000, 'a judge of 1000 judgments', { ...judging, epochs: 12 }],
  [500, 'a judge of 500 judgments', { ...judging, epochs: 12 }],
  [0, 'the model as its own judge, untrained', {}],
];
const idOf = (judgments: number | null, round: number): string => `${judgments ?? 'world'}-${round}`;

const trainingWith = (judgments: number | null, settings: MethodSettings): RowTraining => ({
  ...offline('cut'),
  train: perRound,
  rounds: new Array<MethodSettings>(rounds).fill({}),
  ...(judgments !== null && { judge: { judgments, settings } }),
});

export const aiJudge: Suite = {
  name: 'ai-judge',
  title: 'A model as the judge',
  about:
    `Online rounds of CUT, ${perRound} fresh instructions each. The judge is the world's own, or the base model trained on so many of ` +
    "its judgments (method critique: the judgment, then whether the answer is good), or the base model as it is. Answers are tested by the world's judge.",
  layout: 'grid',
  axis: 'round',
  paper: { columns: [] },
  needsWorld: 'it asks judges about new answers in every round',
  rows: judges.flatMap(([judgments, series, settings]) =>
    Array.from({ length: rounds + 1 }, (_, round): SuiteRow => ({
      id: idOf(judgments, round),
      label: `${series}, round ${round}`,
      against: round === 0 ? null : idOf(judgments, 0),
      training: trainingWith(judgments, settings),
      part: round,
      place: { series, x: round },
    })),
  ),
  claims: (evidence) => [
    ahead(
      evidence,
      { claim: 'A judge trained on judgments lets the model improve.', source: paper },
      idOf(3000, rounds),
      [idOf(3000, 0)],
    ),
    ahead(
      evidence,
      { claim: 'More judgments make a better judge (3000 against 500).', source: paper },
      idOf(3000, rounds),
      [idOf(500, rounds)],
    ),
    ahead(
      evidence,
      {
        claim: 'First limit: it is wrong where the judge that taught it is not, and the model stays behind.',
        source: paper,
      },
      idOf(null, rounds),
      [idOf(3000, rounds)],
    ),
    noGain(
      evidence,
      {
        claim: 'Second limit: a model that was not trained to judge cannot be its own judge.',
        source: paper,
      },
      idOf(0, rounds),
      idOf(0, 0),
    ),
  ],
  says: (results) =>
    judges.flatMap(([judgments, series]) => {
      if (judgments === null) return [];
      const runs = results.get(idOf(judgments, 0))!.map(({ result }) => (result as OnlineResult).rounds);
      return Array.from({ length: rounds }, (_, round) => {
        const verdicts = runs.flatMap((run) => run[round]?.verdicts ?? []);
        if (verdicts.length === 0) return `${series}, round ${round + 1}: its verdicts were not counted.`;
        const sum = (of: (each: (typeof verdicts)[number]) => number): number =>
          verdicts.reduce((total, each) => total + of(each), 0);
        const kinds: Record<string, number> = {};
        for (const { acceptedWrong } of verdicts)
          for (const [kind, count] of Object.entries(acceptedWrong)) kinds[kind] = (kinds[kind] ?? 0) + count;
        const [wrong, right] = [sum((each) => each.wrong), sum((each) => each.right)];
        const accepted = Object.values(kinds).reduce((a, b) => a + b, 0);
        const worst = Object.entries(kinds)
          .sort(([, a], [, b]) => b - a)
          .slice(0, 3)
          .map(([kind, count]) => `${kind} ${count}`);
        const share = (part: number, whole: number): string => (whole === 0 ? 'none' : percent(part / whole));
        return (
          `${series}, round ${round + 1}: accepts ${share(accepted, wrong)} of ${wrong} wrong answers` +
          `${worst.length > 0 ? ` (most: ${worst.join(', ')})` : ''}, rejects ${share(
            sum((each) => each.rejectedRight),
            right,
          )} of ${right} right ones; ${sum((each) => each.unread)} replies could not be read.`
        );
      });
    }),
};
