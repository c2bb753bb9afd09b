// The second Engine: the model lies with a worker on PyTorch, on this machine or others. Knows which part does what, and
// in what order overlapping calls come.
import { WhetstoneError } from '../../errors.ts';
import { readEndTokens } from '../../models/end-tokens.ts';
import { writeAdapter } from '../../models/index.ts';
import { note } from '../../words/note.ts';
import type { Note } from '../../words/note.ts';
import { plural } from '../../words/numbers.ts';
import type {
  ContinuationGroup,
  Engine,
  EngineDescription,
  MemoryParts,
  OpenEngine,
  OpenEngineOptions,
  Sequence,
  Work,
} from '../engine.ts';
import { usualSlots } from '../generate.ts';
import { generationQueue } from '../generation-queue.ts';
import { lazily } from '../lazily.ts';
import type { ParameterLayout } from '../parameters.ts';
import { requireContinuation, requireUsable } from '../sequence-check.ts';
import { takeTurns } from '../turns.ts';
import { openRemoteGenerator } from './remote-generate.ts';
import type { RemoteModel } from './remote-model.ts';
import { getValues, openRemoteModel } from './remote-model.ts';
import { openRemoteTrainer } from './remote-step.ts';
import { remoteScorer } from './sequences.ts';
import type { TorchSettings } from './worker.ts';
import { reachWorker } from './worker.ts';

export interface TorchEngine extends Engine {
  readonly layout: ParameterLayout;
  /** Gradient of the last step before clipping, flat, in the order of `layout`. */
  gradient(): Promise<Float32Array>;
  /** Most memory of the host that each rank has held, in bytes. */
  peakBytes(): Promise<readonly number[]>;
}

/** An `OpenEngine` for PyTorch. */
export const torchEngine =
  (settings: TorchSettings): OpenEngine =>
  (options) =>
    openTorchEngine(options, settings);

/** Opens a model with a worker. Throws what reaching the worker throws, and what it refuses. */
export async function openTorchEngine(
  options: OpenEngineOptions,
  settings: TorchSettings,
): Promise<TorchEngine> {
  requireTogether(options);
  const worker = await reachWorker(settings, options.device ?? 'cpu');
  try {
    return engineOf(await openRemoteModel(worker, options, settings), options);
  } catch (error) {
    await worker.close();
    throw error;
  }
}

/** Throws `ENGINE_OPTIONS` for what the worker does not have. */
function requireTogether({ baseCompute = 'float32', lora, baseDtype = 'float32' }: OpenEngineOptions): void {
  if (baseCompute !== 'float32') {
    throw new WhetstoneError('ENGINE_OPTIONS', 'the engine torch has no arithmetic in whole numbers', {
      field: 'base_compute',
      hint: 'Leave it out, or take the engine onnx.',
    });
  }
  if (lora === null && baseDtype !== 'float32') {
    throw new WhetstoneError('ENGINE_OPTIONS', `weights in ${baseDtype} are frozen`, {
      field: 'base_dtype',
      hint: 'Every weight can be trained in float32 alone.',
    });
  }
}

function engineOf(model: RemoteModel, options: OpenEngineOptions): TorchEngine {
  const { worker, about, layout } = model;
  const limits = { vocabSize: about.vocab_size, maxPositions: about.max_positions };
  const scorers = { present: remoteScorer(model, 'present'), initial: remoteScorer(model, 'initial') };
  const trainer = openRemoteTrainer(model, options.seed ?? 0);
  const endTokens = lazily(async () => new Set(await readEndTokens(options.modelDir)));
  const slots = options.slots ?? usualSlots({ hiddenSize: about.hidden_size });
  const turns = takeTurns();
  const { inTurn } = turns;
  const generate = generationQueue(turns, async (queue) =>
    openRemoteGenerator(model, { slots, endTokens: await endTokens() }).work(queue),
  );
  return {
    describe: () => ({ ...describe(model), slots }),
    estimateMemory: (work) => estimateMemory(model, work, slots),
    score: inTurn(async (sequences: readonly Sequence[], which: 'present' | 'initial' = 'present') => {
      for (const sequence of sequences) requireUsable(sequence, limits);
      return scorers[which].logProbs(sequences);
    }),
    distributions: inTurn(async (sequences: readonly Sequence[]) => {
      for (const sequence of sequences) requireUsable(sequence, limits);
      return scorers.present.distributions(sequences);
    }),
    scoreContinuations: inTurn(
      async (groups: readonly ContinuationGroup[], onGroup?: Parameters<Engine['scoreContinuations']>[1]) => {
        for (const { context, continuations } of groups) {
          for (const continuation of continuations) requireContinuation(context, continuation, limits);
        }
        const results: Float32Array[][] = [];
        for (const [index, { context, continuations }] of groups.entries()) {
          const logProbs = await scorers.present.logProbs(continuations.map((each) => joined(context, each)));
          await onGroup?.(index, logProbs);
          results.push(logProbs);
        }
        return results;
      },
    ),
    step: inTurn((...asked: Parameters<typeof trainer.step>) => trainer.step(...asked)),
    generate: async (requests) => {
      for (const { prompt } of requests) requireUsable({ ids: prompt, responseStart: prompt.length }, limits);
      return generate(requests);
    },
    layout,
    gradient: inTurn(() => trainer.gradient()),
    peakBytes: inTurn(async () => (await worker.ask('memory')).fields.peak_bytes as number[]),
    trainingState: inTurn(() => trainer.state()),
    restore: inTurn((state: Parameters<typeof trainer.restore>[0]) => trainer.restore(state)),
    saveAdapter: inTurn((dir: string) => saveAdapterOf(model, dir, options)),
    dispose: () =>
      turns.end(async () => {
        await trainer.release();
        await worker.close();
      }),
  };
}

function joined(context: Int32Array, continuation: Int32Array): Sequence {
  const ids = new Int32Array(context.length + continuation.length);
  ids.set(context);
  ids.set(continuation, context.length);
  return { ids, responseStart: context.length };
}

function describe({ about, layout }: RemoteModel): EngineDescription {
  const ranks = plural(about.ranks, 'rank');
  const notes: Note[] = [
    note('ENGINE_TORCH', `PyTorch ${about.torch} computes, on ${about.device}, in ${ranks}.`),
  ];
  return {
    modelType: about.model_type,
    parameters: about.parameters,
    trainableParameters: layout.total,
    vocabSize: about.vocab_size,
    maxPositions: about.max_positions,
    threads: about.threads,
    device: about.device,
    engine: `torch ${about.torch}, ${ranks}`,
    notes,
  };
}

/** PyTorch and what it loads. */
const runtimeBytes = 700 << 20;

/**
 * Peak bytes over all ranks on this machine, roughly. 0 for what lies on GPUs or other machines, of whose memory nothing
 * is known here. The weights are those that the worker has: in fewer bits they are not estimated.
 */
function estimateMemory({ about, layout }: RemoteModel, work: Work, ownSlots: number): MemoryParts {
  const ranks = about.device === 'cpu' ? about.ranks : 0;
  const { activations, head, cache } =
    work.kind === 'generate' ? ofGeneration(about, work, ownSlots) : ofRows(about, work);
  const own = ranks === 0 ? 0 : 4 * layout.total;
  return {
    weights: ranks * about.weight_bytes,
    state: work.kind === 'train' ? 4 * own : own,
    activations: ranks * activations,
    head: ranks * head,
    cache: ranks * cache,
    runtime: ranks * runtimeBytes,
  };
}

type RowBytes = Pick<MemoryParts, 'activations' | 'head' | 'cache'>;

/** Values of a layer's rows, as multiples of the hidden size. */
const layerWidth = 34;

function ofRows(
  { row_tokens, layers, hidden_size, vocab_size }: RemoteModel['about'],
  { kind, tokens, responseTokens }: Work & { kind: 'train' | 'score' },
): RowBytes {
  const rows = Math.max(tokens, row_tokens);
  const keptLayers = kind === 'train' ? layers : 1;
  return {
    activations: 4 * rows * keptLayers * hidden_size * layerWidth,
    head: 3 * 4 * Math.ceil((rows * responseTokens) / tokens) * vocab_size,
    cache: 0,
  };
}

/** Keys and values as wide as the hidden size, which is the most that they are. */
function ofGeneration(
  { layers, hidden_size, vocab_size }: RemoteModel['about'],
  { promptTokens, tokens, slots }: Work & { kind: 'generate' },
  ownSlots: number,
): RowBytes {
  const sequences = slots ?? ownSlots;
  return {
    activations: 4 * sequences * promptTokens * hidden_size * layerWidth,
    head: 2 * 4 * sequences * vocab_size,
    cache: 2 * 4 * sequences * tokens * layers * hidden_size,
  };
}

async function saveAdapterOf(
  { worker, trainable, layout, adapter }: RemoteModel,
  dir: string,
  { baseModelName, modelDir }: OpenEngineOptions,
): Promise<void> {
  if (trainable.kind !== 'lora') {
    throw new WhetstoneError('ENGINE_NO_ADAPTER', 'there is no LoRA adapter to save');
  }
  const values = await getValues(worker, 'parameters', layout.total);
  const tensors = new Map(
    layout.parameters.map(({ name, shape, offset, size }) => [
      name,
      { shape, data: values.subarray(offset, offset + size) },
    ]),
  );
  const baseModel = baseModelName ?? adapter?.baseModel ?? modelDir;
  await writeAdapter(dir, { lora: trainable.lora, tensors, baseModel });
}
