// A model opened for use: tokenizer and prompts, which are quick to read and refuse early, then the weights. Knows
// folders; it does not know what the model is asked.
import type { Engine } from '../engine/engine.ts';
import { openWeights } from '../engine/open-weights.ts';
import type { WeightSettings } from '../engine/open-weights.ts';
import { loadTemplate } from '../tokens/template.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import type { Voice } from './speaker.ts';

export interface VoiceSettings {
  /** Hugging Face model folder. */
  readonly model: string;
  /** alpaca, chat or a template file; null: chat where the tokenizer has a chat template, else alpaca. */
  readonly template: string | null;
  /** The date that a chat template may write into prompts; default the present. */
  readonly now?: Date;
}

/** A model with its voice. `dispose` frees the memory of its weights. */
export interface OpenedModel extends Voice {
  readonly engine: Engine;
  dispose(): Promise<void>;
}

/** Throws what `loadTokenizer` and `loadTemplate` throw. */
export async function loadVoice({ model, template, now }: VoiceSettings): Promise<Voice> {
  const tokenizer = await loadTokenizer(model);
  const spec = template ?? (tokenizer.chatTemplate === null ? 'alpaca' : 'chat');
  return { tokenizer, template: await loadTemplate(spec, tokenizer, { now }) };
}

export type ModelSettings = WeightSettings & (VoiceSettings | { readonly voice: Voice });

/** Opens the weights, and beside them the voice unless it is there already. Throws what reading either throws. */
export async function openModel(settings: ModelSettings): Promise<OpenedModel> {
  const { tokenizer, template } = 'voice' in settings ? settings.voice : await loadVoice(settings);
  const engine = await openWeights(settings);
  return { engine, tokenizer, template, dispose: () => engine.dispose() };
}

/** Opens a model for `use`, and closes it. */
export async function withModel<T>(
  settings: ModelSettings,
  use: (opened: OpenedModel) => Promise<T>,
): Promise<T> {
  const opened = await openModel(settings);
  try {
    return await use(opened);
  } finally {
    await opened.dispose();
  }
}
