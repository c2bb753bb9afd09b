// An online run: round after round the model responds, a judge judges, the model learns from the judgments. Knows
// the order of these things and what of them is on disk; each of them is done elsewhere.
import { cp, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../../errors.ts';
import { removeLeftovers, writeDirectoryDurably, writeFileDurably } from '../../durable/files.ts';
import { estimateJudging } from '../../judges/chat/estimate.ts';
import type { JudgingEstimate } from '../../judges/chat/estimate.ts';
import type { Judge, JudgeUsage } from '../../judges/judge.ts';
import { judgeSettingsOf } from '../../judges/flags.ts';
import { openJudge } from '../../judges/open-judge.ts';
import { defaultJudgeSettings } from '../../judges/settings.ts';
import { canonicalRow, readTriplets } from '../../judgments/index.ts';
import type { Triplet } from '../../judgments/index.ts';
import { createRandom } from '../../random.ts';
import { loadTemplate, loadTokenizer } from '../../tokens/index.ts';
import { takeFromAdapter } from '../adapter-settings.ts';
import { align } from '../align.ts';
import { claimRun } from '../claim.ts';
import type { RunClaim } from '../claim.ts';
import { usedTemplate } from '../data.ts';
import type { EngineDescription, OpenEngine } from '../engine-seam.ts';
import { openOnnxEngine } from '../engine-seam.ts';
import { snakeCase } from '../names.ts';
import { recordedStart, refuseDifferences, settingDifferences, settingsToResume } from '../record.ts';
import { contradictions } from '../settings.ts';
import type { AlignSettings } from '../settings.ts';
import { drawRound } from './draw.ts';
import { countOutcomes, openHistory } from './history.ts';
import type { History, Part } from './history.ts';
import { readRunInstructions } from './instructions.ts';
import type { RunInstructions } from './instructions.ts';
import { judgeAll, respondToAll, tripletsOf } from './judged-responses.ts';
import type { Means, PartOfRound } from './judged-responses.ts';
import { evaluationOf } from './progress.ts';
import type { Evaluation, OnlineProgress, RoundSummary } from './progress.ts';
import {
  adapterOf,
  filesOf,
  makeOnlineRecord,
  onlineDifferences,
  recordedFolder,
  recordedOnlineSettings,
} from './record.ts';
import { onlineResumeRules, resolveOnlineSettings, trainingSettings } from './settings.ts';
import type { GivenOnlineSettings, OnlineSettings } from './settings.ts';
import { openSpeakers } from './speakers.ts';
import type { Speakers } from './speakers.ts';
import { requireLearnable, requireLessons, trainingRows } from './training-rows.ts';

/** Settings that were given, and where the run goes. All but `out` may be left out when resuming. */
export interface OnlineOptions extends Partial<OnlineSettings> {
  /** Run directory. */
  readonly out: string;
  /** Go on with the run in `out`; starts it if there is none yet. */
  readonly resume?: boolean;
  /** Start anew although `out` holds a run, which is moved aside to OUT.old-N. */
  readonly overwrite?: boolean;
  /** Stops at the next point where nothing is lost; `run` then throws `STOPPED`. */
  readonly signal?: AbortSignal;
  /** Hears how far the run is. */
  readonly on?: (progress: OnlineProgress) => void;
  /** In place of the judge that `judge` names; `judge` is still recorded. */
  readonly judgeWith?: Judge;
  /** Works out the plan and writes nothing. */
  readonly rehearse?: boolean;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
}

/** Known before the first round. */
export interface OnlinePlan {
  readonly settings: OnlineSettings;
  /** Instructions to train on, of which the rounds use some, and those to evaluate on. */
  readonly training: number;
  readonly heldOut: number;
  readonly doneRounds: number;
  readonly judge: string;
  /** What a chat server's judgments of a rehearsed run would cost; else null. */
  readonly estimate: JudgingEstimate | null;
  readonly engine: EngineDescription;
  readonly notes: readonly string[];
}

export interface OnlineRun {
  /** Reads everything, opens model and judge, and takes the run directory, without a response. */
  prepare(): Promise<OnlinePlan>;
  /**
   * Goes through the rounds that are left; returns all rounds' summaries and the evaluation before the first.
   * Throws WhetstoneError `NOTHING_TO_LEARN`, `JUDGE_UNRELIABLE`, `STOPPED`, and what judge and training throw; the
   * run can be gone on with after each of them.
   */
  run(): Promise<OnlineResult>;
  /** What the judge has cost in this process; null before there is one. */
  usage(): JudgeUsage | null;
  dispose(): Promise<void>;
}

export interface OnlineResult {
  readonly before: Evaluation | null;
  readonly rounds: readonly RoundSummary[];
  /** PEFT folder of the last round. */
  readonly adapter: string;
}

/**
 * Aligns a model online (arXiv 2312.14591, Sec. 4.4): it learns from judgments of its own responses, each round from
 * the adapter of the round before.
 *
 *     const run = alignOnline({ model, instructions: 'tasks.jsonl', judge: 'openai:gpt-4o', rounds: 4, perRound: 1000, out: 'run/' });
 *     const { rounds, adapter } = await run.run();
 *     await run.dispose();
 *
 * Everything that cost time or money is in RUN/events.jsonl before it counts. A run that was killed goes on with
 * `resume` and ends as if it had not been.
 */
export function alignOnline(options: OnlineOptions): OnlineRun {
  let preparing: Promise<Prepared> | undefined;
  let disposed: Promise<void> | undefined;
  let judge: Judge | undefined;
  const prepared = (): Promise<Prepared> => (preparing ??= prepare(options));
  const dispose = async (): Promise<void> => {
    const ready = await preparing?.catch(() => undefined);
    if (ready?.begun) await free(ready.begun);
  };
  return {
    prepare: async () => (await prepared()).plan,
    run: async () => {
      const { begun } = await prepared();
      if (!begun) throw new Error('a run that is only rehearsed has no rounds');
      judge = begun.judge;
      try {
        return await allRounds(begun, options);
      } catch (error) {
        throw options.signal?.aborted ? stopped(error) : error;
      }
    },
    usage: () => judge?.usage() ?? null,
    dispose: () => (disposed ??= dispose()),
  };
}

/** A response is never cut for training, so that one as long as allowed has to fit. */
function requireRoom({ maxNewTokens, cutoffLen }: OnlineSettings): void {
  // The end token, at least one of the prompt, and a few more where a text is spelled otherwise than it was generated.
  const least = maxNewTokens + Math.ceil(maxNewTokens / 10) + 2;
  if (cutoffLen >= least) return;
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `max_new_tokens, cutoff_len: a response of ${maxNewTokens} tokens could not be trained on within ${cutoffLen}`,
    { hint: `Raise --cutoff_len to ${least} or more, or lower --max_new_tokens.` },
  );
}

/** A rejected and a satisfactory triplet: what any round may bring. */
const everyKind: readonly Triplet[] = ['It is wrong.', null].map((judgment, i) => ({
  ...{ instruction: 'instruction', output: 'output', judgment, revision: 'revision' },
  source: { file: 'a round', row: i + 1 },
}));

interface Prepared {
  readonly plan: OnlinePlan;
  /** Null where the run is only rehearsed. */
  readonly begun: Begun | null;
}

interface Begun {
  readonly settings: OnlineSettings;
  readonly path: string;
  /** Adapter that the first round starts from. */
  readonly start: string | null;
  readonly instructions: RunInstructions;
  readonly maxPositions: number;
  readonly mix: readonly Triplet[];
  readonly claim: RunClaim;
  readonly history: History;
  readonly judge: Judge;
  readonly speakers: Speakers;
}

async function free({ speakers, judge, history, claim }: Begun): Promise<void> {
  await speakers.close();
  await judge.close();
  await history.close();
  await claim.release();
}

async function prepare(options: OnlineOptions): Promise<Prepared> {
  const { out, resume = false, overwrite = false, openEngine = openOnnxEngine } = options;
  const given = givenSettings(options);
  refuseContradictions(given, options);
  const claim = await claimRun(out, overwrite ? 'overwrite' : resume ? 'resume' : 'new', 'online');
  const opened: { close(): Promise<void> }[] = [{ close: () => claim.release() }];
  try {
    const { recorded } = claim;
    const before = recorded && recordedOnlineSettings(recorded);
    const changed = before ? settingDifferences(given, before, onlineResumeRules) : [];
    const resolved = before
      ? settingsToResume(given, before, onlineResumeRules)
      : resolveOnlineSettings(requireGiven(given, out));
    const start = resolved.from === null ? null : await adapterOf(resolved.from);
    const settings = before ? resolved : await withAdapterSettings(resolved, start, given);
    const started = recorded ? recordedStart(recorded) : new Date();
    const tokenizer = await loadTokenizer(settings.model);
    const template = await loadTemplate(settings.template, tokenizer, { now: started });

    requireRoom(settings);
    const training = trainingSettings(settings, { data: '', adapter: start, seed: settings.seed });
    const mix = settings.mix === null ? [] : (await readTriplets(settings.mix)).triplets;
    requireLearnable(training, mix);

    // The judge's files go into the run directory, which is not one before its record is written.
    const folder = recorded && given.judge === undefined ? await recordedFolder(recorded) : process.cwd();
    const nameless = await judgeOf(settings, { path: null, folder }, options);
    const { name: judge_name, fingerprint: judge_fingerprint } = nameless;
    if (nameless !== options.judgeWith) await nameless.close();
    const circumstances = {
      ...(await filesOf(settings, start)),
      tokenizer: tokenizer.fingerprint,
      // Those of the optional prompts that the method trains with; a template that lacks one is refused here.
      template: usedTemplate({ template, triplets: everyKind, positions: [0, 1] }, training),
      ...{ judge_name, judge_fingerprint, folder },
      started: started.toISOString(),
    };
    refuseDifferences(out, [...changed, ...(recorded ? onlineDifferences(circumstances, recorded) : [])]);

    const { model, threads, seed } = settings;
    const speakers = openSpeakers(openEngine, { tokenizer, template }, { model, threads, seed });
    opened.push(speakers);
    const engine = (await speakers.with(start)).describe();
    const instructions = await readRunInstructions(settings, { tokenizer, template }, engine.maxPositions);

    const about = {
      ...{ settings, engine, judge: judge_name },
      ...{ training: instructions.training.length, heldOut: instructions.heldOut.length },
    };
    if (options.rehearse) {
      const estimate = options.judgeWith ? null : await estimateOnline(settings, instructions);
      const plan = { ...about, doneRounds: 0, estimate, notes: instructions.notes };
      for (const each of opened.reverse()) await each.close();
      return { plan, begun: null };
    }

    const beginning = await claim.begin(await makeOnlineRecord(settings, circumstances));
    const folders = await readdir(join(claim.path, 'rounds')).catch(() => []);
    for (const name of folders) await removeLeftovers(join(claim.path, 'rounds', name));
    const history = await openHistory(join(claim.path, 'events.jsonl'));
    opened.push(history);
    const judge = await judgeOf(settings, { path: claim.path, folder }, options);
    opened.push(judge);
    const notes: string[] = [];
    if (history.repaired) notes.push('The last line of events.jsonl had been cut off; it was removed.');
    if (resume && !recorded) notes.push(`There was no run in ${out} to go on with; this starts it.`);
    const plan: OnlinePlan = {
      ...about,
      estimate: null,
      doneRounds: roundsDone(history),
      notes: [...beginning.notes, ...notes, ...instructions.notes],
    };
    const { maxPositions } = engine;
    const begun = {
      settings,
      maxPositions,
      path: claim.path,
      start,
      instructions,
      mix,
      claim,
      history,
      judge,
      speakers,
    };
    return { plan, begun };
  } catch (error) {
    for (const each of opened.reverse()) await each.close();
    throw error;
  }
}

/**
 * The judge of the run; `path` is the run directory, where a chat server's replies are kept, or null for nowhere; a
 * command runs in `folder`.
 */
async function judgeOf(
  settings: OnlineSettings,
  { path, folder }: { readonly path: string | null; readonly folder: string },
  { judgeWith, on }: OnlineOptions,
): Promise<Judge> {
  if (judgeWith) return judgeWith;
  return openJudge(settings.judge, {
    ...judgeSettingsOf(settings),
    cache: path === null ? null : (settings.judgeCache ?? join(path, 'replies.jsonl')),
    ...{ threads: settings.threads, seed: settings.seed, cwd: folder },
    onNote: (text) => on?.({ kind: 'note', text }),
  });
}

/** For responses as long as they may become, which nobody knows before. */
function estimateOnline(
  settings: OnlineSettings,
  { training, heldOut }: RunInstructions,
): Promise<JudgingEstimate | null> {
  const { rounds, perRound, maxNewTokens } = settings;
  const output = 'word'.repeat(maxNewTokens);
  const all = [
    ...training.slice(0, rounds * perRound),
    ...Array.from({ length: rounds + 1 }, () => heldOut).flat(),
  ];
  const rows = all.map(({ instruction, input }, i) => ({
    ...{ id: String(i), instruction, output },
    ...(input !== undefined && { input }),
  }));
  return estimateJudging(
    settings.judge,
    { ...defaultJudgeSettings, ...judgeSettingsOf(settings), cache: null },
    rows,
  );
}

function roundsDone(history: History): number {
  let round = 0;
  while (history.trained(round + 1)) round++;
  return round;
}

/** Rank, alpha and projections are those of the adapter that the run starts from. */
async function withAdapterSettings(
  settings: OnlineSettings,
  start: string | null,
  given: Partial<OnlineSettings>,
): Promise<OnlineSettings> {
  if (start === null) return settings;
  const { loraR, loraAlpha, loraTargetModules } = await takeFromAdapter(
    trainingSettings(settings, { data: '', adapter: start, seed: settings.seed }),
    given,
  );
  return { ...settings, loraR, loraAlpha, loraTargetModules };
}

async function allRounds(ready: Begun, options: OnlineOptions): Promise<OnlineResult> {
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
  ...{ history, settings, on },
  ...(signal && { signal }),
});

async function oneRound(round: number, ready: Begun, options: OnlineOptions): Promise<RoundSummary> {
  const { history, path, speakers, judge } = ready;
  const means = meansOf(ready, options);
  const part = await drawn(round, ready);
  if (!history.trained(round)) {
    await respondToAll(part, () => speakers.with(adapterAfter(ready, round - 1)), means);
    await judgeAll(part, judge, means);
    await writeTripletsOf(part, 'judged.jsonl', ready);
    const rows = await writeTrainingRows(round, ready);
    await speakers.close();
    const steps = await trainRound(round, ready, options);
    await publishAdapter(round, ready);
    await history.add({ event: 'trained', round, steps, rows });
  }
  // What a round's training needed to go on; the adapter and the metrics stay.
  await rm(join(trainingOf(path, round), 'checkpoints'), { recursive: true, force: true });
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
  await mkdir(folder, { recursive: true });
  const lines = triplets.map((triplet) => `${JSON.stringify(canonicalRow(triplet))}\n`);
  await writeFileDurably(join(folder, name), lines.join(''));
}

/** Writes rounds/N/training.jsonl and returns the number of its rows. */
async function writeTrainingRows(round: number, ready: Begun): Promise<number> {
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
  return rows.length;
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
  // A long judgment must not end the run: the prompt then loses its beginning, as with a shorter cut-off.
  cutoffLen: Math.min(ready.settings.cutoffLen, ready.maxPositions),
});

/** Trains the round in its own run directory, from where it was stopped; returns its steps. */
async function trainRound(round: number, ready: Begun, options: OnlineOptions): Promise<number> {
  const { path } = ready;
  const { signal, openEngine, on } = options;
  const run = align({
    ...trainingSettingsOf(round, ready),
    out: trainingOf(path, round),
    resume: true,
    ...(signal && { signal }),
    ...(openEngine && { openEngine }),
  });
  try {
    const { totalSteps, doneSteps, notes } = await run.prepare();
    if (round === 1)
      for (const text of notes.filter((note) => !note.startsWith('There was no run')))
        on?.({ kind: 'note', text });
    let done = doneSteps;
    on?.({ kind: 'training', round, totalSteps, doneSteps, record: null });
    for await (const record of run) {
      done = record.step;
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

function givenSettings(options: OnlineOptions): Partial<OnlineSettings> {
  const { out, resume, overwrite, signal, on, judgeWith, rehearse, openEngine, ...settings } = options;
  void [out, resume, overwrite, signal, on, judgeWith, rehearse, openEngine];
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function refuseContradictions(
  given: Partial<OnlineSettings>,
  { resume, overwrite }: Pick<OnlineOptions, 'resume' | 'overwrite'>,
): void {
  const found = contradictions(given as Partial<AlignSettings>).map(
    ({ keys, message }) => `${keys.map(snakeCase).join(', ')}: ${message}`,
  );
  if (resume && overwrite)
    found.push('resume, overwrite: a run can be gone on with or started anew, not both');
  if (found.length === 0) return;
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `these settings contradict each other:\n    ${found.join('\n    ')}`,
  );
}

function requireGiven(given: Partial<OnlineSettings>, out: string): GivenOnlineSettings {
  const { model, instructions, judge, rounds, perRound } = given;
  if (
    model !== undefined &&
    instructions !== undefined &&
    judge !== undefined &&
    rounds !== undefined &&
    perRound !== undefined
  )
    return { ...given, model, instructions, judge, rounds, perRound };
  const needed = Object.entries({ model, instructions, judge, rounds, perRound })
    .filter(([, value]) => value === undefined)
    .map(([name]) => snakeCase(name));
  throw new WhetstoneError('INVALID_OPTIONS', `a new run needs ${needed.join(', ')}`, {
    hint: `There is no run in ${out} to take them from.`,
  });
}

const stopped = (cause: unknown): WhetstoneError =>
  cause instanceof WhetstoneError && cause.code === 'STOPPED'
    ? cause
    : new WhetstoneError('STOPPED', 'the run was stopped', {
        cause,
        hint: 'Everything that was done is kept; go on with --resume.',
      });
