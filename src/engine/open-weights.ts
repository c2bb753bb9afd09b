// Opens an engine by the settings that commands and runs have. The engine on ONNX Runtime is loaded when it is first
// asked for, so that whatever is refused before that is refused at once.
import { WhetstoneError } from '../errors.ts';
import type { LoraConfig } from '../models/index.ts';
import type { Note } from '../words/note.ts';
import { show } from '../options/check.ts';
import { camelCase } from '../options/names.ts';
import { defaultsOf } from '../options/table.ts';
import type { SettingsOf } from '../options/table.ts';
import { compute } from '../options/tables/compute.ts';
import type { Engine, OpenEngine, OpenEngineOptions } from './engine.ts';
import { isTorch } from './torch/address.ts';
import { option } from '../words/option.ts';

/** What a model in this process is computed with. */
export type ComputeSettings = {
  readonly [K in keyof SettingsOf<typeof compute>]?: SettingsOf<typeof compute>[K] | null;
};

const computeNames = Object.keys(compute).map(camelCase) as (keyof ComputeSettings)[];

/** The settings of a verb that say what its models are computed with. */
export const computeOf = <T extends ComputeSettings>(settings: T): Pick<T, keyof T & keyof ComputeSettings> =>
  Object.fromEntries(
    computeNames.filter((name) => name in settings).map((name) => [name, settings[name]]),
  ) as Pick<T, keyof T & keyof ComputeSettings>;

/** Null, like leaving a setting out, is the engine's own choice, except for `lora`. */
export interface WeightSettings extends ComputeSettings {
  /** Hugging Face model folder. */
  readonly model: string;
  /** PEFT adapter folder; null is the model as it is. */
  readonly adapter?: string | null;
  /** Sequences that are generated side by side. */
  readonly slots?: number | null;
  readonly seed?: number;
  /** The adapter to train; null trains every weight; left out, nothing is trained. */
  readonly lora?: LoraConfig | null;
  /** Recorded in saved adapters as the base model. */
  readonly baseModelName?: string;
  /** Hears what a person should know of the model. */
  readonly onNote?: ((note: Note) => void) | undefined;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine | null;
}

/** Throws what opening the engine throws. */
export async function openWeights(settings: WeightSettings): Promise<Engine> {
  const { model, adapter, slots, seed, lora, baseModelName } = settings;
  const openEngine = settings.openEngine ?? engineFor(settings);
  const engine = await openEngine({
    modelDir: model,
    adapterDir: adapter ?? undefined,
    ...given(computeOf(settings)),
    slots: slots ?? undefined,
    seed,
    lora,
    baseModelName,
  });
  for (const note of engine.describe().notes ?? []) settings.onNote?.(note);
  return engine;
}

/** Settings of the engine torch alone. */
const torchOnly = ['nproc', 'python', 'gradientCheckpointing'] as const;
const torchDefaults = defaultsOf(compute);

/** Settings that choose the engine, and are none of those that an engine is opened with. */
const choosing: readonly string[] = ['engine', ...torchOnly];

/**
 * The settings of a run that goes on with those that are given: what it had for the engine torch does not follow it to
 * another.
 */
export function forEngine<S extends ComputeSettings>(settings: S, given: Partial<S>): S {
  if (isTorch(settings.engine ?? 'onnx')) return settings;
  const left = torchOnly.filter((name) => given[name] === undefined);
  return { ...settings, ...Object.fromEntries(left.map((name) => [name, torchDefaults[name]])) };
}

/** Without what is null: for an engine that is left out. */
const given = (settings: ComputeSettings): Partial<OpenEngineOptions> =>
  Object.fromEntries(
    Object.entries(settings).filter(([name, value]) => value != null && !choosing.includes(name)),
  );

/** Throws `INVALID_OPTIONS` for an engine that there is not, and for settings of another than is asked for. */
export function requireEngine(settings: ComputeSettings): void {
  const engine = settings.engine ?? 'onnx';
  if (isTorch(engine)) return;
  if (engine !== 'onnx') {
    throw new WhetstoneError(
      'INVALID_OPTIONS',
      `expected onnx, torch or torch://HOST:PORT, found ${show(engine)}`,
      { options: ['engine'] },
    );
  }
  const wrong = torchOnly.find((name) => settings[name] != null && settings[name] !== torchDefaults[name]);
  if (wrong !== undefined) {
    throw new WhetstoneError('INVALID_OPTIONS', 'belongs to the engine torch', {
      options: [wrong, 'engine'],
      hint: `Add ${option('engine')} torch.`,
    });
  }
}

/** Throws as `requireEngine`. */
function engineFor(settings: ComputeSettings): OpenEngine {
  requireEngine(settings);
  const { engine, nproc, python, gradientCheckpointing } = settings;
  if (engine == null || !isTorch(engine)) return openOnnxEngine;
  return async (options) =>
    (await import('./torch/torch-engine.ts')).openTorchEngine(options, {
      ...{ engine, nproc, python, gradientCheckpointing },
    });
}

const openOnnxEngine: OpenEngine = async (options) => (await import('./onnx-engine.ts')).openEngine(options);
