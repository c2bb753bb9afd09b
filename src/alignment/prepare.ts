// Everything before the first step, once and in order: check, claim, settle, read, rehearse, open, begin, revise, plan.
// Each stage hands one record to the next. Knows the order of these things; each of them is done elsewhere.
import { computeOf, forEngine } from '../engine/open-weights.ts';
import { join, resolve } from 'node:path';
import { openThings } from '../durable/open-things.ts';
import type { OpenThings } from '../durable/open-things.ts';
import type { Engine, OptimizerSettings, Sequence } from '../engine/engine.ts';
import { openWeights } from '../engine/open-weights.ts';
import { modelOfSnapshot } from '../hub/index.ts';
import { readInstructions } from '../generation/instructions.ts';
import { readTriplets, rowsIn, writeLeftOut } from '../judgments/index.ts';
import type { Example, LeftOut } from '../judgments/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { retaining } from '../objectives/retaining.ts';
import { checkOptions, requireNew } from '../options/check.ts';
import { settingDifferences, settingsToResume } from '../options/resume.ts';
import { circumstanceDifferences } from '../runs/circumstances.ts';
import { claimRun } from '../runs/claim.ts';
import type { RunClaim } from '../runs/claim.ts';
import { dataDigest, folderDigests } from '../runs/digests.ts';
import type { RunRecord } from '../runs/record.ts';
import { nothingToResume, openMode, refuseDifferences, startOf } from '../runs/resume.ts';
import type { OpenMode } from '../runs/resume.ts';
import { versionNotes } from '../runs/versions.ts';
import { writeTemplateRecord } from '../tokens/index.ts';
import type { AlignOptions } from './align.ts';
import { encodeRunData, readRunData, sequencesOf, standIns, usedTemplate, withoutRevision } from './data.ts';
import type { RunData } from './data.ts';
import { methodNamed, objectiveOf, requireUsableRows } from './methods.ts';
import {
  countRows,
  describeRow,
  hasWeight,
  notesOn,
  notesOnMarks,
  partsOf,
  planSchedule,
  planSteps,
  requireFit,
} from './plan.ts';
import type { AlignmentPlan, RowCounts } from './plan.ts';
import { alignCircumstances, makeRecord, recordedSettings } from './record.ts';
import type { Circumstances } from './record.ts';
import { encodeDrafts, reviseRows } from './revise.ts';
import type { SizedDraft } from './revise.ts';
import { readRetained, retainAnswers, retainedSequences } from './retain.ts';
import type { Retained, RetainedPrompt } from './retain.ts';
import { openRunDirectory } from './run-directory.ts';
import type { RunDirectory } from './run-directory.ts';
import { alignEntry, resolveSettings, runTable } from './settings.ts';
import type { AlignSettings, GivenSettings } from './settings.ts';
import { loraOf, withStart } from './start.ts';
import type { train } from './train.ts';
import { option } from '../words/option.ts';
import type { Note } from '../words/note.ts';

export interface Prepared {
  readonly plan: AlignmentPlan;
  readonly directory: RunDirectory | null;
  /** Writes the adapter, with the template that it is trained with. */
  readonly saveAdapter: (dir: string) => Promise<void>;
  readonly training: Parameters<typeof train>[0];
  /** Ends the run and frees the engine. */
  readonly close: () => Promise<void>;
}

/** Throws WhetstoneError for everything that a user can put right; nothing is then left open or locked. */
export async function prepareRun(options: AlignOptions): Promise<Prepared> {
  const asked = check(options);
  const open = openThings();
  try {
    const claimed = await claim(asked, open);
    const read = await readAll(await settle(claimed));
    const opened = await openEngine(await rehearse(read), open);
    const begun = await begin(opened, open);
    return { ...(await plan(await retain(await revise(begun)))), close: () => open.close() };
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** A run that is not begun: what would be trained on, and in how many steps. */
export interface Rehearsal {
  readonly settings: AlignSettings;
  readonly rows: RowCounts;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Every sequence that an epoch runs. */
  readonly sequences: readonly Sequence[];
}

/**
 * Reads everything, and opens and writes nothing: weights need not be there. Responses stand in for revisions that the model
 * would write. Throws WhetstoneError for everything in settings and data that a user can put right.
 */
export async function rehearseRun(options: AlignOptions): Promise<Rehearsal> {
  const { data, encoded, settings, prompts } = await rehearseNew(options);
  const { totalSteps, stepsPerEpoch } = planSteps(settings, encoded.examples.length);
  const sequences = [
    ...sequencesOf(encoded.examples),
    ...retainedSequences(prompts, stepsPerEpoch, settings),
  ];
  return { settings, rows: countUsed(encoded, data, settings), totalSteps, stepsPerEpoch, sequences };
}

/** The same with the engine open, so that what it computes on and its memory are known. Nothing is written. */
export async function rehearseHere(options: AlignOptions): Promise<AlignmentPlan> {
  const open = openThings();
  try {
    const opened = await openEngine(await rehearseNew(options), open);
    const begun = { ...opened, directory: null, notes: [], triplets: opened.data.triplets, retained: null };
    return (await plan(begun)).plan;
  } finally {
    await open.close();
  }
}

/** A run that has no folder, up to what it would be trained on. */
const rehearseNew = async (options: AlignOptions): Promise<Rehearsed> =>
  rehearse(await readAll(await settle({ ...check(options), out: null, claim: null, recorded: null })));

/** What was asked for, checked; the options beside settings as they were given. */
interface Asked {
  readonly options: AlignOptions;
  readonly given: Partial<AlignSettings>;
  readonly out: string | null;
  readonly mode: OpenMode;
}

function check(options: AlignOptions): Asked {
  const { out = null, resume, overwrite, ...given } = checkOptions(alignEntry, options);
  return { options, given, out, mode: openMode({ resume, overwrite }) };
}

interface Claimed extends Asked {
  /** Null where nothing is written. */
  readonly claim: RunClaim | null;
  /** What the run to go on with was begun with. */
  readonly recorded: RunRecord | null;
}

async function claim(asked: Asked, open: OpenThings): Promise<Claimed> {
  const { out, mode, options } = asked;
  const { signal, onNote } = options;
  const claimed = out === null ? null : await claimRun(out, mode, 'align', { signal, onNote });
  if (claimed) open.add(claimed.release);
  return { ...asked, claim: claimed, recorded: claimed?.recorded ?? null };
}

interface Settled extends Claimed {
  readonly settings: AlignSettings;
  /** The model as the run's record names it. */
  readonly modelName: string;
  /** What was given otherwise than it is recorded, and must not be. */
  readonly differences: readonly string[];
}

async function settle(claimed: Claimed): Promise<Settled> {
  const { options, given, recorded } = claimed;
  if (!recorded) {
    requireNew(alignEntry, options);
    const all = resolveSettings({ data: null, ...given } as GivenSettings);
    const settings = await withStart(all, all.adapter, given);
    return { ...claimed, settings, modelName: nameOfModel(settings.model), differences: [] };
  }
  const before = recordedSettings(recorded);
  return {
    ...claimed,
    settings: forEngine(settingsToResume(runTable, given, before), given),
    modelName: nameOfModel(before.model),
    differences: settingDifferences(runTable, given, before),
  };
}

/** As an adapter names its base model: a model of the hub by its name there, so that the adapter can be given away. */
const nameOfModel = (model: string): string => modelOfSnapshot(resolve(model)) ?? resolve(model);

interface Read extends Settled {
  readonly data: RunData;
  /** Prompts whose answers are to stay as they are. */
  readonly prompts: readonly RetainedPrompt[];
  readonly objective: Objective;
  /** Null where nothing is written. */
  readonly circumstances: Circumstances | null;
}

/** Reads tokenizer, template and rows, and refuses to go on with what has changed. */
async function readAll(settled: Settled): Promise<Read> {
  const { options, out, claim, recorded, settings } = settled;
  const started = startOf(recorded);
  await requireReportFiles(settings);
  const data = await readRunData(settings, {
    triplets: options.triplets,
    checked: options.checked,
    now: started,
  });
  if (!options.objective) requireUsableRows(data.rows, settings);
  const prompts = await readRetained(settings, data);
  const own = options.objective ?? (await objectiveOf(settings.method, settings));
  const { retainWeight: weight, normalize } = settings;
  const objective = prompts.length === 0 ? own : retaining(own, { weight, normalize });
  const template = usedTemplate(data, settings);
  const circumstances = claim && {
    ...(await digestsOf(settings)),
    tokenizer: data.tokenizer.fingerprint,
    template,
    objective: objective.name,
    started: started.toISOString(),
  };
  if (recorded && circumstances) {
    const around = circumstanceDifferences(alignCircumstances, circumstances, recorded);
    refuseDifferences(out!, [...settled.differences, ...around], adviceOn(settled.differences));
  }
  return { ...settled, data, prompts, objective, circumstances };
}

/** A run's length is part of it: the learning rate of every step follows from it. */
const adviceOn = (differences: readonly string[]): string =>
  differences.some((line) => /^(epochs|max_steps):/.test(line))
    ? `A run cannot be lengthened or shortened; to train on from a finished one, start another with the ${option('adapter')} that it made. `
    : '';

/** What is read when the run is over is refused before it begins. Throws what reading the files throws. */
async function requireReportFiles({ evalData, reportPrompts }: AlignSettings): Promise<void> {
  if (evalData !== null) await readTriplets(evalData);
  if (reportPrompts !== null) await readInstructions(reportPrompts);
}

async function digestsOf({
  model,
  data,
  retain: prompts,
  adapter,
}: AlignSettings): Promise<Pick<Circumstances, 'data' | 'retain' | 'model' | 'adapter'>> {
  return {
    retain: prompts === null ? null : await dataDigest(prompts),
    data: await dataDigest(data!),
    model: await folderDigests(model),
    adapter: adapter === null ? null : await folderDigests(adapter),
  };
}

interface Rehearsed extends Read {
  /** Positions of the rows that the model has to revise first. */
  readonly wanting: readonly number[];
  readonly encoded: Encoded;
}

/** What is trained on, and how many rows are not. */
interface Encoded {
  readonly examples: readonly Example[];
  readonly unused: number;
  /** Rows that are too long, and were left out. */
  readonly long: readonly LeftOut[];
}

/** Until the revisions are there the responses stand in for them, so that all else is known, and refused. */
async function rehearse(read: Read): Promise<Rehearsed> {
  const { data, settings } = read;
  const wanting = withoutRevision(data, settings);
  const encoded = await encode(read, standIns(data.triplets, wanting));
  planSteps(settings, encoded.examples.length);
  return { ...read, wanting, encoded };
}

/** Rows without any weight would only take up room in a batch. */
async function encode(
  { data, settings, objective }: Pick<Read, 'data' | 'settings' | 'objective'>,
  triplets: RunData['triplets'],
): Promise<Encoded> {
  const { examples: all, unused, long } = await encodeRunData(data, triplets, settings);
  const examples = all.filter((example) => hasWeight(objective, example));
  return { examples, unused: unused + all.length - examples.length, long };
}

interface Opened extends Rehearsed {
  readonly engine: Engine;
  readonly drafts: readonly SizedDraft[];
  readonly memory: AlignmentPlan['memory'];
}

/** Opens the engine, and refuses what does not fit into it. */
async function openEngine(rehearsed: Rehearsed, open: OpenThings): Promise<Opened> {
  const { settings, modelName, options, wanting, data, encoded, prompts } = rehearsed;
  const engine = await openWeights({
    model: settings.model,
    adapter: settings.adapter,
    lora: loraOf(settings),
    seed: settings.seed,
    ...computeOf(settings),
    baseModelName: modelName,
    openEngine: options.openEngine,
  });
  open.add(() => engine.dispose());
  const drafts = await encodeDrafts(wanting, data, settings, engine.describe().maxPositions);
  const expected = [...sequencesOf(encoded.examples), ...[...drafts, ...prompts].map(({ whole }) => whole)];
  return {
    ...rehearsed,
    engine,
    drafts,
    memory: await requireFit(engine, expected, settings, options.beside),
  };
}

interface Begun extends Opened {
  readonly directory: RunDirectory | null;
  /** What the user should know. */
  readonly notes: readonly Note[];
}

/** Begins the run in its folder, or goes on there: the first stage that writes. */
async function begin(opened: Opened, open: OpenThings): Promise<Begun> {
  const { claim, circumstances, settings, engine, recorded, mode, out } = opened;
  if (!claim || !circumstances) return { ...opened, directory: null, notes: [] };
  const { invalid } = opened.data;
  const { long } = opened.encoded;
  const record = await makeRecord(settings, circumstances, engine.describe(), {
    invalid: rowsIn(invalid),
    too_long: rowsIn(long),
  });
  const directory = await openRunDirectory(await claim.begin(record), settings.saveTotalLimit);
  open.add(() => directory.metrics.close());
  if (invalid.length + long.length > 0)
    await writeLeftOut(join(out!, 'left-out.jsonl'), [...invalid, ...long]);
  const notes = recorded ? versionNotes(record, recorded) : mode === 'resume' ? [nothingToResume(out!)] : [];
  return { ...opened, directory, notes };
}

interface Revised extends Begun {
  readonly triplets: RunData['triplets'];
}

/** Lets the model write the revisions that the method needs; what is trained on is then known in full. */
async function revise(begun: Begun): Promise<Revised> {
  const { drafts, data, settings, engine, options } = begun;
  const { triplets, notes } = await reviseRows(drafts, data, { ...options, engine, settings });
  const all = { ...begun, triplets, notes: [...begun.notes, ...notes] };
  if (drafts.length === 0) return all;
  const encoded = await encode(begun, triplets);
  const sequences = [...sequencesOf(encoded.examples), ...begun.prompts.map(({ whole }) => whole)];
  return { ...all, encoded, memory: await requireFit(engine, sequences, settings, options.beside) };
}

interface Retaining extends Revised {
  readonly retained: Retained | null;
}

/** Lets the model answer the prompts whose answers it is to keep, as it is before training. */
async function retain(revised: Revised): Promise<Retaining> {
  const { prompts, data, options, engine, settings } = revised;
  const { retained, notes } = await retainAnswers(prompts, data, { ...options, engine, settings });
  return { ...revised, retained, notes: [...revised.notes, ...notes] };
}

async function plan(revised: Retaining): Promise<Omit<Prepared, 'close'>> {
  const { settings, data, objective, engine, directory, triplets, encoded, memory, retained } = revised;
  const { examples } = encoded;
  const batches = planSteps(settings, examples.length);
  const schedule = planSchedule(settings, batches.totalSteps);
  const doneSteps = directory?.state?.step ?? 0;
  return {
    directory,
    saveAdapter: async (dir) => {
      await engine.saveAdapter(dir);
      await writeTemplateRecord(dir, data.template.record);
    },
    plan: {
      settings,
      rows: countUsed(encoded, data, settings),
      totalSteps: batches.totalSteps,
      stepsPerEpoch: batches.stepsPerEpoch,
      doneSteps,
      finished: doneSteps >= batches.totalSteps && (await directory?.finished()) === true,
      engine: engine.describe(),
      memory,
      notes: [
        ...revised.notes,
        ...(engine.describe().notes ?? []),
        ...notesOn(schedule),
        ...notesOnMarks(settings.flaggedBy, examples),
        ...(directory?.notes ?? []),
      ],
    },
    training: {
      engine,
      examples,
      retained,
      plan: batches,
      objective,
      parts: [
        ...new Set(
          [...examples, ...(retained?.examples ?? [])].flatMap((example) => partsOf(objective, example)),
        ),
      ],
      schedule,
      optimizer: optimizerOf(settings),
      directory,
      saveSteps: settings.saveSteps,
      describeRow: ({ index }) => describeRow(triplets[index]!),
    },
  };
}

const countUsed = (
  { examples, unused, long }: Encoded,
  data: RunData,
  { method }: AlignSettings,
): RowCounts =>
  countRows(examples, {
    read: data.rows.length,
    pairs: methodNamed(method).from === 'pairs',
    downsampled: data.downsampled,
    unused,
    invalid: rowsIn(data.invalid),
    tooLong: rowsIn(long),
  });

const optimizerOf = (settings: AlignSettings): Omit<OptimizerSettings, 'learningRate'> => ({
  beta1: settings.adamBeta1,
  beta2: settings.adamBeta2,
  epsilon: settings.adamEpsilon,
  weightDecay: settings.weightDecay,
  maxGradNorm: settings.maxGradNorm,
});
