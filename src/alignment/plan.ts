// What a run will do, worked out before its first step: which rows, how many steps, whether it fits into memory,
// and what the user should know. Knows examples and settings; nothing is trained or written here.
import type { Sequence, TokenExample } from '../engine/engine.ts';
import { responseLength } from '../engine/engine.ts';
import { sizeOf } from '../engine/batch-plan.ts';
import { WhetstoneError } from '../errors.ts';
import { epochOrder } from '../judgments/index.ts';
import type { Example, Triplet } from '../judgments/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { planBatches } from './batches.ts';
import type { BatchPlan } from './batches.ts';
import type { EngineDescription, Engine } from '../engine/engine.ts';
import { longestWork, requireMemory } from '../engine/require-memory.ts';
import { resolveWarmup } from './schedule.ts';
import type { Schedule } from './schedule.ts';
import type { AlignSettings } from './settings.ts';
import { option } from '../words/option.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

/** Known before the first step. */
export interface AlignmentPlan {
  readonly settings: AlignSettings;
  readonly rows: RowCounts;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Optimizer steps done in earlier sessions. */
  readonly doneSteps: number;
  /** Whether training and the adapter are complete, so that nothing is left to do. */
  readonly finished: boolean;
  readonly engine: EngineDescription;
  /** Bytes: the estimated peak, and what this process may use. */
  readonly memory: { readonly peak: number; readonly available: number };
  readonly notes: readonly Note[];
}

/** The rows that are trained on, and those that are not. Lengths in tokens, end tokens included. */
export interface RowCounts {
  /** Rows of the data. */
  readonly read: number;
  /** Whether what is trained on are pairs of rows; then the counts below are of pairs. */
  readonly pairs: boolean;
  readonly used: number;
  readonly alignP: number;
  readonly alignN: number;
  /** Satisfactory rows left out by down-sampling. */
  readonly downsampled: number;
  /** Rows that the method does not learn from. */
  readonly unused: number;
  /** Rows that the check refuses, and rows that are too long, which were left out as the settings say. */
  readonly invalid: number;
  readonly tooLong: number;
  /** Rows with a prompt that was cut on the left to fit. */
  readonly truncated: number;
  /** Rows whose response had to be tokenized apart from its prompt. */
  readonly retokenized: number;
  readonly responseTokens: number;
  /** The longest sequence that will be run. */
  readonly longest: number;
}

export function countRows(
  used: readonly Example[],
  left: Pick<RowCounts, 'read' | 'pairs' | 'downsampled' | 'unused' | 'invalid' | 'tooLong'>,
): RowCounts {
  const count = (is: (example: Example) => boolean): number => used.filter(is).length;
  return {
    used: used.length,
    alignP: count(({ label }) => label === 'align-p'),
    alignN: count(({ label }) => label === 'align-n'),
    ...left,
    truncated: count(({ dropped }) => dropped > 0),
    retokenized: count(({ retokenized }) => retokenized !== null),
    responseTokens: used.reduce((sum, { sequences }) => sum + responseLength(mainSequence(sequences)), 0),
    longest: used.reduce(
      (most, { sequences }) => Math.max(most, ...Object.values(sequences).map(({ ids }) => ids.length)),
      0,
    ),
  };
}

/** The one whose tokens count as the row's: its response or, where that is not predicted, what is in its place. */
function mainSequence({
  plain,
  judged,
  praised,
  revising,
  informed,
  forewarned,
  preferred,
  critique,
}: Example['sequences']): Sequence {
  return (plain ?? judged ?? praised ?? revising ?? informed ?? forewarned ?? preferred ?? critique)!;
}

/** "row 12", with the part of the row where a row holds several triplets. Rows count from 1. */
export function describeRow({ source }: Triplet): string {
  return `row ${source.row}${source.part === undefined ? '' : ` (${source.part})`}`;
}

/** Whether anything can be learned from the example; a row without weight would only take up room in a batch. */
export function hasWeight(objective: Objective, example: Example): boolean {
  return partsOf(objective, example).length > 0;
}

/** Parts of the loss that the example has weight in, by the names that metrics give them. */
export function partsOf(objective: Objective, example: TokenExample): string[] {
  const [weights] = objective.weigh([sizeOf(example)]);
  const names = { likelihood: 'likelihood', comparison: 'comparison', ...objective.partNames };
  return [
    ...(weights && weights.comparison !== 0 ? [names.comparison] : []),
    ...(Object.values(weights?.likelihood ?? {}).some((weight) => weight !== 0) ? [names.likelihood] : []),
  ];
}

/** Throws WhetstoneError `NOTHING_TO_LEARN` if there are no rows. */
export function planSteps(settings: AlignSettings, rows: number): BatchPlan {
  if (rows === 0) {
    throw new WhetstoneError(
      'NOTHING_TO_LEARN',
      `no row has anything that method "${settings.method}" learns from`,
      {
        ...(settings.data !== null && { file: settings.data }),
        hint: 'Run "whetstone data check" on the file to see how its rows are labelled.',
      },
    );
  }
  const { batchSize, epochs, maxSteps, seed, shuffle } = settings;
  const order = (epoch: number): Uint32Array => epochOrder(rows, { seed, epoch, shuffle });
  return planBatches({ rows, batchSize, epochs, maxSteps, order });
}

export function planSchedule(settings: AlignSettings, totalSteps: number): Schedule {
  const { lrSchedulerType: name, learningRate } = settings;
  return { name, learningRate, warmupSteps: resolveWarmup(settings.warmupSteps, totalSteps), totalSteps };
}

/**
 * Whether the model can be run on these sequences: the estimated peak of memory, with what other models hold `beside` it, and
 * what there is, in bytes.
 *
 * Throws WhetstoneError `SEQUENCE_TOO_LONG` for sequences that the model has no positions for,
 * `VOCABULARY_MISMATCH` for a token that it has no embedding for, and `NOT_ENOUGH_MEMORY`.
 */
export async function requireFit(
  engine: Pick<Engine, 'estimateMemory' | 'describe'>,
  sequences: readonly Sequence[],
  settings: AlignSettings,
  beside?: number,
): Promise<{ peak: number; available: number }> {
  requirePositions(sequences, engine.describe(), settings.cutoffLen);
  requireVocabulary(sequences, engine.describe(), settings.model);
  return requireMemory(engine, longestWork('train', sequences), {
    advises: ['baseDtype', 'cutoffLen'],
    ...(beside !== undefined && { beside }),
  });
}

function requirePositions(
  sequences: readonly Sequence[],
  { maxPositions }: EngineDescription,
  cutoffLen: number,
): void {
  const longest = sequences.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  if (longest <= maxPositions) return;
  const message = `the longest sequence has ${longest} tokens, and the model takes at most ${maxPositions}`;
  throw new WhetstoneError('SEQUENCE_TOO_LONG', message, {
    hint: `Lower ${option('cutoffLen')} from ${cutoffLen} to ${maxPositions}: prompts then lose their beginning, responses stay whole.`,
  });
}

function requireVocabulary(
  sequences: readonly Sequence[],
  { vocabSize }: EngineDescription,
  model: string,
): void {
  const outside = sequences
    .map(({ ids }) => ids.find((id) => id >= vocabSize))
    .find((id) => id !== undefined);
  if (outside === undefined) return;
  throw new WhetstoneError(
    'VOCABULARY_MISMATCH',
    `the tokenizer gives token ${outside}, and the model has ${vocabSize} tokens, counted from 0`,
    { file: model, hint: 'The tokenizer and the weights do not belong together: fetch the folder again.' },
  );
}

/** Where marks were asked for, and no row has any. */
export function notesOnMarks(flaggedBy: AlignSettings['flaggedBy'], examples: readonly Example[]): Note[] {
  if (flaggedBy === 'judgment' || examples.some(({ marked }) => marked !== undefined)) return [];
  const text = `No row used has marked errors: their judgments flag the tokens, as with the ${option('flaggedBy')} judgment.`;
  return [note('NO_MARKS', text)];
}

/** What is allowed but worth a word. */
export function notesOn(schedule: Schedule): Note[] {
  const { name, warmupSteps, totalSteps, learningRate } = schedule;
  if (name === 'constant' || warmupSteps < totalSteps) return [];
  const highest = (learningRate * (totalSteps - 1)) / Math.max(1, warmupSteps);
  return [
    note(
      'WARMUP_TOO_LONG',
      `The warm-up of ${warmupSteps} steps does not end within the run of ${totalSteps}: the learning rate only rises, ` +
        `to ${Number(highest.toPrecision(2))} instead of ${learningRate}. See ${option('warmupSteps')}.`,
    ),
  ];
}
