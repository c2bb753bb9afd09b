// The in-process Engine: traces, compiles and runs everything in ONNX Runtime on this machine.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, DecoderConfig, LoraConfig, StoredDType, Trainable } from '../models/index.ts';
import { openCheckpoint, readAdapter, readDecoderConfig, saveModel, writeAdapter } from '../models/index.ts';
import type { Objective } from '../objectives/objective.ts';
import { compileAdamW, l2Norm } from './adamw.ts';
import { arrangementFor, isNarrow, queryBlocks, rowLimit } from './arrangement.ts';
import { responseTokensOf, sizeOf } from './batch-plan.ts';
import type {
  ContinuationGroup,
  Engine,
  OpenEngineOptions,
  OptimizerSettings,
  Sequence,
  StepMetrics,
  TokenExample,
  TrainingState,
} from './engine.ts';
import { openBranchScorer } from './branches.ts';
import { openGenerator, usualSlots } from './generate.ts';
import { generationQueue } from './generation-queue.ts';
import { lazily } from './lazily.ts';
import { estimatePeakMemory, worthPrepacking } from './memory.ts';
import type { ParameterLayout } from './parameters.ts';
import { layOut, views } from './parameters.ts';
import type { Scorer } from './scoring.ts';
import type { Feed } from './session.ts';
import { openScorer } from './scoring.ts';
import { requireContinuation, requireTrainable, requireUsable } from './sequence-check.ts';
import { openStepRunner } from './training-step.ts';
import { chooseTrainable, initialParameters, requireUsableLora, trainableParameters } from './trainable.ts';
import { takeTurns } from './turns.ts';
import { requireFiniteWeights } from './weight-check.ts';

export interface EngineOptions extends OpenEngineOptions {
  /** Whether training and generation repack weights; default where the copies are small beside the machine's memory. */
  readonly prepack?: boolean;
  /** Whether one run takes a whole batch or a sequence at a time; default for narrow models, for tests to choose. */
  readonly wholeBatches?: boolean;
  /** Prefix of ONNX Runtime's profile of the training step; for benchmarks. */
  readonly profile?: string;
}

export interface OnnxEngine extends Engine {
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

/** All cores; but in narrow models handing work to other threads costs more than the work. */
const usefulThreads = (config: DecoderConfig): number => (isNarrow(config) ? 1 : availableParallelism());

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
  const wholeBatches = options.wholeBatches ?? isNarrow(config);
  const prepack = options.prepack ?? worthPrepacking(checkpoint);
  const scorerOf = (of: Trainable, parameters: Readonly<Record<string, Feed>>): Scorer =>
    openScorer({
      ...{ config, checkpoint, threads, parameters, trainable: of },
      arrangement: arrangementFor(wholeBatches),
    });
  const present = scorerOf(trainable, parameterFeeds);
  // A fresh adapter changes nothing yet, so that the model that training began from is the checkpoint.
  const initial = adapter
    ? scorerOf(trainable, views(layout, state.parameters.slice()))
    : scorerOf({ kind: 'none' }, {});
  const branches = openBranchScorer({
    ...{ config, checkpoint, trainable, threads, prepack, parameters: parameterFeeds },
  });
  const gradient = lazily(() => new Float32Array(layout.total));
  const runner = lazily(() =>
    openStepRunner({
      ...{ config, checkpoint, trainable, layout, present, initial, seed },
      arrangementOf: (sequences) => arrangementFor(wholeBatches, sequences),
      parameters: parameterFeeds,
      gradient: gradient(),
      settings: { root: checkpoint.root, threads, prepack, profile: options.profile },
    }),
  );
  const generator = lazily(async () =>
    openGenerator(config, checkpoint, trainable, {
      ...{ threads, prepack, slots: options.slots ?? usualSlots(config) },
      endTokens: await readEndTokens(modelDir),
    }),
  );
  const optimizer = lazily(() => compileAdamW(layout, threads));
  const turns = takeTurns();
  const { inTurn } = turns;
  const generate = generationQueue(turns, async (queue) => (await generator()).work(queue, parameterFeeds));

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
        {
          ...{ config, checkpoint, trainable, prepack },
          trainableParameters: layout.total,
          blocks: wholeBatches ? 1 : queryBlocks,
          ...(wholeBatches && { rows: rowLimit }),
        },
        longest,
      ),

    score: inTurn(async (sequences: readonly Sequence[], model: 'present' | 'initial' = 'present') => {
      for (const sequence of sequences) requireUsable(sequence, config);
      return (model === 'present' ? present : initial).logProbs(sequences);
    }),

    scoreContinuations: inTurn(
      async (
        groups: readonly ContinuationGroup[],
        onGroup?: (index: number, logProbs: Float32Array[]) => void | Promise<void>,
      ) => {
        for (const { context, continuations } of groups) {
          for (const continuation of continuations) requireContinuation(context, continuation, config);
        }
        const results: Float32Array[][] = [];
        for (const [index, group] of groups.entries()) {
          const logProbs = await branches.logProbs(group);
          await onGroup?.(index, logProbs);
          results.push(logProbs);
        }
        return results;
      },
    ),

    step: inTurn(
      async (
        batch: readonly TokenExample[],
        objective: Objective,
        optimizerSettings: OptimizerSettings,
      ): Promise<StepMetrics> => {
        if (layout.total === 0)
          throw new WhetstoneError(
            'ENGINE_NOT_TRAINABLE',
            'this engine was opened without anything to train',
          );
        if (batch.length === 0) throw new WhetstoneError('ENGINE_BATCH', 'a step needs at least one example');
        for (const example of batch) requireTrainable(example, config);
        const sums = await runner().run(batch, objective, step);
        const loss = sums.likelihood + sums.comparison;
        const gradNorm = l2Norm(gradient());
        if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
          throw new WhetstoneError(
            'NON_FINITE_LOSS',
            `the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not finite`,
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
        const names = { likelihood: 'likelihood', comparison: 'comparison', ...objective.partNames };
        return {
          loss,
          parts: {
            ...(objective.comparison && { [names.comparison]: sums.comparison }),
            [names.likelihood]: sums.likelihood,
          },
          flaggedTokens: sums.flaggedTokens,
          comparedTokens: sums.comparedTokens,
          responseTokens: batch.reduce((sum, example) => sum + responseTokensOf(sizeOf(example)), 0),
          gradNorm,
        };
      },
    ),

    generate: async (requests) => {
      for (const { prompt } of requests) requireUsable({ ids: prompt, responseStart: prompt.length }, config);
      return generate(requests);
    },

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
        await runner.existing?.release();
        for (const scorer of [present, initial, branches]) await scorer.release();
        for (const { existing } of [generator, optimizer]) {
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
