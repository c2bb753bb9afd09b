// The rounds: responses, judgments, training, evaluation, and what of them is on disk before the next begins.
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, makeFolder, remove, writeDirectoryDurably, writeFileDurably } from '../../durable/files.ts';
import { canonicalRow, readTriplets } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { createRandom } from '../../random.ts';
import { jsonText } from '../../rows/json.ts';
import { align } from '../align.ts';
import { stepScalars } from '../metrics.ts';
import type { AlignSettings } from '../settings.ts';
import { drawRound } from './draw.ts';
import { countOutcomes } from './history.ts';
import type { Part } from './history.ts';
import { judgeAll, respondToAll, tripletsOf } from './judged-responses.ts';
import type { Means, PartOfRound } from './judged-responses.ts';
import { evaluationOf } from './progress.ts';
import type { Evaluation, RoundSummary } from './progress.ts';
import { trainingSettings } from './settings.ts';
import type { OnlineSettings } from './settings.ts';
import { requireLessons, trainingRows } from './training-rows.ts';
import type { Begun, OnlineOptions } from './prepare.ts';

export interface OnlineResult {
  readonly before: Evaluation | null;
  readonly rounds: readonly RoundSummary[];
  /** PEFT folder of the last round. */
  readonly adapter: string;
}

/** Goes through the rounds that are left. See `OnlineRun.run`. */
export async function allRounds(ready: Begun, options: OnlineOptions): Promise<OnlineResult> {
  const before = await evaluate(0, ready, options);
  const rounds: RoundSummary[] = [];
  for (let round = 1; round <= ready.settings.rounds; round++) {
    options.signal?.throwIfAborted();
    rounds.push(await oneRound(round, ready, options));
  }
  return { before, rounds, adapter: join(ready.path, 'adapter') };
}

const folderOf = (path: string, round: number): string => join(path, 'rounds', String(round));
const trainingOf = (path: string, round: number): string => join(folderOf(path, round), 'training');
/** Adapter that the model has after a round; after round 0 the one that the run starts from. */
const adapterAfter = ({ path, start }: Begun, round: number): string | null =>
  round === 0 ? start : join(trainingOf(path, round), 'adapter');

const meansOf = ({ history, settings }: Begun, { signal, on = () => {} }: OnlineOptions): Means => ({
  history,
  settings,
  on,
  ...(signal && { signal }),
});

async function oneRound(round: number, ready: Begun, options: OnlineOptions): Promise<RoundSummary> {
  const { history, path, speakers, judge } = ready;
  const means = meansOf(ready, options);
  const part = await drawn(round, ready);
  if (!history.trained(round)) {
    // What a training that has begun learns from is settled, whatever would be decided today.
    if (!(await exists(join(trainingOf(path, round), 'run.yaml')))) {
      await respondToAll(part, () => speakers.with(adapterAfter(ready, round - 1)), means);
      await judgeAll(part, judge, means);
      await writeTripletsOf(part, 'judged.jsonl', ready);
      await writeTrainingRows(round, ready);
    }
    await speakers.close();
    const steps = await trainRound(round, ready, options);
    await publishAdapter(round, ready);
    const { rows } = await readTriplets(join(folderOf(path, round), 'training.jsonl'));
    await history.add({ event: 'trained', round, steps, rows });
  }
  // What a round's training needed to go on; the adapter and the metrics stay.
  await remove(join(trainingOf(path, round), 'checkpoints'));
  const { responses, outcomes } = history.of(round, 'training');
  const evaluation = await evaluate(round, ready, options);
  const summary: RoundSummary = {
    round,
    ...countOutcomes(outcomes.values()),
    unfinished: part.positions.filter((position) => !responses.get(position)!.finished).length,
    suspicious: [...outcomes.values()].filter((outcome) => 'suspicious' in outcome).length,
    trainedRows: history.trained(round)!.rows,
    steps: history.trained(round)!.steps,
    evaluation,
  };
  options.on?.({ kind: 'round', summary });
  return summary;
}

async function drawn(round: number, { history, settings, instructions }: Begun): Promise<PartOfRound> {
  if (history.drawn(round) === null) {
    const { perRound, failedShare, seed } = settings;
    const count = instructions.training.length;
    const positions = drawRound({ count, round, perRound, failedShare, seed, ...history.before(round) });
    await history.add({ event: 'drawn', round, instructions: positions });
  }
  return partOf(round, 'training', { history, instructions });
}

function partOf(
  round: number,
  part: Part,
  { history, instructions }: Pick<Begun, 'history' | 'instructions'>,
): PartOfRound {
  const own = part === 'training' ? instructions.training : instructions.heldOut;
  const positions = part === 'training' ? (history.drawn(round) ?? []) : Array.from(own.keys());
  return { round, part, instructions: own, positions };
}

async function evaluate(round: number, ready: Begun, options: OnlineOptions): Promise<Evaluation | null> {
  const { history, instructions, judge, speakers } = ready;
  if (instructions.heldOut.length === 0) return null;
  if (!history.evaluated(round)) {
    const means = meansOf(ready, options);
    const part = partOf(round, 'held-out', ready);
    await respondToAll(part, () => speakers.with(adapterAfter(ready, round)), means);
    await judgeAll(part, judge, means);
    await writeTripletsOf(part, 'held-out.jsonl', ready);
    const counts = countOutcomes(history.of(round, 'held-out').outcomes.values());
    const { successRate } = evaluationOf(counts);
    if (successRate !== null)
      await ready.events?.add(stepsUntil(round, ready), { 'eval/success_rate': successRate });
    await history.add({ event: 'evaluated', round, ...counts });
  }
  const evaluation = evaluationOf(history.evaluated(round)!);
  options.on?.({ kind: 'evaluated', round, evaluation });
  return evaluation;
}

async function writeTripletsOf(part: PartOfRound, name: string, ready: Begun): Promise<void> {
  await writeRows(part.round, name, tripletsOf(part, ready).triplets, ready);
}

async function writeRows(
  round: number,
  name: string,
  triplets: readonly Triplet[],
  { path }: Pick<Begun, 'path'>,
): Promise<void> {
  const folder = folderOf(path, round);
  await makeFolder(folder);
  const lines = triplets.map((triplet) => `${jsonText(canonicalRow(triplet))}\n`);
  await writeFileDurably(join(folder, name), lines.join(''));
}

/** Writes rounds/N/training.jsonl. */
async function writeTrainingRows(round: number, ready: Begun): Promise<void> {
  const { settings, path, mix } = ready;
  const first = Math.max(1, round - settings.keepRounds + 1);
  const rounds = Array.from({ length: round - first + 1 }, (_, i) =>
    tripletsOf(partOf(first + i, 'training', ready), ready),
  );
  const { downsample } = settings;
  const rows = trainingRows(rounds, mix, { downsample, seed: seedOf(round, settings) });
  requireLessons(rows, {
    mixed: mix.length,
    round,
    own: rounds.at(-1)!.triplets,
    settings: trainingSettingsOf(round, ready),
    adapter: round > 1 ? join(path, 'adapter') : null,
  });
  await writeRows(round, 'training.jsonl', rows, ready);
}

// Names this use of the seed, so that no other use of the same seed sees the same numbers.
const ROUND_STREAM = 15;
const seedOf = (round: number, { seed }: OnlineSettings): number =>
  createRandom(seed, ROUND_STREAM, round).uint32();

const trainingSettingsOf = (round: number, ready: Begun): AlignSettings => ({
  ...trainingSettings(ready.settings, {
    data: join(folderOf(ready.path, round), 'training.jsonl'),
    adapter: adapterAfter(ready, round - 1),
    seed: seedOf(round, ready.settings),
  }),
  // A long judgment must not end the run: a prompt loses its beginning, and a row whose judgment would lose some is left out.
  cutoffLen: Math.min(ready.settings.cutoffLen, ready.engine.maxPositions),
  longRows: 'skip',
});

/** Optimizer steps of the rounds up to this one, which are complete. */
const stepsUntil = (round: number, { history }: Begun): number =>
  Array.from({ length: round }, (_, i) => history.trained(i + 1)!.steps).reduce(
    (sum, steps) => sum + steps,
    0,
  );

/** Trains the round in its own run directory, from where it was stopped; returns its steps. */
async function trainRound(round: number, ready: Begun, options: OnlineOptions): Promise<number> {
  const { path, events } = ready;
  const { signal, openEngine, on } = options;
  const run = align({
    ...trainingSettingsOf(round, ready),
    out: trainingOf(path, round),
    checked: true,
    resume: true,
    ...(signal && { signal }),
    ...(openEngine && { openEngine }),
  });
  try {
    const { totalSteps, doneSteps, notes } = await run.prepare();
    if (round === 1)
      for (const note of notes) if (note.code !== 'NOTHING_TO_RESUME') on?.({ kind: 'note', note });
    let done = doneSteps;
    on?.({ kind: 'training', round, totalSteps, doneSteps, record: null });
    const before = stepsUntil(round - 1, ready);
    await events?.start(before + done + 1);
    for await (const record of run) {
      done = record.step;
      await events?.add(before + done, { ...stepScalars(record), 'train/round': round });
      on?.({ kind: 'training', round, totalSteps, doneSteps: done, record });
    }
    if (done < totalSteps) signal?.throwIfAborted();
    return totalSteps;
  } finally {
    await run.dispose();
  }
}

/** RUN/adapter and RUN/metrics.jsonl as they are after a round. */
async function publishAdapter(round: number, ready: Begun): Promise<void> {
  const { path } = ready;
  await writeDirectoryDurably(join(path, 'adapter'), (dir) =>
    cp(join(trainingOf(path, round), 'adapter'), dir, { recursive: true }),
  );
  const lines: string[] = [];
  for (let each = 1; each <= round; each++) {
    const text = await readFile(join(trainingOf(path, each), 'metrics.jsonl'), 'utf8');
    for (const line of text.split('\n').filter(Boolean)) lines.push(`{"round":${each},${line.slice(1)}\n`);
  }
  await writeFileDurably(join(path, 'metrics.jsonl'), lines.join(''));
}
