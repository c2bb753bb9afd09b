// One alignment run from files to adapter: reads the data, opens the engine, trains, keeps the run directory.
// Knows the order of these things; each of them is done elsewhere.
import { resolve } from 'node:path';
import type { Engine, OpenEngine, OptimizerSettings } from '../engine/engine.ts';
import { openWeights } from '../engine/open-weights.ts';
import { modelOfSnapshot } from '../hub/index.ts';
import type { Example } from '../judgments/index.ts';
import type { LoraConfig } from '../models/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { takeFromAdapter } from './adapter-settings.ts';
import { encodeRunData, readRunData, sequencesOf, standIns, usedTemplate, withoutRevision } from './data.ts';
import type { GivenTriplet } from './data.ts';
import { dataDigest, folderDigests } from '../runs/digests.ts';
import { methodNamed, objectiveOf, requireUsableRows } from './methods.ts';
import type { StepRecord } from './metrics.ts';
import { checkOptions, requireNew } from '../options/check.ts';
import { settingDifferences, settingsToResume } from '../options/resume.ts';
import {
  countRows,
  describeRow,
  hasWeight,
  notesOn,
  partsOf,
  planSchedule,
  planSteps,
  requireFit,
} from './plan.ts';
import type { AlignmentPlan } from './plan.ts';
import {
  circumstanceDifferences,
  makeRecord,
  recordedSettings,
  recordedStart,
  refuseDifferences,
  versionNotes,
} from './record.ts';
import type { Circumstances } from './record.ts';
import { encodeDrafts, reviseRows } from './revise.ts';
import { claimRun } from '../runs/claim.ts';
import type { RunClaim } from '../runs/claim.ts';
import { openRunDirectory } from './run-directory.ts';
import type { RunDirectory } from './run-directory.ts';
import { alignEntry, resolveSettings, runTable } from './settings.ts';
import type { AlignSettings, GivenSettings } from './settings.ts';
import { writeTemplateRecord } from '../tokens/index.ts';
import { train } from './train.ts';

/** Settings that were given, and where the run goes. `model` and `data` may be left out when resuming. */
export interface AlignOptions extends Partial<AlignSettings> {
  /** Run directory; without one nothing is written and nothing can be resumed. */
  readonly out?: string;
  /** Go on with the run in `out`; starts it if there is none yet. */
  readonly resume?: boolean;
  /** Start anew although `out` holds a run, which is moved aside to OUT.old-N. */
  readonly overwrite?: boolean;
  /** Triplets in memory, in place of `data`; then there can be no `out`. */
  readonly triplets?: readonly GivenTriplet[];
  /** In place of the objective that the settings describe; `method` still says which sequences examples have. */
  readonly objective?: Objective;
  /** Hears how many revisions of how many are there, while the model writes them for a method that needs some. */
  readonly onRevision?: (done: number, total: number) => void;
  /** Stops after the step under way, with a checkpoint; `prepare` then throws `STOPPED` between revisions. */
  readonly signal?: AbortSignal;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
}

export interface AlignmentRun extends AsyncIterable<StepRecord, void, undefined> {
  /**
   * Reads everything, opens the engine and lets it write what revisions the method needs, without a step; iterating
   * does it first if it was not done.
   */
  prepare(): Promise<AlignmentPlan>;
  /** Writes the adapter as it is now, in PEFT layout. */
  saveAdapter(dir: string): Promise<void>;
  /** Ends the run and frees the engine; safe to call more than once. */
  dispose(): Promise<void>;
}

/**
 * Aligns a model with judged triplets. Iterating the result trains, one record per optimizer step; at the end
 * the adapter is in OUT/adapter.
 *
 *     const run = align({ model: 'model/', data: 'judged.jsonl', out: 'run/' });
 *     for await (const step of run) console.log(step.loss, step.flaggedFraction);
 *     await run.dispose();
 *
 * Throws WhetstoneError for everything that a user can put right.
 */
export function align(options: AlignOptions): AlignmentRun {
  let preparing: Promise<Prepared> | undefined;
  let disposed: Promise<void> | undefined;
  const prepared = (): Promise<Prepared> => (preparing ??= prepare(options));
  const dispose = async (): Promise<void> => {
    const ready = await preparing?.catch(() => undefined);
    await ready?.directory?.metrics.close();
    await ready?.claim?.release();
    await ready?.engine.dispose();
  };
  return {
    prepare: async () => (await prepared()).plan,
    saveAdapter: async (dir) => (await prepared()).saveAdapter(dir),
    dispose: () => (disposed ??= dispose()),
    [Symbol.asyncIterator]: async function* () {
      const { plan, directory, training, saveAdapter } = await prepared();
      if (plan.finished) return;
      yield* train({ ...training, ...(options.signal && { signal: options.signal }) });
      if (options.signal?.aborted) return;
      await directory?.saveAdapter(saveAdapter);
    },
  };
}

interface Prepared {
  readonly plan: AlignmentPlan;
  readonly engine: Engine;
  readonly claim: RunClaim | null;
  readonly directory: RunDirectory | null;
  /** Writes the adapter, with the template that it is trained with. */
  readonly saveAdapter: (dir: string) => Promise<void>;
  readonly training: Parameters<typeof train>[0];
}

async function prepare(options: AlignOptions): Promise<Prepared> {
  const { out, resume = false, overwrite = false, ...given } = checkOptions(alignEntry, options);
  const claim =
    out === undefined ? null : await claimRun(out, overwrite ? 'overwrite' : resume ? 'resume' : 'new');
  let engine: Engine | undefined;
  let directory: RunDirectory | null = null;
  try {
    const recorded = claim?.recorded ?? null;
    if (!recorded) requireNew(alignEntry, options);
    const before = recorded && recordedSettings(recorded);
    const changed = before ? settingDifferences(runTable, given, before) : [];
    const settings = before
      ? settingsToResume(runTable, given, before)
      : await takeFromAdapter(resolveSettings({ data: null, ...given } as GivenSettings), given);
    const started = recorded ? recordedStart(recorded) : new Date();
    const data = await readRunData(settings, { triplets: options.triplets, now: started });
    if (!options.objective) requireUsableRows(data.rows, settings);
    const objective = options.objective ?? (await objectiveOf(settings.method, settings));
    const template = usedTemplate(data, settings);
    const circumstances = claim && {
      ...(await digestsOf(settings)),
      ...{ tokenizer: data.tokenizer.fingerprint, template },
      ...{ objective: objective.name, started: started.toISOString() },
    };
    refuseDifferences(out ?? '', [
      ...changed,
      ...(recorded && circumstances ? circumstanceDifferences(circumstances, recorded) : []),
    ]);

    const weighted = (examples: readonly Example[]): Example[] =>
      examples.filter((example) => hasWeight(objective, example));
    const wanting = withoutRevision(data, settings);
    // Until the revisions are there the responses stand in for them, so that all else is known, and refused.
    const rehearsal = await encodeRunData(data, standIns(data.triplets, wanting), settings);
    planSteps(settings, weighted(rehearsal.examples).length);

    engine = await openWeights({
      model: settings.model,
      adapter: settings.adapter,
      lora: loraOf(settings),
      seed: settings.seed,
      threads: settings.threads,
      baseModelName: nameOfModel(before?.model ?? settings.model),
      openEngine: options.openEngine,
    });
    const description = engine.describe();
    const drafts = await encodeDrafts(wanting, data, settings, description.maxPositions);
    const expected = sequencesOf(weighted(rehearsal.examples)).concat(drafts.map(({ whole }) => whole));
    let memory = await requireFit(engine, expected, settings);
    const record = circumstances && (await makeRecord(settings, circumstances, description.threads));
    if (claim && record)
      directory = await openRunDirectory(await claim.begin(record), settings.saveTotalLimit);

    const revised = await reviseRows(drafts, data, { ...options, engine, settings });
    const encoded = drafts.length === 0 ? rehearsal : await encodeRunData(data, revised.triplets, settings);
    const examples = weighted(encoded.examples);
    if (drafts.length > 0) memory = await requireFit(engine, sequencesOf(examples), settings);
    const batches = planSteps(settings, examples.length);
    const schedule = planSchedule(settings, batches.totalSteps);
    const doneSteps = directory?.state?.step ?? 0;
    const plan: AlignmentPlan = {
      settings,
      rows: countRows(examples, {
        read: data.rows.length,
        pairs: methodNamed(settings.method).from === 'pairs',
        downsampled: data.downsampled,
        unused: encoded.unused + encoded.examples.length - examples.length,
      }),
      totalSteps: batches.totalSteps,
      stepsPerEpoch: batches.stepsPerEpoch,
      doneSteps,
      finished: doneSteps >= batches.totalSteps && (await directory?.finished()) === true,
      engine: description,
      memory,
      notes: [
        ...(resume && claim && !recorded
          ? [`There was no run in ${out} to go on with; this starts it.`]
          : []),
        ...(recorded && record ? versionNotes(record, recorded) : []),
        ...revised.notes,
        ...(description.notes ?? []),
        ...notesOn(schedule),
        ...(directory?.notes ?? []),
      ],
    };
    const training = {
      engine,
      examples,
      plan: batches,
      objective,
      parts: [...new Set(examples.flatMap((example) => partsOf(objective, example)))],
      schedule,
      optimizer: optimizerOf(settings),
      directory,
      saveSteps: settings.saveSteps,
      describeRow: ({ index }: { index: number }) => describeRow(revised.triplets[index]!),
    };
    const saveAdapter = async (dir: string): Promise<void> => {
      await engine!.saveAdapter(dir);
      await writeTemplateRecord(dir, data.template.record);
    };
    return { plan, engine, claim, directory, saveAdapter, training };
  } catch (error) {
    await directory?.metrics.close();
    await claim?.release();
    await engine?.dispose();
    throw error;
  }
}

async function digestsOf({
  model,
  data,
  adapter,
}: AlignSettings): Promise<Pick<Circumstances, 'data' | 'model' | 'adapter'>> {
  return {
    data: await dataDigest(data!),
    model: await folderDigests(model),
    adapter: adapter === null ? null : await folderDigests(adapter),
  };
}

/** As an adapter names its base model: a model of the hub by its name there, so that the adapter can be given away. */
const nameOfModel = (model: string): string => modelOfSnapshot(resolve(model)) ?? resolve(model);

const loraOf = (settings: AlignSettings): LoraConfig => ({
  rank: settings.loraR,
  alpha: settings.loraAlpha,
  rankStabilized: false,
  dropout: settings.loraDropout,
  targetModules: settings.loraTargetModules,
});

const optimizerOf = (settings: AlignSettings): Omit<OptimizerSettings, 'learningRate'> => ({
  beta1: settings.adamBeta1,
  beta2: settings.adamBeta2,
  epsilon: settings.adamEpsilon,
  weightDecay: settings.weightDecay,
  maxGradNorm: settings.maxGradNorm,
});
