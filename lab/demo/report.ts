// The demonstration's results as the data of a report. Knows both records, and draws nothing.
import type {
  AnswerPair,
  JudgedAnswer,
  ReportData,
  SettingValue,
  SuccessRate,
  TokenHeatMap,
  UseEntry,
} from '../../src/report/index.ts';
import { bootstrapMean } from '../../src/evaluation/index.ts';
import { keySettings } from '../../src/run-report/index.ts';
import type { Versions } from '../../src/runs/versions.ts';
import { families } from '../world/index.ts';
import type { DemoOptions, DemoResults, DemoSummary, Graded } from './demo.ts';
import type { MarkedResponse } from './marked.ts';

export interface ReportCircumstances extends Pick<DemoOptions, 'command' | 'seed'> {
  readonly method: string;
  /** As the run's record has them. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly use: readonly UseEntry[];
  readonly versions: Versions;
}

const shownAnswers = 60;

export function reportOf(
  { before, after, steps, examples }: DemoResults,
  summary: DemoSummary,
  { command, seed, method, settings, use, versions }: ReportCircumstances,
): ReportData {
  const { gain, triplets, seconds, tests } = summary;
  return {
    title: 'Aligned with written judgments',
    summary:
      `A model of the project's own small world answered ${triplets.total} instructions; a judge wrote what was wrong ` +
      `with ${triplets.unsatisfactory} of its answers. ${methodName(method)} trained an adapter on those words. ` +
      `Below, greedy answers to ${tests} instructions that it had never seen, before and after.`,
    date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    headline: {
      success: {
        before: measured(before),
        after: measured(after),
        difference: gain,
        of: 'held-out test instructions with a satisfactory greedy answer',
        interval: '95% intervals of the bootstrap over instructions, paired for the difference',
      },
      durations: [
        { label: 'Answering', seconds: seconds.answering },
        { label: 'Training', seconds: seconds.training },
        { label: 'Testing', seconds: seconds.testing },
      ],
      seeds: [seed],
      facts: [
        {
          label: 'Judged answers',
          value: triplets.total,
          note: `${triplets.unsatisfactory} with a critique`,
        },
        { label: 'Optimizer steps', value: steps.length },
      ],
    },
    curves: [{ name: `seed ${seed}`, steps }],
    families: Object.keys(summary.families).map((name) => ({
      title: titleOf(name),
      before: measured(before.filter(({ task }) => task.family === name)),
      after: measured(after.filter(({ task }) => task.family === name)),
    })),
    heatMaps: examples.map(heatMap),
    answers: before.slice(0, shownAnswers).map((each, i) => pair(each, after[i]!)),
    settings,
    keySettings: keySettings(settings, 'align'),
    use,
    provenance: { command, versions: { ...versions } },
  };
}

const methodName = (method: string): string =>
  method === 'cut' ? 'Contrastive Unlikelihood Training (CUT)' : method;

const titleOf = (family: string): string => families.find(({ name }) => name === family)?.title ?? family;

/** The share of satisfactory answers, with a bootstrap interval over instructions. */
function measured(graded: readonly Graded[]): SuccessRate {
  const marks = graded.map(({ verdict }) => Number(verdict.satisfactory));
  return { ...bootstrapMean([marks]), successes: successes(graded), count: graded.length };
}

const successes = (graded: readonly Graded[]): number =>
  graded.filter(({ verdict }) => verdict.satisfactory).length;

function heatMap({ task, text, verdict, lambda, tokens }: MarkedResponse): TokenHeatMap {
  return {
    family: titleOf(task.family),
    instruction: task.instruction,
    judgment: verdict.judgment,
    response: text,
    tokens: tokens.map(({ span, ...token }) => ({ ...token, start: span[0], end: span[1] })),
    errors: verdict.errors.map(({ start, end, kind }) => ({ start, end, kind })),
    lambda,
  };
}

const pair = (before: Graded, after: Graded): AnswerPair => ({
  family: titleOf(before.task.family),
  instruction: before.task.instruction,
  before: judged(before),
  after: judged(after),
});

const judged = ({ text, verdict }: Graded): JudgedAnswer => ({
  text,
  satisfactory: verdict.satisfactory,
  judgment: verdict.judgment,
  errors: verdict.errors.map(({ start, end, kind }) => ({ start, end, kind })),
});
