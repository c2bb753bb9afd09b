// Opens an engine by the settings that commands and runs have. The engine on ONNX Runtime is loaded when it is first
// asked for, so that whatever is refused before that is refused at once.
import type { LoraConfig } from '../models/index.ts';
import type { Note } from '../words/note.ts';
import type { Engine, OpenEngine } from './engine.ts';

/** Null, like leaving a setting out, is the engine's own choice, except for `lora`. */
export interface WeightSettings {
  /** Hugging Face model folder. */
  readonly model: string;
  /** PEFT adapter folder; null is the model as it is. */
  readonly adapter?: string | null;
  readonly threads?: number | null;
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
  const { model, adapter, threads, slots, seed, lora, baseModelName } = settings;
  const openEngine = settings.openEngine ?? openOnnxEngine;
  const engine = await openEngine({
    modelDir: model,
    adapterDir: adapter ?? undefined,
    threads: threads ?? undefined,
    slots: slots ?? undefined,
    seed,
    lora,
    baseModelName,
  });
  for (const note of engine.describe().notes ?? []) settings.onNote?.(note);
  return engine;
}

const openOnnxEngine: OpenEngine = async (options) => (await import('./onnx-engine.ts')).openEngine(options);
