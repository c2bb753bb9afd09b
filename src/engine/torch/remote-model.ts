// A model that the worker holds: what is trained of it and in which order its values lie, the same as in this process's
// engine for every family that it knows, so that either goes on with the other's checkpoints.
import type { Adapter, LoraConfig, ModelFolder, Trainable } from '../../models/index.ts';
import { projectionNames, readAdapter, readModelFolder, unlessForeign } from '../../models/index.ts';
import { isTarget } from '../../models/weights.ts';
import { likelihood } from '../../objectives/index.ts';
import { dimKey } from '../../graph/index.ts';
import { arrangementFor, gridArrangement, isNarrow, outputsDim } from '../arrangement.ts';
import type { OpenEngineOptions, Sequence } from '../engine.ts';
import type { ParameterLayout } from '../parameters.ts';
import { layOut } from '../parameters.ts';
import { traceStep } from '../step-graph.ts';
import { chooseTrainable, initialAdapter, requireUsableLora, trainableParameters } from '../trainable.ts';
import { flat, floatsOf } from './frames.ts';
import type { RemoteWorker, TorchSettings } from './worker.ts';

/** What the worker says of the model that it has opened. */
export interface WorkerDescription {
  readonly model_type: string;
  readonly parameters: number;
  readonly vocab_size: number;
  readonly max_positions: number;
  readonly hidden_size: number;
  readonly layers: number;
  readonly linear: readonly { readonly name: string }[];
  readonly ranks: number;
  readonly device: string;
  readonly torch: string;
  readonly threads: number;
  readonly weight_bytes: number;
  readonly row_tokens: number;
}

export interface RemoteModel {
  readonly worker: RemoteWorker;
  readonly about: WorkerDescription;
  readonly trainable: Trainable;
  readonly layout: ParameterLayout;
  readonly adapter: Adapter | null;
  /** Rows that a sequence's dropout masks have. */
  readonly rowsOf: (sequence: Sequence) => number;
}

/** Throws what the worker refuses, what reading the adapter throws, and `ENGINE_OPTIONS` for an adapter that does not fit. */
export async function openRemoteModel(
  worker: RemoteWorker,
  options: OpenEngineOptions,
  settings: TorchSettings,
): Promise<RemoteModel> {
  const { modelDir, adapterDir, lora, seed = 0 } = options;
  const opened = await worker.ask('open', {
    model: modelDir,
    device: options.device ?? 'cpu',
    compute_dtype: options.computeDtype ?? 'float32',
    base_dtype: options.baseDtype ?? 'float32',
    threads: options.threads ?? null,
    full: lora === null,
    gradient_checkpointing: settings.gradientCheckpointing ?? false,
    row_tokens: settings.rowTokens ?? null,
  });
  const about = opened.fields as unknown as WorkerDescription;
  const known = await unlessForeign(readModelFolder(modelDir));
  const named = {
    layers: about.layers,
    ...known?.config,
    ...(!known && { projections: about.linear.map(({ name }) => name) }),
  };
  const adapter = adapterDir == null ? null : await readAdapter(adapterDir, named);
  const trainable = chooseTrainable(lora, adapter, {
    fusedProjections: known?.config.fusedProjections ?? false,
  });
  if (trainable.kind === 'lora') requireUsableLora(trainable.lora, named);
  const arrangement = arrangementFor(isNarrow({ hiddenSize: about.hidden_size }));
  const model = { worker, about, trainable, adapter, rowsOf: (s: Sequence) => arrangement.rowsOf(s) };
  if (trainable.kind === 'none') return { ...model, layout: layOut([]) };
  const targets =
    trainable.kind === 'lora' ? projectionNames(named).filter((name) => isTarget(trainable.lora, name)) : [];
  const trained = await worker.ask(
    'train',
    trainable.kind === 'lora' ? loraFields(trainable.lora, targets) : {},
  );
  const found = trained.fields.parameters as { name: string; shape: number[] }[];
  const layout = layOut(inOrder(found, known, trainable));
  await worker.ask('layout', {
    names: layout.parameters.map(({ name }) => name),
    masks: known && maskOrder(known, trainable),
  });
  if (trainable.kind === 'lora') {
    await putValues(worker, 'parameters', initialAdapter(layout, adapter, seed));
    if (adapter) await worker.ask('remember');
  }
  return { ...model, layout };
}

const loraFields = (lora: LoraConfig, targets: readonly string[]): Record<string, unknown> => ({
  lora: {
    rank: lora.rank,
    alpha: lora.alpha,
    dropout: lora.dropout,
    rank_stabilized: lora.rankStabilized,
    targets,
  },
});

/** The worker's tensors in the order of this process's engine, which lays them out as its decoder asks for them. */
function inOrder(
  found: readonly { name: string; shape: number[] }[],
  known: ModelFolder | null,
  trainable: Trainable,
): readonly { name: string; shape: number[] }[] {
  if (!known) return found;
  const byName = new Map(found.map((each) => [each.name, each]));
  const ours = trainableParameters(known.config, known.checkpoint, trainable).map(({ name }) =>
    byName.get(name),
  );
  // A family that transformers stores under other names keeps the worker's order: no other engine has its checkpoints.
  return ours.length === found.length && ours.every((each) => each !== undefined) ? ours : found;
}

/** Whose masks a sequence draws, in order, and whether for its response alone. */
function maskOrder(
  { config, checkpoint }: ModelFolder,
  trainable: Trainable,
): { name: string; outputs: boolean }[] | null {
  if (trainable.kind !== 'lora') return null;
  const arrangement = gridArrangement();
  const { weights } = traceStep({ config, checkpoint, trainable, arrangement }, likelihood());
  return [...weights.masks].map(([name, { shape }]) => ({
    name: name.slice(0, -'.keep'.length),
    outputs: dimKey(shape[0]!) === outputsDim,
  }));
}

/** Values that one frame carries. */
const chunk = 1 << 26;

export type Vector = 'parameters' | 'first_moment' | 'second_moment' | 'gradient';

export async function putValues(worker: RemoteWorker, which: Vector, values: Float32Array): Promise<void> {
  for (let start = 0; start < values.length; start += chunk) {
    const part = flat(values.subarray(start, start + chunk));
    await worker.ask('put', { which, start }, { values: part });
  }
}

export async function getValues(worker: RemoteWorker, which: Vector, total: number): Promise<Float32Array> {
  const values = new Float32Array(total);
  for (let start = 0; start < total; start += chunk) {
    const end = Math.min(total, start + chunk);
    values.set(floatsOf(await worker.ask('get', { which, start, end }), 'values'), start);
  }
  return values;
}
