// What a trained adapter is to other programs: its base, its rank, and how prompts were put to it. Knows folders.
import { basename, dirname, join, resolve } from 'node:path';
import { loadVoice } from '../generation/index.ts';
import type { Voice } from '../generation/index.ts';
import { readJsonObject } from '../models/json-file.ts';
import { adapterFolder } from '../runs/adapter-folder.ts';
import { readTemplateRecord } from '../tokens/index.ts';
import type { TemplateRecord } from '../tokens/index.ts';

export interface Trained {
  /** Folder of the adapter, from the root. */
  readonly adapter: string;
  /** What the adapter names as its base: a folder, or a model of the hub. */
  readonly base: string;
  /** Folder of the base on this machine. */
  readonly folder: string;
  /** A name without anything that another program would have to quote. */
  readonly name: string;
  readonly rank: number;
  readonly alpha: number;
  readonly rankStabilized: boolean;
  /** The config's `model_type`; null where the base cannot be read. */
  readonly modelType: string | null;
  readonly template: TemplateRecord;
  /** As the verbs take it. */
  readonly templateOption: string;
  /** The prompt for an instruction; null where neither base nor record says how it reads. */
  readonly prompt: ((instruction: string) => string) | null;
  /** Texts of the tokens that end a response, and of the one that begins a text. */
  readonly ends: readonly string[];
  readonly begin: string | null;
}

export interface TrainedPlaces {
  readonly adapter: string;
  /** Folder of the base model. */
  readonly model: string;
  /** Named in other programs by default after the folder that the adapter is in. */
  readonly name?: string;
  /** The template as a verb takes it: its name, or its file from the root. */
  readonly templateOption?: string | undefined;
  /** The prompt with {instruction} in it, as the run's record has it. */
  readonly recordedPrompt?: string | undefined;
}

/** Null where the folder holds no adapter that says what it is. */
export async function readTrained(places: TrainedPlaces): Promise<Trained | null> {
  const adapter = resolve(await adapterFolder(places.adapter).catch(() => places.adapter));
  const folder = resolve(places.model);
  const config = await readJsonObject(join(adapter, 'adapter_config.json'), 'ADAPTER', '').catch(() => null);
  if (config === null) return null;
  const template = await readTemplateRecord(adapter).catch(() => null);
  const voice = await loadVoice({ model: folder, template: null, adapter }).catch(() => null);
  const known = template ?? voice?.template.record ?? { template: 'alpaca' };
  const base = config['base_model_name_or_path'];
  return {
    adapter,
    base: typeof base === 'string' ? base : folder,
    folder,
    name: nameOf(
      places.name ?? (basename(adapter) === 'adapter' ? basename(dirname(adapter)) : basename(adapter)),
    ),
    rank: Number(config['r']),
    alpha: Number(config['lora_alpha']),
    rankStabilized: config['use_rslora'] === true,
    modelType: await modelTypeOf(folder),
    template: known,
    templateOption: places.templateOption ?? known.template,
    prompt: promptOf(voice, places.recordedPrompt),
    ends: voice ? endsOf(voice) : [],
    begin: voice?.tokenizer.specialTokens['bos_token'] ?? null,
  };
}

const nameOf = (text: string): string =>
  text.replace(/[^\w.-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'aligned';

async function modelTypeOf(folder: string): Promise<string | null> {
  const config = await readJsonObject(join(folder, 'config.json'), 'CONFIG', '').catch(() => null);
  return typeof config?.['model_type'] === 'string' ? config['model_type'] : null;
}

function promptOf(voice: Voice | null, recorded: string | undefined): Trained['prompt'] {
  if (voice) return (instruction) => voice.template.render({ instruction }, null);
  if (recorded === undefined) return null;
  return (instruction) => recorded.replaceAll('{instruction}', () => instruction);
}

const endsOf = ({ tokenizer }: Voice): string[] => [
  ...new Set(tokenizer.stopTokenIds.flatMap((id) => tokenizer.idToToken(id) ?? [])),
];
