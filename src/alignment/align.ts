// One alignment run from files to adapter: reads the data, opens the engine, trains, keeps the run directory.
// Knows the order of these things; each of them is done elsewhere.
import type { OptimizerSettings } from '../engine/engine.ts';
import { WhetstoneError } from '../errors.ts';
import { downsampleSatisfactory } from '../judgments/downsample.ts';
import { epochOrder } from '../judgments/order.ts';
import { readTriplets } from '../judgments/read.ts';
import type { Objective } from '../objectives/objective.ts';
import { loadTemplate, loadTokenizer } from '../tokens/index.ts';
import { planBatches } from './batches.ts';
import type { BatchPlan } from './batches.ts';
import { dataDigest, folderDigests } from './digests.ts';
import { openOnnxEngine } from './engine-seam.ts';
import type { EngineDescription, OpenEngine, OpenedEngine } from './engine-seam.ts';
import { describeRow, encodeExamples, summarize } from './examples.ts';
import type { Example, ExampleSummary } from './examples.ts';
import { availableMemory, ownMemory } from './memory.ts';
import type { StepRecord } from './metrics.ts';
import { snakeCase } from './names.ts';
import {
  circumstanceDifferences,
  makeRecord,
  recordedSettings,
  recordedStart,
  refuseDifferences,
  settingDifferences,
  settingsToResume,
  templateText,
} from './record.ts';
import type { Circumstances } from './record.ts';
import { claimRun } from './run-directory.ts';
import type { RunClaim, RunDirectory } from './run-directory.ts';
import { resolveWarmup } from './schedule.ts';
import type { Schedule } from './schedule.ts';
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

/** What will happen, known before the first step. */
export interface AlignmentPlan {
  readonly settings: AlignSettings;
  readonly examples: ExampleSummary;
  /** Satisfactory rows left out by down-sampling, and rows that the objective gives no weight. */
  readonly downsampled: number;
  readonly unused: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Optimizer steps done in earlier sessions. */
  readonly doneSteps: number;
  /** Whether training and the adapter are complete, so that nothing is left to do. */
  readonly finished: boolean;
  readonly engine: EngineDescription;
  /** Bytes: the estimated peak, and what this process may use. */
  readonly memory: { readonly peak: number; readonly available: number };
  readonly notes: readonly string[];
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
      const ready = await prepared();
      const { engine, directory } = ready;
      if (ready.plan.finished) return;
      yield* train({ ...ready.training, ...(options.signal && { signal: options.signal }) });
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
  refuseContradictions(given);
  const mode = overwrite ? 'overwrite' : resume ? 'resume' : 'new';
  const claim = out === undefined ? null : await claimRun(out, mode);
  let engine: OpenedEngine | undefined;
  try {
    const recorded = claim?.recorded ?? null;
    const before = recorded && recordedSettings(recorded);
    const changed = before ? settingDifferences(given, before) : [];
    const settings = before
      ? settingsToResume(given, before)
      : resolveSettings(requireModelAndData(given, out));
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
    const batches = planExamples(settings, examples.length, objective);
    engine = await (options.openEngine ?? openOnnxEngine)({
      modelDir: settings.model,
      lora: loraOf(settings),
      seed: settings.seed,
      baseModelName: before?.model ?? settings.model,
      ...(settings.adapter !== null && { adapterDir: settings.adapter }),
      ...(settings.threads !== null && { threads: settings.threads }),
    });
    const memory = await requireMemory(engine, examples);
    const record = await makeRecord(settings, circumstances);
    const directory = claim && (await claim.begin(record, settings.saveTotalLimit));
    const doneSteps = directory?.state?.step ?? 0;
    const schedule = scheduleOf(settings, batches.totalSteps);
    const summary = summarize(examples);
    const plan: AlignmentPlan = {
      settings,
      examples: summary,
      downsampled: data.downsampled,
      unused: data.examples.length - examples.length,
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
        ...notesOn(settings, schedule, summary, engine.describe()),
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
      describeRow: ({ index }: { index: number }) => describeRow(data.examples[index]!.triplet),
    };
    return { plan, engine, claim, directory, training };
  } catch (error) {
    await claim?.release();
    await engine?.dispose();
    throw error;
  }
}

async function prepareData(
  settings: AlignSettings,
  started: Date,
): Promise<{
  examples: Example[];
  downsampled: number;
  circumstances: Omit<Circumstances, 'objective' | 'started'>;
}> {
  const tokenizer = await loadTokenizer(settings.model);
  const template = await loadTemplate(settings.template, tokenizer, { now: started });
  const { triplets } = await readTriplets(settings.data);
  const kept =
    settings.downsample === null
      ? triplets
      : downsampleSatisfactory(triplets, settings.downsample, settings.seed);
  const examples = await encodeExamples(kept, { tokenizer, template, cutoffLen: settings.cutoffLen });
  return {
    examples,
    downsampled: triplets.length - kept.length,
    circumstances: {
      data: await dataDigest(settings.data),
      model: await folderDigests(settings.model),
      adapter: settings.adapter === null ? null : await folderDigests(settings.adapter),
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

function refuseContradictions(given: Partial<AlignSettings>): void {
  const found = contradictions(given);
  if (found.length === 0) return;
  const lines = found.map(({ keys, message }) => `\n    ${keys.map(snakeCase).join(', ')}: ${message}`);
  throw new WhetstoneError('INVALID_OPTIONS', `these settings contradict each other:${lines.join('')}`);
}

function requireModelAndData(
  given: Partial<AlignSettings>,
  out: string | undefined,
): Partial<AlignSettings> & Pick<AlignSettings, 'model' | 'data'> {
  const { model, data } = given;
  if (model !== undefined && data !== undefined) return { ...given, model, data };
  const missing = [data === undefined && 'a data file', model === undefined && 'a model folder']
    .filter(Boolean)
    .join(' and ');
  throw new WhetstoneError('INVALID_OPTIONS', `a new run needs ${missing}`, {
    ...(out !== undefined && { hint: `There is no run in ${out} to take them from.` }),
  });
}

async function objectiveOf(settings: AlignSettings): Promise<Objective> {
  const { cut, likelihood } = await import('../objectives/index.ts');
  const { preset, lambda, alpha, gamma, l1, alignP, alignN, detection, dynamicWeight, normalize } = settings;
  if (settings.method === 'likelihood') return likelihood({ normalize });
  return cut({ preset, lambda, alpha, gamma, l1, alignP, alignN, detection, dynamicWeight, normalize });
}

/** Whether anything can be learned from the example; a row without weight would only take up room in a batch. */
function hasWeight(objective: Objective, { plain, label }: Example): boolean {
  const tokens = plain.ids.length - plain.responseStart;
  const [weights] = objective.weigh([{ tokens, rejected: label === 'align-n' }]);
  return weights !== undefined && Object.values(weights).some((weight: number) => weight !== 0);
}

function planExamples(settings: AlignSettings, rows: number, objective: Objective): BatchPlan {
  if (rows === 0) {
    throw new WhetstoneError('NOTHING_TO_LEARN', `no row has anything that "${objective.name}" learns from`, {
      file: settings.data,
      hint: 'Run "whetstone data check" on the file to see how its rows are labelled.',
    });
  }
  const { batchSize, epochs, maxSteps, seed, shuffle } = settings;
  return planBatches({
    rows,
    batchSize,
    epochs,
    maxSteps,
    order: (epoch) => epochOrder(rows, { seed, epoch, shuffle }),
  });
}

async function requireMemory(
  engine: OpenedEngine,
  examples: readonly Example[],
): Promise<{ peak: number; available: number }> {
  const sequences = examples.flatMap(({ plain, judged }) => (judged ? [plain, judged] : [plain]));
  const peak = Math.max(
    ...longestFew(
      sequences.map(({ ids, responseStart }) => ({
        tokens: ids.length,
        responseTokens: ids.length - responseStart,
      })),
    ).map((longest) => engine.estimateMemory(longest)),
  );
  const { bytes, limitedBy } = await availableMemory();
  const available = bytes + (await ownMemory());
  if (peak > available) {
    throw new WhetstoneError(
      'NOT_ENOUGH_MEMORY',
      `this run needs about ${gigabytes(peak)} at its peak, and ${limitedBy} has ${gigabytes(available)} left`,
      {
        hint: 'Lower --cutoff_len or --lora_r, close other programs, or use a smaller model or a larger machine.',
      },
    );
  }
  return { peak, available };
}

/** The longest sequence and the one with the longest response: one of them needs the most memory. */
function longestFew(
  sizes: readonly { tokens: number; responseTokens: number }[],
): { tokens: number; responseTokens: number }[] {
  const most = (of: 'tokens' | 'responseTokens') => sizes.reduce((a, b) => (b[of] > a[of] ? b : a));
  return [most('tokens'), most('responseTokens')];
}

function scheduleOf(settings: AlignSettings, totalSteps: number): Schedule {
  const warmupSteps = resolveWarmup(settings.warmupSteps, totalSteps);
  return { name: settings.lrSchedulerType, learningRate: settings.learningRate, warmupSteps, totalSteps };
}

function notesOn(
  settings: AlignSettings,
  schedule: Schedule,
  examples: ExampleSummary,
  engine: EngineDescription,
): string[] {
  const notes: string[] = [];
  if (schedule.name !== 'constant' && schedule.warmupSteps >= schedule.totalSteps) {
    const peak = (settings.learningRate * (schedule.totalSteps - 1)) / Math.max(1, schedule.warmupSteps);
    notes.push(
      `The warm-up of ${schedule.warmupSteps} steps is as long as the run of ${schedule.totalSteps} or longer: the ` +
        `learning rate only rises, to ${peak.toPrecision(2)} of ${settings.learningRate}. See --warmup_steps.`,
    );
  }
  if (examples.longest > engine.maxPositions) {
    notes.push(
      `The longest sequence has ${examples.longest} tokens, but the model was made for ${engine.maxPositions}. See --cutoff_len.`,
    );
  }
  if (settings.method === 'cut' && examples.alignN === 0) {
    notes.push('No row has a judgment that criticises its response, so nothing will be flagged.');
  }
  return notes;
}

const loraOf = (settings: AlignSettings) => ({
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

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;
