// An online run's folder as the data of a report: the rounds that are complete, judged and held-out responses. Draws
// nothing.
import { join } from 'node:path';
import { bootstrapMean } from '../statistics/bootstrap.ts';
import { labelOf, readTriplets } from '../judgments/index.ts';
import type { Triplet } from '../judgments/index.ts';
import type { AnswerPair, JudgedAnswer, ReportData, SuccessRate } from '../report/index.ts';
import type { ReportFigure } from '../report/data.ts';
import type { LineFigure } from '../report/line-figure.ts';
import { conversationText } from '../rows/conversation.ts';
import type { RunFacts } from './facts.ts';
import { curveOf } from './steps.ts';
import type { StepLine } from './steps.ts';

const shownAnswers = 60;

interface Round {
  readonly round: number;
  readonly judged: readonly Triplet[];
  /** Null where nothing is evaluated. */
  readonly heldOut: readonly Triplet[] | null;
}

interface RoundStep extends StepLine {
  readonly round: number;
}

/** Everything but settings and provenance. At least one round is complete. */
export async function onlineReport({
  dir,
  record,
  steps: lines,
}: RunFacts): Promise<Omit<ReportData, 'date'>> {
  const steps = lines as readonly RoundStep[];
  const { before, rounds } = await readRounds(dir, steps.at(-1)!.round);
  const last = rounds.at(-1)!;
  const judged = rounds.reduce((sum, each) => sum + each.judged.length, 0);
  return {
    title: 'Aligned online with written judgments',
    summary:
      `In ${rounds.length === 1 ? 'one round' : `${rounds.length} rounds`} the model responded to instructions, ` +
      `${String(record.run['judge_name'])} wrote what was wrong with the responses, and an adapter was trained on those words.`,
    headline: {
      ...(before && last.heldOut && { success: successOf(before, last.heldOut) }),
      facts: [
        { label: 'Rounds', value: rounds.length },
        {
          label: 'Judged responses',
          value: judged,
          note: `${rounds.flatMap((each) => each.judged).filter(isWrong).length} with a critique`,
        },
        { label: 'Optimizer steps', value: steps.length },
      ],
    },
    figures: [courseOf(before, rounds)],
    curves: rounds.map(({ round }) =>
      curveOf(
        `round ${round}`,
        steps.filter((line) => line.round === round),
      ),
    ),
    ...(before && last.heldOut && { answers: pairs(before, last.heldOut) }),
  };
}

/** The rounds of a run that may still be going on. */
export interface Course {
  readonly figure: LineFigure;
  /** The first held-out prompts, each with its responses in the order of the rounds; round 0 is before training. */
  readonly answers: readonly {
    readonly prompt: string;
    readonly answers: readonly (JudgedAnswer & { readonly satisfactory: boolean; readonly round: number })[];
  }[];
}

/** The first `complete` rounds. Throws as `readTriplets` where their files are not there. */
export async function readCourse(dir: string, complete: number, shown: number): Promise<Course> {
  const { before, rounds } = await readRounds(dir, complete);
  const heldOut = [before, ...rounds.map((each) => each.heldOut)];
  const prompts = (before ?? rounds[0]?.heldOut ?? []).slice(0, shown);
  return {
    figure: courseOf(before, rounds).figure,
    answers: prompts.map((prompt) => ({
      prompt: conversationText(prompt),
      answers: heldOut.flatMap((triplets, round) => {
        const found = triplets?.find(({ id }) => id === prompt.id);
        return found ? [{ ...answerOf(found), satisfactory: !isWrong(found), round }] : [];
      }),
    })),
  };
}

async function readRounds(
  dir: string,
  last: number,
): Promise<{ before: readonly Triplet[] | null; rounds: Round[] }> {
  const rounds: Round[] = [];
  for (let round = 1; round <= last; round++) rounds.push(await readRound(dir, round));
  return { before: await heldOutOf(dir, 0), rounds };
}

async function readRound(run: string, round: number): Promise<Round> {
  const { triplets } = await readTriplets(join(run, 'rounds', String(round), 'judged.jsonl'));
  return { round, judged: triplets, heldOut: await heldOutOf(run, round) };
}

const heldOutOf = (run: string, round: number): Promise<readonly Triplet[] | null> =>
  readTriplets(join(run, 'rounds', String(round), 'held-out.jsonl')).then(
    ({ triplets }) => triplets,
    () => null,
  );

const isWrong = (triplet: Triplet): boolean => labelOf(triplet) === 'align-n';

function rateOf(triplets: readonly Triplet[]): SuccessRate {
  const marks = triplets.map((triplet) => Number(!isWrong(triplet)));
  return {
    ...bootstrapMean([marks]),
    successes: marks.reduce((sum, mark) => sum + mark, 0),
    count: marks.length,
  };
}

const successOf = (
  before: readonly Triplet[],
  after: readonly Triplet[],
): NonNullable<NonNullable<ReportData['headline']>['success']> => ({
  before: rateOf(before),
  after: rateOf(after),
  of: 'held-out instructions with a greedy response that the judge found satisfactory',
  interval: '95% intervals of the bootstrap over instructions',
});

/** Success by round, on what was trained on before it was, and on what is held out. */
function courseOf(
  before: readonly Triplet[] | null,
  rounds: readonly Round[],
): Extract<ReportFigure, { kind: 'lines' }> {
  const point = (x: number, triplets: readonly Triplet[]) => {
    const { value, low, high } = rateOf(triplets);
    return { x, y: value, low: low ?? null, high: high ?? null };
  };
  const heldOut = [
    ...(before ? [point(0, before)] : []),
    ...rounds.flatMap(({ round, heldOut: own }) => (own ? [point(round, own)] : [])),
  ];
  return {
    heading: 'Round by round',
    caption:
      'Held-out responses are those after the round; fresh ones are the responses that the round was trained on, which the model of the round before gave to instructions that were new to it.',
    kind: 'lines',
    figure: {
      title: 'Share of satisfactory responses',
      x: { label: 'round', ticks: [0, ...rounds.map(({ round }) => round)] },
      y: { label: 'satisfactory', format: 'percent', domain: [0, 1] },
      series: [
        ...(heldOut.length > 0 ? [{ name: 'held-out', points: heldOut }] : []),
        {
          name: 'fresh',
          points: rounds.map(({ round, judged }) => point(round - 1, judged)),
          reference: true,
        },
      ],
    },
  };
}

function pairs(before: readonly Triplet[], after: readonly Triplet[]): AnswerPair[] {
  const later = new Map(after.map((triplet) => [triplet.id, triplet]));
  return before
    .flatMap((triplet) => {
      const other = later.get(triplet.id);
      return other
        ? [{ instruction: conversationText(triplet), before: answerOf(triplet), after: answerOf(other) }]
        : [];
    })
    .slice(0, shownAnswers);
}

const answerOf = (triplet: Triplet): JudgedAnswer => ({
  text: triplet.output,
  satisfactory: !isWrong(triplet),
  judgment: triplet.judgment,
});
