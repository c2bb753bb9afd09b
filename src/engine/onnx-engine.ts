// The in-process Engine: traces, compiles and runs everything in ONNX Runtime on this machine. Knows which part does
// what, and in what order overlapping calls come.
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, FewBits, StoredDType } from '../models/index.ts';
import { readEndTokens } from '../models/end-tokens.ts';
import { elementsOf, saveModel, writeAdapter } from '../models/index.ts';
import type { ContinuationGroup, Engine, EngineDescription, Sequence, TrainingState } from './engine.ts';
import { openBranchScorer } from './branches.ts';
import { openGenerator, usualSlots } from './generate.ts';
import { generationQueue } from './generation-queue.ts';
import { lazily } from './lazily.ts';
import { estimateMemory, inDtype, memoryPlan } from './memory.ts';
import type { MemoryPlan } from './memory.ts';
import { readModel } from './model.ts';
import type { EngineModel, EngineOptions } from './model.ts';
import { requireEngineOptions } from './options.ts';
import type { ParameterLayout } from './parameters.ts';
import { views } from './parameters.ts';
import type { RowCounts } from './row-counts.ts';
import type { Scorer } from './scoring.ts';
import { openScorer } from './scoring.ts';
import { requireContinuation, requireUsable } from './sequence-check.ts';
import { openTrainer } from './trainer.ts';
import { takeTurns } from './turns.ts';

export interface OnnxEngine extends Engine {
  /** With every weight trained: writes a complete Hugging Face folder, in `dtype` or that of the checkpoint. */
  saveModel(dir: string, dtype?: StoredDType): Promise<void>;
  /** Gradient of the last step before clipping, flat, in the order of `layout`; a copy. */
  gradient(): Float32Array;
  readonly layout: ParameterLayout;
  trainingState(): TrainingState;
  restore(state: TrainingState): void;
}

/** Opens a model for scoring, training and generation. Graphs are compiled when first needed. */
export async function openEngine(options: EngineOptions): Promise<OnnxEngine> {
  requireEngineOptions(options);
  const { modelDir, seed = 0, profile } = options;
  const model = await readModel(options);
  const { config, layout } = model;
  const present = openScorer(model);
  const initial = openInitialScorer(model);
  const branches = openBranchScorer(model);
  const trainer = openTrainer(model, { present, initial, seed, profile });
  const slots = options.slots ?? usualSlots(config);
  const plan = memoryPlan(model, slots);
  const rowCounts: RowCounts = new Map();
  const generator = lazily(async () =>
    openGenerator(model, {
      rowCounts,
      slots,
      endTokens: new Set(await readEndTokens(modelDir)),
    }),
  );
  const turns = takeTurns();
  const { inTurn } = turns;
  const generate = generationQueue(turns, async (queue) => (await generator()).work(queue));

  return {
    describe: () => ({ ...describe(model), slots, fewerBits: fewerBitsFor(plan, options) }),
    estimateMemory: (work, baseDtype) => estimateMemory(baseDtype ? inDtype(plan, baseDtype) : plan, work),
    score: inTurn(async (sequences: readonly Sequence[], which: 'present' | 'initial' = 'present') => {
      for (const sequence of sequences) requireUsable(sequence, config);
      return (which === 'present' ? present : initial).logProbs(sequences);
    }),
    distributions: inTurn(async (sequences: readonly Sequence[]) => {
      for (const sequence of sequences) requireUsable(sequence, config);
      return present.distributions(sequences);
    }),
    scoreContinuations: inTurn(
      async (groups: readonly ContinuationGroup[], onGroup?: Parameters<Engine['scoreContinuations']>[1]) => {
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
    step: inTurn((...asked: Parameters<typeof trainer.step>) => {
      rowCounts.clear();
      return trainer.step(...asked);
    }),
    generate: async (requests) => {
      for (const { prompt } of requests) requireUsable({ ids: prompt, responseStart: prompt.length }, config);
      return generate(requests);
    },
    gradient: trainer.gradient,
    layout,
    trainingState: trainer.state,
    restore: (state) => {
      rowCounts.clear();
      trainer.restore(state);
    },
    saveAdapter: (dir) =>
      saveAdapterOf(model, dir, options.baseModelName ?? model.adapter?.baseModel ?? modelDir),
    saveModel: (dir, dtype) => saveModelOf(model, modelDir, dir, dtype),
    dispose: () =>
      turns.end(async () => {
        await trainer.release();
        for (const scorer of [present, initial, branches]) await scorer.release();
        // A graph that could not be compiled has nothing to release; its error was thrown where it was needed.
        await (await generator.existing?.catch(() => null))?.release();
      }),
  };
}

/** The model that training began from. A fresh adapter changes nothing yet, so that it is then the checkpoint. */
function openInitialScorer(model: EngineModel): Scorer {
  return model.adapter
    ? openScorer({ ...model, parameters: views(model.layout, model.values.slice()) })
    : openScorer({ ...model, trainable: { kind: 'none' }, parameters: {} });
}

const describe = ({
  config,
  checkpoint,
  layout,
  threads,
  device,
  notes,
}: EngineModel): EngineDescription => ({
  modelType: config.modelType,
  parameters: countParameters(checkpoint),
  trainableParameters: layout.total,
  vocabSize: config.vocabSize,
  maxPositions: config.maxPositions,
  threads,
  device,
  notes,
});

/** Codes that came with the model stay as they are, and weights that are trained are in float32. */
function fewerBitsFor(
  { trainable, baseDtype: found }: MemoryPlan,
  { baseDtype: asked = 'float32' }: EngineOptions,
): FewBits[] {
  if (trainable.kind === 'full' || found !== asked) return [];
  return found === 'float32' ? ['int8', 'int4'] : found === 'int8' ? ['int4'] : [];
}

const countParameters = ({ weights }: Checkpoint): number =>
  [...weights.values()].reduce((sum, { shape }) => sum + elementsOf(shape), 0);

/** Present values of the trainable tensors by name; copies. */
const valuesOf = ({ layout, parameters }: EngineModel): [string, Float32Array][] =>
  layout.parameters.map(({ name }) => [name, (parameters[name]!.data as Float32Array).slice()]);

async function saveAdapterOf(model: EngineModel, dir: string, baseModel: string): Promise<void> {
  const { trainable, layout } = model;
  if (trainable.kind !== 'lora') {
    throw new WhetstoneError('ENGINE_NO_ADAPTER', 'there is no LoRA adapter to save');
  }
  const shapes = new Map(layout.parameters.map(({ name, shape }) => [name, shape]));
  const tensors = new Map(valuesOf(model).map(([name, data]) => [name, { shape: shapes.get(name)!, data }]));
  await writeAdapter(dir, { lora: trainable.lora, tensors, baseModel });
}

async function saveModelOf(
  model: EngineModel,
  modelDir: string,
  dir: string,
  dtype: StoredDType | undefined,
): Promise<void> {
  if (model.trainable.kind !== 'full') {
    throw new WhetstoneError('ENGINE_NO_MODEL', 'only an engine that trains every weight can save a model', {
      hint: 'Save the adapter, and merge it into its base.',
    });
  }
  await saveModel(modelDir, new Map(valuesOf(model)), dir, dtype);
}
