// A model as an engine holds it: what is read of its folders, and how its graphs are to be run. Nothing is compiled
// or run here.
import { availableParallelism } from 'node:os';
import type { Arithmetic, Provider } from '../graph/index.ts';
import type {
  Adapter,
  Checkpoint,
  ComputeDType,
  DecoderConfig,
  LoraConfig,
  ModelFolder,
  Trainable,
} from '../models/index.ts';
import {
  cacheFolder,
  headName,
  inFewBits,
  readAdapter,
  readModelFolder,
  withProductCodes,
} from '../models/index.ts';
import { chooseArithmetic } from './arithmetic.ts';
import { isNarrow } from './arrangement.ts';
import { findDevice } from './device.ts';
import type { OpenEngineOptions } from './engine.ts';
import { lazily } from './lazily.ts';
import { worthPrepacking } from './memory.ts';
import type { ParameterLayout } from './parameters.ts';
import { layOut, views } from './parameters.ts';
import type { Feed } from './session.ts';
import { chooseTrainable, initialParameters, requireUsableLora, trainableParameters } from './trainable.ts';
import { requireFiniteWeights } from './weight-check.ts';
import { adapterNotes } from '../runs/adapter-folder.ts';
import { WhetstoneError } from '../errors.ts';
import { note } from '../words/note.ts';
import { thousands } from '../words/numbers.ts';
import type { Note } from '../words/note.ts';

export interface EngineOptions extends OpenEngineOptions {
  /** Whether training and generation repack weights; default where the copies are small beside the machine's memory. */
  readonly prepack?: boolean;
  /** Whether one run takes a whole batch or a sequence at a time; default for narrow models, for tests to choose. */
  readonly wholeBatches?: boolean;
  /** Prefix of ONNX Runtime's profile of the training step; for benchmarks. */
  readonly profile?: string;
}

export interface EngineModel {
  readonly config: DecoderConfig;
  /** Without what the decoder does not read. */
  readonly checkpoint: Checkpoint;
  readonly adapter: Adapter | null;
  readonly trainable: Trainable;
  readonly layout: ParameterLayout;
  /** The trainable tensors' present values, flat; training changes them in place. */
  readonly values: Float32Array;
  /** The same values by name, as graphs are fed with them. */
  readonly parameters: Readonly<Record<string, Feed>>;
  readonly threads: number;
  /** Where graphs run. */
  readonly device: Provider;
  /** What generation multiplies frozen codes in. */
  readonly arithmetic: Arithmetic;
  /** The checkpoint with codes for products in whole numbers; null where training and scoring multiply in float32. */
  readonly products: (() => Promise<Checkpoint>) | null;
  readonly prepack: boolean;
  readonly wholeBatches: boolean;
  /** What is odd about the folder and worth a word: full sentences. */
  readonly notes: readonly Note[];
}

/** Throws what reading the folders throws, and `ENGINE_OPTIONS` for a `lora` that does not fit the model. */
export async function readModel(options: EngineOptions): Promise<EngineModel> {
  const { modelDir, adapterDir, seed = 0 } = options;
  const found = await findDevice(options.device ?? 'cpu', options.computeDtype as ComputeDType | undefined);
  const folder = await readModelFolder(modelDir);
  const { config } = folder;
  const stored = usedWeights(folder);
  const notes: Note[] = [];
  const checkpoint = await asComputed(stored, options, notes);
  const threads = options.threads ?? usefulThreads(config);
  const chosen = await chooseArithmetic({ checkpoint, threads, device: found.device }, options.baseCompute);
  const products = chosen.products ? lazily(() => withProductCodes(checkpoint)) : null;
  const adapter = adapterDir == null ? null : await readAdapter(adapterDir, config);
  const trainable = chooseTrainable(options.lora, adapter, config);
  if (trainable.kind === 'lora') requireUsableLora(trainable.lora, config);
  const layout = layOut(trainableParameters(config, checkpoint, trainable));
  const values = await initialParameters(layout, checkpoint, trainable, adapter, seed);
  return {
    config,
    checkpoint,
    adapter,
    trainable,
    layout,
    values,
    parameters: views(layout, values),
    threads,
    device: found.device,
    arithmetic: chosen.arithmetic,
    products,
    prepack: options.prepack ?? worthPrepacking(checkpoint),
    wholeBatches: options.wholeBatches ?? isNarrow(config),
    notes: [
      ...found.notes,
      ...folder.notes,
      ...(adapter ? [] : noteOnFused(options.lora, trainable)),
      ...noteOnUnused(folder, stored),
      ...notes,
      ...chosen.notes,
      ...(adapterDir == null ? [] : await adapterNotes(adapterDir)),
    ],
  };
}

/** The weights as they are run, each value seen to be finite there. */
async function asComputed(
  checkpoint: Checkpoint,
  { baseDtype = 'float32', lora, ...options }: EngineOptions,
  notes: Note[],
): Promise<Checkpoint> {
  const computeDtype = (options.computeDtype ?? 'float32') as ComputeDType;
  const stored = [...checkpoint.weights.values()];
  const packed = stored.flatMap((weight) => weight.packed ?? []);
  const [first] = packed;
  if (first) requireFrozenCodes(first.method, baseDtype, lora);
  const halves = baseDtype === 'float32' && computeDtype === 'float16';
  const dtype = baseDtype !== 'float32' ? baseDtype : halves ? 'float16' : null;
  const check = (): Promise<void> => requireFiniteWeights(checkpoint, halves ? 'float16' : 'float32');
  const areHalves = stored.every((weight) => weight.shape.length < 2 || weight.dtype === 'F16');
  if (!first && (dtype === null || (halves && areHalves))) {
    await check();
    return { ...checkpoint, computeDtype };
  }
  const onWrite = (parameters: number, file: string): void => {
    const what = first
      ? `Unpacked the codes of ${thousands(packed.length)} matrices of ${first.method}, as they are`
      : `${halves ? 'Converted' : 'Quantized'} ${thousands(parameters)} parameters to ${dtype}`;
    const code = halves && !first ? 'CONVERTED' : 'QUANTIZED';
    notes.push(note(code, `${what}; they are kept in ${file} for the next time.`));
  };
  const made = await inFewBits(checkpoint, { dtype, cache: cacheFolder(), check, onWrite });
  const inOrder = [...made.weights].filter(
    ([name, { quantized }]) => quantized && checkpoint.weights.get(name)!.packed,
  );
  const reordered = packed.length - inOrder.length;
  if (reordered > 0) {
    const text = `${thousands(reordered)} of ${thousands(packed.length)} quantized matrices have groups in another order than their columns (act order): they are kept in float32, with the same values.`;
    notes.push(note('DEQUANTIZED', text));
  }
  return { ...made, computeDtype };
}

/** Codes that came with the model stay as they are, and no weight behind them can be trained. */
function requireFrozenCodes(method: string, baseDtype: string, lora: LoraConfig | null | undefined): void {
  if (baseDtype !== 'float32') {
    throw new WhetstoneError(
      'ENGINE_OPTIONS',
      `the model is quantized already, with ${method}; found ${baseDtype}`,
      {
        field: 'base_dtype',
        hint: 'Leave it out: the codes are used as they are. To quantize again would only lose more.',
      },
    );
  }
  if (lora === null) {
    throw new WhetstoneError('ENGINE_OPTIONS', `weights quantized with ${method} are frozen`, {
      field: 'lora',
      hint: 'Train an adapter, or the model that this one was made from.',
    });
  }
}

/** Where the adapter has other projections than those that were asked for. */
function noteOnFused(asked: LoraConfig | null | undefined, trainable: Trainable): Note[] {
  if (!asked || trainable.kind !== 'lora') return [];
  const has = trainable.lora.targetModules;
  const absent = asked.targetModules.filter((name) => !has.includes(name));
  if (absent.length === 0) return [];
  const fused = has.filter((name) => !asked.targetModules.includes(name));
  const text = `This model has ${fused.join(' and ')} in place of ${absent.join(', ')}; the adapter is on ${has.join(', ')}.`;
  return [note('FUSED_PROJECTIONS', text)];
}

/** All cores; but in narrow models handing work to other threads costs more than the work. */
const usefulThreads = (config: DecoderConfig): number => (isNarrow(config) ? 1 : availableParallelism());

/** The checkpoint without what the decoder does not read, such as old rotary buffers or a copy of tied embeddings. */
function usedWeights({ config, checkpoint }: ModelFolder): Checkpoint {
  const names = trainableParameters(config, checkpoint, { kind: 'full' }).map(({ name }) => name);
  return { ...checkpoint, weights: new Map(names.map((name) => [name, checkpoint.weights.get(name)!])) };
}

/** transformers warns of what it does not read, too: the rest of a larger model, or another architecture's part. */
function noteOnUnused({ config, checkpoint }: ModelFolder, used: Checkpoint): Note[] {
  const harmless = (name: string): boolean =>
    name.endsWith('rotary_emb.inv_freq') || (config.tiedEmbeddings && name === headName);
  const unused = [...checkpoint.weights.keys()].filter((name) => !used.weights.has(name) && !harmless(name));
  if (unused.length === 0) return [];
  const [first] = unused;
  const what = unused.length === 1 ? `tensor "${first}"` : `${unused.length} tensors, "${first}" among them,`;
  const text = `The weights have ${what} that a ${config.modelType} model of this config.json does not use.`;
  return [note('UNUSED_WEIGHTS', text)];
}
