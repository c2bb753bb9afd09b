// A model under the name that requests call it by: engine, tokenizer, prompts. Knows files; it does not know requests.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { folderDigests } from '../runs/digests.ts';
import { versions } from '../runs/versions.ts';
import { WhetstoneError } from '../errors.ts';
import type { Engine, OpenEngine } from '../engine/engine.ts';
import { openWeights } from '../engine/open-weights.ts';
import { loadVoice, templateNote } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import { modelOfSnapshot } from '../hub/index.ts';
import { conversationTemplate } from '../tokens/index.ts';
import type { PromptTemplate, RenderChat, TemplateArgs, Tokenizer } from '../tokens/index.ts';
import { tokenTexts } from './token-text.ts';
import type { TokenText } from './token-text.ts';
import { option } from '../words/option.ts';
import type { Note } from '../words/note.ts';

export interface ServedModel {
  readonly id: string;
  /** The model that this is an adapter of; null for the model itself. */
  readonly parent: string | null;
  /** When the folder was made, in seconds since 1970. */
  readonly created: number;
  /** Changes with the weights, the tokenizer and the version of the program. */
  readonly fingerprint: string;
  readonly engine: Pick<Engine, 'generate' | 'score'>;
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
  /** Renders a conversation by the tokenizer's chat template; null with another template. */
  readonly renderChat: RenderChat | null;
  readonly textOf: (id: number) => Promise<TokenText>;
  /** Longest sequence, prompt and response together, in tokens. */
  readonly maxPositions: number;
  /** Token ids are below this. */
  readonly vocabSize: number;
}

export interface NamedAdapter {
  /** Null: the folder's name, or that of the folder around it where it is called "adapter". */
  readonly name: string | null;
  readonly dir: string;
}

export interface ModelsToServe {
  readonly modelDir: string;
  readonly adapters: readonly NamedAdapter[];
  /** Null: what each adapter was trained with, else `chat` where the tokenizer has a chat template, else `alpaca`. */
  readonly template: string | null;
  /** Values for the variables of a chat template; a request may have others. */
  readonly templateArgs?: TemplateArgs;
  /** Hears that an adapter is asked in another way than it was trained. */
  readonly onNote?: (note: Note) => void;
  readonly threads: number | null;
  /** Texts generated side by side, of each model; null leaves it to the engine. */
  readonly slots?: number | null;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine;
}

export interface ServedModels {
  /** The adapters in the order given, then the model that they belong to. */
  readonly models: readonly ServedModel[];
  /** Waits for what is under way. */
  dispose(): Promise<void>;
}

/** Opens a model and its adapters, each with an engine of its own. Throws WhetstoneError as opening each does. */
export async function openModels(settings: ModelsToServe): Promise<ServedModels> {
  const { modelDir, adapters, threads, slots, openEngine } = settings;
  const base = modelOfSnapshot(resolve(modelDir)) ?? basename(resolve(modelDir));
  const entries = [
    ...adapters.map(({ name, dir }) => ({ id: name ?? nameOf(dir), dir, parent: base })),
    { id: base, dir: null, parent: null },
  ];
  const twice = entries.find(({ id }, i) => entries.findIndex((other) => other.id === id) !== i);
  if (twice) {
    throw new WhetstoneError('INVALID_OPTIONS', `two models would have the name "${twice.id}"`, {
      hint: `Name adapters: ${option('adapter')} NAME=DIR.`,
    });
  }
  const opened: { dispose(): Promise<void> }[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(opened.map((engine) => engine.dispose()));
  };
  try {
    const models: ServedModel[] = [];
    for (const { id, dir, parent } of entries) {
      const { template: told, templateArgs } = settings;
      const voice = await loadVoice({ model: modelDir, template: told, args: templateArgs, adapter: dir });
      const { tokenizer, template } = voice;
      const note = await templateNote(voice, dir);
      if (note !== null) settings.onNote?.(note);
      const engine = await openWeights({ model: modelDir, adapter: dir, threads, slots, openEngine });
      opened.push(engine);
      const { maxPositions, vocabSize } = engine.describe();
      models.push({
        id,
        parent,
        engine,
        tokenizer,
        template,
        renderChat: chatOf(voice),
        textOf: tokenTexts(tokenizer),
        maxPositions,
        vocabSize,
        created: Math.floor((await stat(dir ?? modelDir)).mtimeMs / 1000),
        fingerprint: await fingerprintOf(modelDir, dir),
      });
    }
    return { models, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Null with a template that is no chat template. */
function chatOf({ tokenizer, template }: Voice): RenderChat | null {
  const { template: name, template_args: args } = template.record;
  return name === 'chat' ? conversationTemplate(tokenizer, () => new Date(), args) : null;
}

function nameOf(adapterDir: string): string {
  const dir = resolve(adapterDir);
  return basename(dir) === 'adapter' ? basename(dirname(dir)) : basename(dir);
}

async function fingerprintOf(modelDir: string, adapterDir: string | null): Promise<string> {
  const parts = [
    await versions(),
    await folderDigests(modelDir),
    adapterDir === null ? null : await folderDigests(adapterDir),
  ];
  return `fp_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 10)}`;
}
