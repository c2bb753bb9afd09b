// Opens an engine by the settings that commands and runs have. The engine on ONNX Runtime is loaded when it is first
// asked for, so that whatever is refused before that is refused at once.
import type { LoraConfig } from '../models/index.ts';
import type { Note } from '../words/note.ts';
import { camelCase } from '../options/names.ts';
import type { SettingsOf } from '../options/table.ts';
import { compute } from '../options/tables/compute.ts';
import type { Engine, OpenEngine, OpenEngineOptions } from './engine.ts';

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
  const openEngine = settings.openEngine ?? openOnnxEngine;
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

/** Without what is null: for an engine that is left out. */
const given = (settings: ComputeSettings): Pick<OpenEngineOptions, keyof ComputeSettings> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value != null));

const openOnnxEngine: OpenEngine = async (options) => (await import('./onnx-engine.ts')).openEngine(options);
