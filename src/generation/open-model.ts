// A model opened for use: tokenizer and prompts, which are quick to read and refuse early, then the weights. Knows
// folders; it does not know what the model is asked.
import type { Engine } from '../engine/engine.ts';
import { openWeights } from '../engine/open-weights.ts';
import type { WeightSettings } from '../engine/open-weights.ts';
import type { TemplateArgs } from '../tokens/chat-template.ts';
import { describeTemplate, readTemplateRecord, sameTemplate } from '../tokens/template-record.ts';
import { loadTemplate, recordedTemplate } from '../tokens/template.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import type { Voice } from './speaker.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';

export interface VoiceSettings {
  /** Hugging Face model folder. */
  readonly model: string;
  /**
   * alpaca, chat or a template file; null: the one that the adapter was trained with, else chat where the tokenizer has
   * a chat template, else alpaca.
   */
  readonly template: string | null;
  /** Values for the variables of a chat template, such as `enable_thinking`. */
  readonly args?: TemplateArgs | undefined;
  /** The adapter that will be asked, which may say what it was trained with. */
  readonly adapter?: string | null | undefined;
  /** The date that a chat template may write into prompts; default the present. */
  readonly now?: Date;
}

/** A model with its voice. `dispose` frees the memory of its weights. */
export interface OpenedModel extends Voice {
  readonly engine: Engine;
  dispose(): Promise<void>;
}

/** Throws what `loadTokenizer` and `loadTemplate` throw. */
export async function loadVoice({ model, template, args, adapter, now }: VoiceSettings): Promise<Voice> {
  const tokenizer = await loadTokenizer(model);
  const trained = adapter ? await readTemplateRecord(adapter) : null;
  if (template === null && trained !== null)
    return { tokenizer, template: await recordedTemplate(trained, tokenizer, { args, now }) };
  const spec = template ?? (tokenizer.chatTemplate === null ? 'alpaca' : 'chat');
  return { tokenizer, template: await loadTemplate(spec, tokenizer, { args, now }) };
}

/** One line for a person who asks an adapter in another way than it was trained; null where nothing is amiss. */
export async function templateNote({ template }: Voice, adapter: string | null): Promise<Note | null> {
  const trained = adapter ? await readTemplateRecord(adapter) : null;
  if (trained === null || sameTemplate(trained, template.record)) return null;
  const [then, now] = [trained, template.record].map(describeTemplate);
  const text = `The adapter was trained with the template ${then}; it is asked with ${now}, as told.`;
  return note('OTHER_TEMPLATE', text);
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
