// One alignment run from files to adapter: reads the data, opens the engine, trains, keeps the run directory.
// Knows the order of these things; each of them is done elsewhere.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { OptimizerSettings } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { buildExamples, keptAfterDownsampling, labelOf, readTriplets } from '../judgments/index.ts';
import type { Example, Triplet } from '../judgments/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { loadTemplate, loadTokenizer } from '../tokens/index.ts';
import { dataDigest, folderDigests } from './digests.ts';
import { openOnnxEngine } from './engine-seam.ts';
import type { LoraSettings, OpenEngine, OpenedEngine } from './engine-seam.ts';
import type { StepRecord } from './metrics.ts';
import { snakeCase } from './names.ts';
import {
  countRows,
  describeRow,
  hasWeight,
  notesOn,
  planSchedule,
  planSteps,
  requireMemory,
  requirePositions,
  requireVocabulary,
} from './plan.ts';
import type { AlignmentPlan } from './plan.ts';
import {
  circumstanceDifferences,
  makeRecord,
  recordedSettings,
  recordedStart,
  refuseDifferences,
  settingDifferences,
  settingsToResume,
  templateText,
  versionNotes,
} from './record.ts';
import type { Circumstances } from './record.ts';
import { claimRun } from './run-directory.ts';
import type { RunClaim, RunDirectory } from './run-directory.ts';
import { contradictions, resolveSettings } from './settings.ts';
import type { AlignSettings } from './settings.ts';
import { train } from './train.ts';

/** Settings that were given, and where the run goes. `model` and `data` may be left out when resuming. */
export interface AlignOptions extends Partial<AlignSettings> {
  /** Run directory; without one nothing is written and nothing can be resumed. */
  readonly out?: string;
  /** Go on with the run in `out`; starts it if there is none yet. */
  readonly resume?: boolean;
  /** Start anew although `out` holds a run, which is moved aside to OUT.old-N. */
  readonly overwrite?: boolean;
  /** In place of the objective that the settings describe. */
  readonly objective?: Objective;
  /** Stops after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** In place of the ONNX engine. */
  readonly openEngine?: OpenEngine;
}

export interface AlignmentRun extends AsyncIterable<StepRecord, void, undefined> {
  /** Reads everything and opens the engine, without a step; iterating does it first if it was not done. */
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
    saveAdapter: async (dir) => (await prepared()).engine.saveAdapter(dir),
    dispose: () => (disposed ??= dispose()),
    [Symbol.asyncIterator]: async function* () {
      const { plan, engine, directory, training } = await prepared();
      if (plan.finished) return;
      yield* train({ ...training, ...(options.signal && { signal: options.signal }) });
      if (options.signal?.aborted) return;
      await directory?.saveAdapter((dir) => engine.saveAdapter(dir));
    },
  };
}

interface Prepared {
  readonly plan: AlignmentPlan;
  readonly engine: OpenedEngine;
  readonly claim: RunClaim | null;
  readonly directory: RunDirectory | null;
  readonly training: Parameters<typeof train>[0];
}

async function prepare(options: AlignOptions): Promise<Prepared> {
  const { out, resume = false, overwrite = false } = options;
  const given = givenSettings(options);
  refuseContradictions(given, resume && overwrite);
  const claim =
    out === undefined ? null : await claimRun(out, overwrite ? 'overwrite' : resume ? 'resume' : 'new');
  let engine: OpenedEngine | undefined;
  try {
    const recorded = claim?.recorded ?? null;
    const before = recorded && recordedSettings(recorded);
    const changed = before ? settingDifferences(given, before) : [];
    const settings = before
      ? settingsToResume(given, before)
      : await takeFromAdapter(resolveSettings(requireModelAndData(given, out)), given);
    const started = recorded ? recordedStart(recorded) : new Date();
    const data = await prepareData(settings, started);
    const objective = options.objective ?? (await objectiveOf(settings));
    const circumstances = {
      ...data.circumstances,
      objective: objective.name,
      started: started.toISOString(),
    };
    refuseDifferences(out ?? '', [
      ...changed,
      ...(recorded ? circumstanceDifferences(circumstances, recorded) : []),
    ]);

    const examples = data.examples.filter((example) => hasWeight(objective, example));
    const batches = planSteps(settings, examples.length);
    engine = await (options.openEngine ?? openOnnxEngine)({
      modelDir: settings.model,
      lora: loraOf(settings),
      seed: settings.seed,
      baseModelName: resolve(before?.model ?? settings.model),
      ...(settings.adapter !== null && { adapterDir: settings.adapter }),
      ...(settings.threads !== null && { threads: settings.threads }),
    });
    const rows = countRows(examples, {
      downsampled: data.downsampled,
      unused: data.examples.length - examples.length,
    });
    requirePositions(rows, engine.describe(), settings.cutoffLen);
    requireVocabulary(examples, engine.describe(), settings.model);
    const memory = await requireMemory(engine, examples);
    const record = await makeRecord(settings, circumstances, engine.describe().threads);
    const directory = claim && (await claim.begin(record, settings.saveTotalLimit));
    const doneSteps = directory?.state?.step ?? 0;
    const schedule = planSchedule(settings, batches.totalSteps);
    const plan: AlignmentPlan = {
      settings,
      rows,
      totalSteps: batches.totalSteps,
      stepsPerEpoch: batches.stepsPerEpoch,
      doneSteps,
      finished: doneSteps >= batches.totalSteps && (await directory?.finished()) === true,
      engine: engine.describe(),
      memory,
      notes: [
        ...(resume && claim && !recorded
          ? [`There was no run in ${out} to go on with; this starts it.`]
          : []),
        ...(recorded ? versionNotes(record, recorded) : []),
        ...notesOn(schedule, rows, settings.method),
        ...(directory?.notes ?? []),
      ],
    };
    const training = {
      engine,
      triplets: examples,
      plan: batches,
      objective,
      schedule,
      optimizer: optimizerOf(settings),
      directory,
      saveSteps: settings.saveSteps,
      describeRow: ({ index }: { index: number }) => describeRow(data.triplets[index]!),
    };
    return { plan, engine, claim, directory, training };
  } catch (error) {
    await claim?.release();
    await engine?.dispose();
    throw error;
  }
}

interface PreparedData {
  readonly triplets: readonly Triplet[];
  readonly examples: readonly Example[];
  readonly downsampled: number;
  readonly circumstances: Omit<Circumstances, 'objective' | 'started'>;
}

async function prepareData(settings: AlignSettings, started: Date): Promise<PreparedData> {
  const { model, data, adapter, downsample, cutoffLen, seed } = settings;
  const tokenizer = await loadTokenizer(model);
  const template = await loadTemplate(settings.template, tokenizer, { now: started });
  const { triplets } = await readTriplets(data);
  const kept = downsample === null ? null : keptAfterDownsampling(triplets.map(labelOf), downsample, seed);
  const { examples } = await buildExamples(triplets, {
    tokenizer,
    template,
    cutoffLength: cutoffLen,
    ...(kept && { positions: kept }),
  });
  return {
    triplets,
    examples,
    downsampled: kept ? triplets.length - kept.length : 0,
    circumstances: {
      data: await dataDigest(data),
      model: await folderDigests(model),
      adapter: adapter === null ? null : await folderDigests(adapter),
      tokenizer: tokenizer.fingerprint,
      template: templateText(template),
    },
  };
}

function givenSettings(options: AlignOptions): Partial<AlignSettings> {
  const { out, resume, overwrite, objective, signal, openEngine, ...settings } = options;
  void [out, resume, overwrite, objective, signal, openEngine];
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function refuseContradictions(given: Partial<AlignSettings>, resumeAndOverwrite: boolean): void {
  const found = contradictions(given).map(
    ({ keys, message }) => `${keys.map(snakeCase).join(', ')}: ${message}`,
  );
  if (resumeAndOverwrite)
    found.push('resume, overwrite: a run can be gone on with or started anew, not both');
  if (found.length === 0) return;
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `these settings contradict each other:\n    ${found.join('\n    ')}`,
  );
}

function requireModelAndData(
  given: Partial<AlignSettings>,
  out: string | undefined,
): Partial<AlignSettings> & Pick<AlignSettings, 'model' | 'data'> {
  const { model, data } = given;
  if (model !== undefined && data !== undefined) return { ...given, model, data };
  const needed = [data === undefined && 'a data file', model === undefined && 'a model folder'].filter(
    Boolean,
  );
  throw new WhetstoneError('INVALID_OPTIONS', `a new run needs ${needed.join(' and ')}`, {
    ...(out !== undefined && { hint: `There is no run in ${out} to take them from.` }),
  });
}

/** An adapter to start from brings its own rank, alpha and projections; what was given otherwise is refused. */
async function takeFromAdapter(
  settings: AlignSettings,
  given: Partial<AlignSettings>,
): Promise<AlignSettings> {
  if (settings.adapter === null) return settings;
  const file = join(settings.adapter, 'adapter_config.json');
  const config = await readFile(file, 'utf8')
    .then((text) => JSON.parse(text) as Record<string, unknown>)
    .catch((cause: unknown) => {
      throw new WhetstoneError('ADAPTER', 'cannot be read', {
        file,
        cause,
        hint: 'An adapter is a PEFT folder with adapter_config.json and adapter_model.safetensors.',
      });
    });
  const targets = config['target_modules'];
  const its: Partial<AlignSettings> = {
    ...(typeof config['r'] === 'number' && { loraR: config['r'] }),
    ...(typeof config['lora_alpha'] === 'number' && { loraAlpha: config['lora_alpha'] }),
    ...(Array.isArray(targets) && { loraTargetModules: targets.map(String).sort() }),
  };
  const sorted = (value: unknown): string =>
    JSON.stringify(Array.isArray(value) ? [...(value as string[])].sort() : value);
  const clashes = Object.entries(its).filter(([key, value]) => {
    const asked = given[key as keyof AlignSettings];
    return asked !== undefined && sorted(asked) !== sorted(value);
  });
  if (clashes.length === 0) return { ...settings, ...its };
  const lines = clashes.map(([key, value]) => `\n    ${snakeCase(key)}: the adapter has ${String(value)}`);
  throw new WhetstoneError(
    'INVALID_OPTIONS',
    `these settings contradict the adapter to start from:${lines.join('')}`,
    {
      file,
      hint: 'Leave them out; the adapter brings its own.',
    },
  );
}

async function objectiveOf(settings: AlignSettings): Promise<Objective> {
  const { cut, likelihood } = await import('../objectives/index.ts');
  const { preset, lambda, alpha, gamma, l1, alignP, alignN, detection, dynamicWeight, normalize } = settings;
  if (settings.method === 'likelihood') return likelihood({ normalize });
  return cut({ preset, lambda, alpha, gamma, l1, alignP, alignN, detection, dynamicWeight, normalize });
}

const loraOf = (settings: AlignSettings): LoraSettings => ({
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
