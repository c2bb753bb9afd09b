// The in-process Engine: traces, compiles and runs everything in ONNX Runtime on this machine.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, DecoderConfig, LoraConfig, StoredDType } from '../models/index.ts';
import { openCheckpoint, readAdapter, readDecoderConfig, saveModel, writeAdapter } from '../models/index.ts';
import type { Objective, TokenWeights } from '../objectives/objective.ts';
import { compileAdamW, l2Norm } from './adamw.ts';
import type {
  Engine,
  OptimizerSettings,
  Sampling,
  Sequence,
  StepMetrics,
  TokenTriplet,
  TrainingState,
} from './engine.ts';
import { openGenerator } from './generate.ts';
import type { MaskSource } from './dropout.ts';
import { maskSource } from './dropout.ts';
import type { LongestSequence } from './memory.ts';
import { estimatePeakMemory, worthPrepacking } from './memory.ts';
import { attentionBlocks, feeds, rowsOf, sequenceFeeds, traceScore, traceStep } from './packed.ts';
import type { ParameterLayout } from './parameters.ts';
import { layOut, views } from './parameters.ts';
import { createRandom } from '../random.ts';
import type { Feed, Session } from './session.ts';
import { requireTrainable, requireUsable } from './sequence-check.ts';
import { compile } from './session.ts';
import { chooseTrainable, initialParameters, requireUsableLora, trainableParameters } from './trainable.ts';
import { takeTurns } from './turns.ts';
import { requireFiniteWeights } from './weight-check.ts';

export interface EngineOptions {
  /** Hugging Face model folder. */
  readonly modelDir: string;
  /** PEFT adapter to start from; its rank, alpha and projections win over `lora`. */
  readonly adapterDir?: string;
  /** The adapter to train; null trains every weight; left out, nothing is trained. */
  readonly lora?: LoraConfig | null;
  readonly seed?: number;
  /** Threads of one graph; default all cores, or one for a narrow model. */
  readonly threads?: number;
  /** Whether the training step repacks weights; default where the copies are small beside the machine's memory. */
  readonly prepack?: boolean;
  /** Prefix of ONNX Runtime's profile of the training step; for benchmarks. */
  readonly profile?: string;
  /** Recorded in adapters as the base model; default the model folder. */
  readonly baseModelName?: string;
}

export interface EngineDescription {
  readonly modelType: string;
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly threads: number;
}

export interface OnnxEngine extends Engine {
  describe(): EngineDescription;
  /** Peak bytes of a training run whose longest sequence has this many tokens, `responseTokens` of them answer. */
  estimateMemory(longest: LongestSequence): number;
  /** With every weight trained: writes a complete Hugging Face folder, in `dtype` or that of the checkpoint. */
  saveModel(dir: string, dtype?: StoredDType): Promise<void>;
  /** Gradient of the last step before clipping, flat, in the order of `layout`; a copy. */
  gradient(): Float32Array;
  readonly layout: ParameterLayout;
}

export const defaultLora: LoraConfig = {
  rank: 16,
  alpha: 16,
  dropout: 0.05,
  rankStabilized: false,
  targetModules: ['gate_proj', 'up_proj', 'down_proj'],
};

/** In narrow models handing work to other threads costs more than the work. */
const usefulThreads = ({ hiddenSize }: DecoderConfig): number =>
  hiddenSize < 256 ? 1 : availableParallelism();

/** Opens a model for scoring, training and generation. Graphs are compiled when first needed. */
export async function openEngine(options: EngineOptions): Promise<OnnxEngine> {
  const { modelDir, adapterDir, seed = 0 } = options;
  const config = await readDecoderConfig(modelDir);
  const threads = options.threads ?? usefulThreads(config);
  const checkpoint = usedWeights(config, await openCheckpoint(modelDir));
  const adapter = adapterDir === undefined ? null : await readAdapter(adapterDir);
  const trainable = chooseTrainable(options.lora, adapter);
  if (trainable.kind === 'lora') requireUsableLora(trainable.lora, config);
  await requireFiniteWeights(checkpoint);

  const layout = layOut(trainableParameters(config, checkpoint, trainable));
  const state = {
    parameters: await initialParameters(layout, checkpoint, trainable, adapter, seed),
    firstMoment: new Float32Array(0),
    secondMoment: new Float32Array(0),
  };
  let step = 0;
  const parameterFeeds = views(layout, state.parameters);
  const parameterOf = (name: string): Float32Array => (parameterFeeds[name]!.data as Float32Array).slice();
  const gradient = lazily(() => new Float32Array(layout.total));
  const fresh = lazily(() => new Float32Array(layout.total));
  const blocks = attentionBlocks(config);
  const settings = { root: checkpoint.root, threads };
  const turns = takeTurns();
  const { inTurn } = turns;
  const prepack = options.prepack ?? worthPrepacking(checkpoint);

  const scoreSession = lazily(() =>
    compile(traceScore(config, checkpoint, trainable, blocks).outputs, settings),
  );
  const generator = lazily(async () =>
    openGenerator(config, checkpoint, trainable, { threads, endTokens: await readEndTokens(modelDir) }),
  );
  const optimizer = lazily(() => compileAdamW(layout, threads));
  let compiled: { objective: Objective; session: Session; masks: MaskSource } | null = null;

  const stepSession = async (objective: Objective): Promise<{ session: Session; masks: MaskSource }> => {
    if (compiled?.objective === objective) return compiled;
    const former = compiled;
    compiled = null;
    await former?.session.release();
    const traced = traceStep(config, checkpoint, trainable, objective, blocks);
    const session = await compile(traced.outputs, { ...settings, prepack, profile: options.profile });
    compiled = { objective, session, masks: maskSource(traced.weights, trainable) };
    return compiled;
  };

  const score = async (sequence: Sequence): Promise<Float32Array> => {
    const session = await scoreSession();
    const outputs = await session.run({ ...parameterFeeds, ...sequenceFeeds(sequence, blocks) });
    return outputs.logprobs!;
  };

  /** Gradients of one sequence are added to the batch's. */
  const runSequence = async (
    objective: Objective,
    sequence: Sequence,
    { likelihood, contrast, judged }: { likelihood: number; contrast: number; judged: Float32Array | null },
    stream: readonly number[],
  ): Promise<Record<string, Float32Array>> => {
    const { session, masks } = await stepSession(objective);
    const tokens = sequence.ids.length - sequence.responseStart;
    const perToken = (value: number): Feed => ({
      data: new Float32Array(tokens).fill(value),
      dims: [tokens],
    });
    const outputs = await session.run(
      {
        ...parameterFeeds,
        ...sequenceFeeds(sequence, blocks),
        ...masks(sequence, rowsOf(sequence, blocks), createRandom(seed, ...stream)),
        [feeds.likelihoodWeight]: perToken(likelihood),
        [feeds.contrastWeight]: perToken(contrast),
        [feeds.judged]: judged ? { data: judged, dims: [tokens] } : perToken(0),
      },
      views(layout, fresh(), 'grad.'),
    );
    addInto(gradient(), fresh());
    return outputs;
  };

  const runTriplet = async (
    { plain, judged }: TokenTriplet,
    weights: TokenWeights,
    objective: Objective,
    position: number,
  ): Promise<{ l1: number; l2: number; flagged: number; contrasted: number }> => {
    const result = { l1: 0, l2: 0, flagged: 0, contrasted: 0 };
    let judgedLogProbs: Float32Array | null = null;
    if (judged && weights.judgedLikelihood > 0) {
      const outputs = await runSequence(
        objective,
        judged,
        { likelihood: weights.judgedLikelihood, contrast: 0, judged: null },
        [step, position, 1],
      );
      judgedLogProbs = outputs.logprobs!;
      result.l2 += outputs.likelihood_loss![0]!;
    } else if (judged && weights.contrast > 0) {
      judgedLogProbs = await score(judged);
    }
    if (weights.plainLikelihood > 0 || weights.contrast > 0) {
      const outputs = await runSequence(
        objective,
        plain,
        { likelihood: weights.plainLikelihood, contrast: weights.contrast, judged: judgedLogProbs },
        [step, position, 0],
      );
      result.l2 += outputs.likelihood_loss![0]!;
      result.l1 += outputs.contrast_loss![0]!;
      if (weights.contrast > 0) {
        result.flagged = outputs.flagged!.reduce((a, b) => a + b, 0);
        result.contrasted = outputs.flagged!.length;
      }
    }
    return result;
  };

  return {
    describe: () => ({
      modelType: config.modelType,
      parameters: countParameters(checkpoint),
      trainableParameters: layout.total,
      vocabSize: config.vocabSize,
      maxPositions: config.maxPositions,
      threads,
    }),
    estimateMemory: (longest) =>
      estimatePeakMemory(
        { config, checkpoint, trainable, trainableParameters: layout.total, prepack, blocks },
        longest,
      ),

    score: inTurn(async (sequences: readonly Sequence[]) => {
      const results: Float32Array[] = [];
      for (const sequence of sequences) {
        requireUsable(sequence, config);
        results.push(await score(sequence));
      }
      return results;
    }),

    step: inTurn(
      async (
        batch: readonly TokenTriplet[],
        objective: Objective,
        optimizerSettings: OptimizerSettings,
      ): Promise<StepMetrics> => {
        if (layout.total === 0)
          throw new WhetstoneError(
            'ENGINE_NOT_TRAINABLE',
            'this engine was opened without anything to train',
          );
        if (batch.length === 0) throw new WhetstoneError('ENGINE_BATCH', 'a step needs at least one triplet');
        for (const triplet of batch) requireTrainable(triplet, config);
        const sizes = batch.map(({ plain, judged }) => ({
          tokens: plain.ids.length - plain.responseStart,
          rejected: judged !== null,
        }));
        const weights = objective.weigh(sizes);
        gradient().fill(0);
        let [l1, l2, flaggedTokens, contrastedTokens] = [0, 0, 0, 0];
        for (const [i, triplet] of batch.entries()) {
          const result = await runTriplet(triplet, weights[i]!, objective, i);
          l1 += result.l1;
          l2 += result.l2;
          flaggedTokens += result.flagged;
          contrastedTokens += result.contrasted;
        }
        const gradNorm = l2Norm(gradient());
        if (!Number.isFinite(l1 + l2) || !Number.isFinite(gradNorm)) {
          throw new WhetstoneError(
            'NON_FINITE_LOSS',
            `the ${Number.isFinite(l1 + l2) ? 'gradient' : 'loss'} is not finite`,
            {
              hint: 'A lower learning_rate or a larger lambda usually helps; without detection CUT is known to diverge.',
            },
          );
        }
        const { maxGradNorm } = optimizerSettings;
        const scale = maxGradNorm > 0 ? Math.min(1, maxGradNorm / (gradNorm + 1e-6)) : 1;
        if (state.firstMoment.length === 0) {
          state.firstMoment = new Float32Array(layout.total);
          state.secondMoment = new Float32Array(layout.total);
        }
        await (await optimizer()).update(state, gradient(), scale, step + 1, optimizerSettings);
        step++;
        return {
          loss: l1 + l2,
          parts: { l1, l2 },
          flaggedTokens,
          contrastedTokens,
          responseTokens: sizes.reduce((sum, { tokens }) => sum + tokens, 0),
          gradNorm,
        };
      },
    ),

    generate: inTurn(async (prompts: readonly Int32Array[], sampling: Sampling) => {
      for (const ids of prompts) requireUsable({ ids, responseStart: ids.length }, config);
      return (await generator()).generate(prompts, sampling, parameterFeeds);
    }),

    gradient: () => gradient().slice(),
    layout,

    trainingState: () => ({
      parameters: state.parameters.slice(),
      firstMoment: momentOf(state.firstMoment, layout),
      secondMoment: momentOf(state.secondMoment, layout),
      step,
    }),
    restore: (saved: TrainingState) => {
      const { parameters, firstMoment, secondMoment } = saved;
      if ([parameters, firstMoment, secondMoment].some(({ length }) => length !== layout.total)) {
        throw new WhetstoneError(
          'ENGINE_STATE',
          `a state of ${saved.parameters.length} values for a model with ${layout.total} trainable ones`,
        );
      }
      state.parameters.set(parameters);
      state.firstMoment = firstMoment.slice();
      state.secondMoment = secondMoment.slice();
      step = saved.step;
    },

    saveAdapter: async (dir) => {
      if (trainable.kind !== 'lora') {
        throw new WhetstoneError('ENGINE_NO_ADAPTER', 'there is no LoRA adapter to save');
      }
      const tensors = new Map(
        layout.parameters.map(({ name, shape }) => [name, { shape, data: parameterOf(name) }]),
      );
      const baseModel = options.baseModelName ?? adapter?.baseModel ?? modelDir;
      await writeAdapter(dir, { lora: trainable.lora, tensors, baseModel });
    },
    saveModel: async (dir, dtype) => {
      if (trainable.kind !== 'full') {
        throw new WhetstoneError(
          'ENGINE_NO_MODEL',
          'only an engine that trains every weight can save a model',
          {
            hint: 'Save the adapter, and merge it into its base.',
          },
        );
      }
      const tensors = new Map(layout.parameters.map(({ name }) => [name, parameterOf(name)]));
      await saveModel(modelDir, tensors, dir, dtype);
    },

    dispose: () =>
      turns.end(async () => {
        await compiled?.session.release();
        for (const { existing } of [scoreSession, generator, optimizer]) {
          // A graph that could not be compiled has nothing to release; its error was thrown where it was needed.
          const held = await existing?.catch(() => null);
          await held?.release();
        }
      }),
  };
}

/** As in transformers, generation_config.json has the word, and config.json only where it is silent. */
async function readEndTokens(modelDir: string): Promise<ReadonlySet<number>> {
  for (const file of ['generation_config.json', 'config.json']) {
    const path = join(modelDir, file);
    const text = await readFile(path, 'utf8').catch(() => '{}');
    let end: number | number[] | null | undefined;
    try {
      ({ eos_token_id: end } = JSON.parse(text) as { eos_token_id?: typeof end });
    } catch (cause) {
      throw new WhetstoneError('MODEL_CONFIG', `is not a JSON object: ${(cause as Error).message}`, {
        file: path,
        cause,
      });
    }
    if (Array.isArray(end)) return new Set(end);
    if (typeof end === 'number') return new Set([end]);
  }
  return new Set();
}

/** The checkpoint without what the decoder does not read, such as old rotary buffers or a copy of tied embeddings. */
function usedWeights(config: DecoderConfig, checkpoint: Checkpoint): Checkpoint {
  const names = trainableParameters(config, checkpoint, { kind: 'full' }).map(({ name }) => name);
  return { ...checkpoint, weights: new Map(names.map((name) => [name, checkpoint.weights.get(name)!])) };
}

const countParameters = ({ weights }: Checkpoint): number =>
  [...weights.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

const momentOf = (moment: Float32Array, { total }: ParameterLayout): Float32Array =>
  moment.length === 0 ? new Float32Array(total) : moment.slice();

function addInto(target: Float32Array, addend: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += addend[i]!;
}

type Lazy<T> = (() => T) & { readonly existing: T | undefined };

/** Makes a value when it is first asked for; `existing` looks without making it. */
function lazily<T>(make: () => T): Lazy<T> {
  let value: T | undefined;
  const get = (): T => (value ??= make());
  return Object.defineProperty(get, 'existing', { get: () => value }) as Lazy<T>;
}
