// A model under the name that requests call it by: engine, tokenizer, prompts. Knows files; it does not know requests.
import { computeOf } from '../engine/open-weights.ts';
import { stat } from 'node:fs/promises';
import { weightsFingerprint } from '../runs/fingerprint.ts';
import type { Engine, OpenEngine } from '../engine/engine.ts';
import { requireRoom } from './memory.ts';
import { answeringBytes } from '../engine/require-memory.ts';
import { openWeights } from '../engine/open-weights.ts';
import { loadVoice, templateNote } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import { checkOptions } from '../options/check.ts';
import { conversationTemplate } from '../tokens/index.ts';
import type { PromptTemplate, RenderChat, Tokenizer } from '../tokens/index.ts';
import { tokenTexts } from './token-text.ts';
import type { TokenText } from './token-text.ts';
import { adapterName, baseName, modelsDefaults, modelsEntry } from './settings.ts';
import type { ModelsSettings } from './settings.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { describeSampling, readSamplingDefaults } from '../models/sampling-defaults.ts';
import type { SamplingDefaults } from '../models/sampling-defaults.ts';

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
  /** How it samples where a request does not say. */
  readonly sampling: SamplingDefaults;
  /** Longest sequence, prompt and response together, in tokens. */
  readonly maxPositions: number;
  /** Token ids are below this. */
  readonly vocabSize: number;
  /** Of a model that learns: which of its versions this is. */
  readonly version?: number;
  /** Keeps it open for a request until the returned function is called; left out where it is open all the time. */
  readonly hold?: () => () => void;
}

export interface NamedAdapter {
  /** Null: the folder's name, or that of the folder around it where it is called "adapter". */
  readonly name: string | null;
  readonly dir: string;
}

/** Without a template: what each adapter was trained with, else `chat` where the tokenizer has one, else `alpaca`. */
export interface ModelsToServe extends Partial<ModelsSettings> {
  readonly modelDir: string;
  readonly adapters?: readonly NamedAdapter[];
  /** Hears that an adapter is asked in another way than it was trained. */
  readonly onNote?: (note: Note) => void;
  /** In place of the engine on ONNX Runtime. */
  readonly openEngine?: OpenEngine;
}

export interface ServedModels {
  /** The adapters in the order given, then the model that they belong to. */
  readonly models: readonly ServedModel[];
  /** Bytes that they take side by side where sequences are short. */
  readonly memory: number;
  /** Waits for what is under way. */
  dispose(): Promise<void>;
}

/**
 * Opens a model and its adapters, each with an engine of its own. Throws WhetstoneError `INVALID_OPTIONS`, and as opening
 * each does.
 */
export async function openModels(settings: ModelsToServe): Promise<ServedModels> {
  const { modelDir, adapters = [], openEngine } = settings;
  const {
    template: spec,
    templateArgs,
    slots,
    generationConfig,
    ...rest
  } = { ...modelsDefaults, ...checkOptions(modelsEntry, settings) };
  const base = baseName(modelDir);
  const entries = [
    ...adapters.map((adapter) => ({ id: adapterName(adapter), dir: adapter.dir, parent: base })),
    { id: base, dir: null, parent: null },
  ];
  const opened: Engine[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(opened.map((engine) => engine.dispose()));
  };
  try {
    const models: ServedModel[] = [];
    const sampling = generationConfig === 'auto' ? await readSamplingDefaults(modelDir) : {};
    const told = new Set<string>();
    const tell = (each: Note): void => {
      // A model says the same with each of its adapters.
      if (!told.has(each.text)) settings.onNote?.(each);
      told.add(each.text);
    };
    if (Object.keys(sampling).length > 0)
      tell(
        note(
          'SAMPLING_DEFAULTS',
          `Where a request says nothing: ${describeSampling(sampling)}, as generation_config.json of the model has it.`,
        ),
      );
    for (const { id, dir, parent } of entries) {
      const voice = await loadVoice({
        model: modelDir,
        template: spec,
        args: templateArgs ?? {},
        adapter: dir,
      });
      const { tokenizer, template } = voice;
      const odd = await templateNote(voice, dir);
      if (odd !== null) settings.onNote?.(odd);
      const engine = await openWeights({
        model: modelDir,
        adapter: dir,
        ...computeOf(rest),
        slots,
        openEngine,
      });
      opened.push(engine);
      const { maxPositions, vocabSize, notes = [] } = engine.describe();
      notes.forEach(tell);
      models.push({
        id,
        parent,
        engine,
        tokenizer,
        template,
        renderChat: chatOf(voice),
        textOf: tokenTexts(tokenizer),
        sampling,
        maxPositions,
        vocabSize,
        created: Math.floor((await stat(dir ?? modelDir)).mtimeMs / 1000),
        fingerprint: await weightsFingerprint(modelDir, dir),
      });
    }
    const short = await requireRoom(opened);
    if (short !== null) tell(short);
    return { models, memory: opened.reduce((sum, engine) => sum + answeringBytes(engine), 0), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Null with a template that is no chat template. */
export function chatOf({ tokenizer, template }: Voice): RenderChat | null {
  const { template: name, template_args: args } = template.record;
  return name === 'chat' ? conversationTemplate(tokenizer, () => new Date(), args) : null;
}
