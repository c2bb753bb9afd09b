// One compiled graph in ONNX Runtime. Knows names, shapes and buffers; nothing of what they mean.
import { InferenceSession, Tensor as OrtTensor } from './runtime.ts';
import { WhetstoneError } from '../errors.ts';
import type { DType, EmittedModel, Provider, Tensor } from '../graph/index.ts';
import { emit, substitute } from '../graph/index.ts';

/** Uint16Array holds the bits of float16. */
export type Buffer1D = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** A value to feed: a flat buffer, read in place, and its dimensions. */
export interface Feed {
  readonly data: Buffer1D;
  readonly dims: readonly number[];
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly nodeCount: number;
  /**
   * Runs the graph. Outputs listed in `into` are written to the given buffers, all others are copied out.
   * Nothing of ONNX Runtime's memory outlives the call.
   */
  run(
    feeds: Readonly<Record<string, Feed>>,
    into?: Readonly<Record<string, Feed>>,
  ): Promise<Record<string, Float32Array>>;
  /** The same without copying: the caller feeds results back as they are, and disposes of them. */
  runKeeping(feeds: Readonly<Record<string, Feed | OrtTensor>>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

export interface SessionSettings {
  /** Folder below which external initializers lie. */
  readonly root?: string;
  readonly threads: number;
  /** Where the graph runs; default the CPU. */
  readonly device?: Provider;
  /**
   * Whether weights are repacked for the kernels: faster products for few rows, at the price of a private copy
   * of every weight. Without it float32 weights stay mapped from their files.
   */
  readonly prepack?: boolean;
  /**
   * Whether memory of values that are no longer needed is kept for others, of this run and the next; default yes. It comes in
   * pieces that others do not quite fill: a quarter of a long sequence's peak (dev/LOG.md). Without it the system has it back.
   */
  readonly keepsMemory?: boolean;
  /** Prefix of a profile that ONNX Runtime writes; for benchmarks. */
  readonly profile?: string;
}

const tensorType = (data: Buffer1D): DType & ('float32' | 'float16' | 'int32' | 'int64' | 'uint8') =>
  data instanceof Float32Array
    ? 'float32'
    : data instanceof Uint16Array
      ? 'float16'
      : data instanceof Int32Array
        ? 'int32'
        : data instanceof BigInt64Array
          ? 'int64'
          : 'uint8';

const isOrt = (value: Feed | OrtTensor): value is OrtTensor => value instanceof OrtTensor;

const toOrt = (value: Feed | OrtTensor): OrtTensor =>
  isOrt(value) ? value : new OrtTensor(tensorType(value.data), value.data, value.dims);

/** Emits and loads a graph with the given outputs. Throws `ENGINE_LOAD` with ONNX Runtime's words. */
export async function compile(
  outputs: Readonly<Record<string, Tensor>>,
  settings: SessionSettings,
): Promise<Session> {
  const model = emit(substitute(outputs, settings.device ?? 'cpu'));
  const session = await load(model, settings);
  const outputNames = model.outputs.map(({ name }) => name);
  const given = (feeds: Readonly<Record<string, Feed | OrtTensor>>): Record<string, OrtTensor> =>
    Object.fromEntries(model.inputs.map(({ name }) => [name, toOrt(requireFeed(feeds, name))]));
  return {
    inputNames: model.inputs.map(({ name }) => name),
    nodeCount: model.nodeCount,
    run: async (feeds, into = {}) => {
      const wanted = Object.fromEntries(
        outputNames.map((name) => [name, into[name] ? toOrt(into[name]) : null]),
      );
      const results = await session.run(given(feeds), wanted);
      const copied: Record<string, Float32Array> = {};
      for (const name of outputNames) {
        if (into[name]) continue;
        const tensor = results[name]!;
        copied[name] = (tensor.data as Float32Array).slice();
        tensor.dispose();
      }
      return copied;
    },
    runKeeping: (feeds) => session.run(given(feeds)),
    release: () => session.release(),
  };
}

function requireFeed(feeds: Readonly<Record<string, Feed | OrtTensor>>, name: string): Feed | OrtTensor {
  const feed = feeds[name];
  if (!feed) throw new Error(`the graph needs an input "${name}" that was not fed`);
  return feed;
}

async function load(
  { bytes, convertsWeights }: EmittedModel,
  { root, threads, device = 'cpu', prepack = false, keepsMemory = true, profile }: SessionSettings,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Graphs are emitted as they are meant to run; only constants are left to fold.
      graphOptimizationLevel: 'basic',
      // Patterns are kept for every combination of shapes; rows of text have a new one each.
      enableMemPattern: false,
      enableCpuMemArena: keepsMemory,
      // As in runtime.ts: what goes wrong is thrown.
      logSeverityLevel: 4,
      ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
      extra: {
        // Equal nodes are merged when a graph is emitted; those that are left are meant to be computed twice.
        optimization: {
          disable_specified_optimizers: [
            'CommonSubexpressionElimination',
            ...(convertsWeights ? ['ConstantFolding'] : []),
          ].join(';'),
        },
        session: {
          disable_prepacking: prepack ? '0' : '1',
          ...(root ? { model_external_initializers_file_folder_path: root } : {}),
        },
      },
    });
  } catch (cause) {
    throw new WhetstoneError(
      'ENGINE_LOAD',
      `ONNX Runtime cannot load the graph: ${(cause as Error).message}`,
      { cause },
    );
  }
}
