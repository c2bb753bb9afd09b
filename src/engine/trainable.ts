// Which tensors an engine trains, and what they start from.
import { WhetstoneError } from '../errors.ts';
import type {
  Adapter,
  Checkpoint,
  DecoderConfig,
  LoraConfig,
  Parameter,
  Trainable,
} from '../models/index.ts';
import {
  adapterMisfit,
  fuseTargets,
  isTarget,
  projectionNames,
  readTensorBytes,
  toFloat32,
} from '../models/index.ts';
import type { NamedProjections } from '../models/adapted-projections.ts';
import { gridArrangement } from './arrangement.ts';
import { traceScore } from './step-graph.ts';
import type { ParameterLayout } from './parameters.ts';
import { initialLora } from './parameters.ts';
import { createRandom } from '../random.ts';

/** What `lora` and the adapter say about training a model. */
export function chooseTrainable(
  lora: LoraConfig | null | undefined,
  adapter: Adapter | null,
  config: Pick<DecoderConfig, 'fusedProjections'>,
): Trainable {
  if (adapter) {
    return { kind: 'lora', lora: { ...adapter.lora, dropout: lora?.dropout ?? adapter.lora.dropout } };
  }
  if (lora === undefined) return { kind: 'none' };
  if (!lora) return { kind: 'full' };
  return { kind: 'lora', lora: { ...lora, targetModules: fuseTargets(lora.targetModules, config) } };
}

/** Throws `ENGINE_OPTIONS` for numbers out of range, which can only be an adapter's, and for targets that no projection has. */
export function requireUsableLora(lora: LoraConfig, config: NamedProjections): void {
  const { rank, alpha, dropout } = lora;
  const wrong = (field: string, expected: string, found: number): WhetstoneError =>
    new WhetstoneError('ENGINE_OPTIONS', `must be ${expected}; found ${found}`, { field });
  if (!Number.isInteger(rank) || rank < 1) throw wrong('lora_r', 'a positive integer', rank);
  if (!Number.isFinite(alpha)) throw wrong('lora_alpha', 'a number', alpha);
  if (!(dropout >= 0 && dropout < 1)) throw wrong('lora_dropout', 'at least 0 and below 1', dropout);
  const names = projectionNames(config);
  const unknown = lora.targetModules.filter(
    (target) => !names.some((name) => isTarget({ ...lora, targetModules: [target] }, name)),
  );
  if (unknown.length > 0 || lora.targetModules.length === 0) {
    const known = [...new Set(names.map((name) => name.split('.').at(-1)))];
    throw new WhetstoneError(
      'ENGINE_OPTIONS',
      `the model has no projection ${unknown.map((u) => `"${u}"`).join(', ') || 'to adapt'}`,
      {
        field: 'lora_target_modules',
        hint: `Projections are ${known.join(', ')}.`,
      },
    );
  }
}

/** Every trainable tensor in the order the decoder asks for it. */
export function trainableParameters(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  trainable: Trainable,
): Parameter[] {
  if (trainable.kind === 'none') return [];
  const { inputs } = traceScore({ config, checkpoint, trainable, arrangement: gridArrangement() }).weights;
  return [...inputs].map(([name, tensor]) => ({ name, shape: tensor.shape as number[] }));
}

/** Flat initial values: an adapter's, a fresh adapter's, or the checkpoint's. */
export async function initialParameters(
  layout: ParameterLayout,
  checkpoint: Checkpoint,
  trainable: Trainable,
  adapter: Adapter | null,
  seed: number,
): Promise<Float32Array> {
  if (trainable.kind === 'lora') return initialAdapter(layout, adapter, seed);
  const flat = new Float32Array(layout.total);
  for (const { name, offset } of layout.parameters) {
    const stored = checkpoint.weights.get(name)!;
    const place = { file: stored.file, field: name };
    flat.set(toFloat32(await readTensorBytes(stored.file, stored), stored.dtype, place), offset);
  }
  return flat;
}

/** Flat values of the adapter that training goes on from, or of a fresh one. */
export function initialAdapter(layout: ParameterLayout, adapter: Adapter | null, seed: number): Float32Array {
  if (!adapter) return initialLora(layout, createRandom(seed, initStream));
  const flat = new Float32Array(layout.total);
  for (const { name, shape, offset } of layout.parameters) {
    const tensor = adapter.tensors.get(name)!;
    if (tensor.shape.join() !== shape.join()) throw adapterMisfit(adapter, name, shape);
    flat.set(tensor.data, offset);
  }
  return flat;
}

/** First key of the stream that initial weights come from; dropout streams begin with the step, which is smaller. */
const initStream = 0x696e6974;
