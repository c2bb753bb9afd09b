// A model's folder as it is run: config.json and weights, held to each other. Knows what each says of the other;
// whether every weight is there and fits, the trace finds out.
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, StoredWeight } from './checkpoint.ts';
import { openCheckpoint } from './checkpoint.ts';
import { compressedMatrices } from './compressed-tensors.ts';
import type { DecoderConfig } from './config.ts';
import { readDecoderConfig } from './config.ts';
import { embeddingName, headName } from './decoder.ts';
import { gptqMatrices } from './gptq.ts';
import { readChunks } from './model-folder.ts';
import type { Quantization } from './quantization.ts';
import { readQuantization } from './quantization.ts';
import { isStoredDType, storedBytes, toFloat32 } from './safetensors.ts';
import { note } from '../words/note.ts';
import type { Note } from '../words/note.ts';
import { noteOnPositions } from './positions.ts';

export interface ModelFolder {
  readonly config: DecoderConfig;
  readonly checkpoint: Checkpoint;
  /** What is allowed but worth a word to the user: full sentences. */
  readonly notes: readonly Note[];
}

/** Throws what `readDecoderConfig` and `openCheckpoint` throw, and `MODEL_CONFIG` where the two contradict. */
export async function readModelFolder(modelDir: string): Promise<ModelFolder> {
  const config = await readDecoderConfig(modelDir);
  const quantization = await readQuantization(modelDir);
  const stored = await openCheckpoint(modelDir);
  const checkpoint = quantization ? await withPacked(stored, quantization) : stored;
  requireAllLayers(config, checkpoint, join(modelDir, 'config.json'));
  const model = { config, checkpoint, notes: [...notesOn(quantization), ...noteOnPositions(config.maxPositions, config.positionsEndedBy)] };
  return config.tiedEmbeddings ? tieHead(model) : model;
}

/**
 * What `read` gives of a model's folder; null for one that this process's graphs do not know, which the engine torch may.
 * Throws what has nothing to do with the model.
 */
export const unlessForeign = async <T>(read: Promise<T>): Promise<T | null> =>
  read.catch((error: unknown) => {
    if (error instanceof WhetstoneError && /^(MODEL|SAFETENSORS)/.test(error.code)) return null;
    throw error;
  });

/** Each packed matrix as one weight, in place of the tensors that it is read from. */
async function withPacked(checkpoint: Checkpoint, quantization: Quantization): Promise<Checkpoint> {
  const weights = new Map(checkpoint.weights);
  const matrices =
    quantization.method === 'gptq'
      ? gptqMatrices(weights, quantization)
      : await compressedMatrices(weights, quantization);
  for (const [module, packed] of matrices) {
    const [first] = packed.parts.values();
    for (const name of packed.parts.keys()) weights.delete(name);
    const shape = [packed.rows, packed.columns];
    weights.set(`${module}.weight`, { ...first!, dtype: packed.method, shape, packed });
  }
  return { ...checkpoint, weights };
}

function notesOn(quantization: Quantization | null): Note[] {
  if (!quantization?.quantizedActivations) return [];
  const text = `This model was quantized with ${quantization.name} for activations that are quantized too; here they are not.`;
  return [note('QUANTIZED_ACTIVATIONS', text)];
}

/** A model cut short by its config would run, and answer with noise. */
function requireAllLayers({ layers }: DecoderConfig, { weights }: Checkpoint, file: string): void {
  let stored = 0;
  let last = '';
  for (const name of weights.keys()) {
    const number = Number(/^model\.layers\.(\d{1,9})\./.exec(name)?.[1] ?? -1);
    if (number >= stored) [stored, last] = [number + 1, name];
  }
  if (stored <= layers) return;
  throw new WhetstoneError('MODEL_CONFIG', `is ${layers}, but the weights have ${stored} layers ("${last}")`, {
    file,
    field: 'num_hidden_layers',
    hint: `Write ${stored}, or take the tensors of the other layers out of the weights.`,
  });
}

/**
 * What `tie_word_embeddings` comes to, as in transformers 5: with one matrix stored it is both; of two that are
 * equal the head is a copy; of two that differ each is used for itself.
 */
async function tieHead(model: ModelFolder): Promise<ModelFolder> {
  const { config, checkpoint } = model;
  const [embedding, head] = [embeddingName, headName].map((name) => checkpoint.weights.get(name));
  if (!head) return model;
  if (!embedding) {
    const weights = new Map([...checkpoint.weights, [embeddingName, head] as const]);
    return { ...model, checkpoint: { ...checkpoint, weights } };
  }
  if (await areEqual(embedding, head)) return model;
  return {
    config: { ...config, tiedEmbeddings: false },
    checkpoint,
    notes: [
      note('OWN_LM_HEAD', `config.json ties ${headName} to the embeddings, but the weights have one of its own, which is used. ` +
        'Write "tie_word_embeddings": false into config.json to say so.'),
      ...model.notes,
    ],
  };
}

const chunkElements = 2 << 20;

/** Whether two tensors hold the same numbers, whatever dtypes they are stored in. Reads both until they differ. */
async function areEqual(a: StoredWeight, b: StoredWeight): Promise<boolean> {
  if (a.shape.join() !== b.shape.join() || !isStoredDType(a.dtype) || !isStoredDType(b.dtype)) return false;
  const others = readChunks(b, chunkElements * storedBytes[b.dtype]);
  try {
    for await (const chunk of readChunks(a, chunkElements * storedBytes[a.dtype])) {
      const other = (await others.next()).value!;
      const equal = a.dtype === b.dtype ? Buffer.compare(chunk, other) === 0 : haveEqualNumbers(chunk, a, other, b);
      if (!equal) return false;
    }
  } finally {
    await others.return();
  }
  return true;
}

function haveEqualNumbers(some: Uint8Array, a: StoredWeight, other: Uint8Array, b: StoredWeight): boolean {
  const values = toFloat32(some, a.dtype, { file: a.file, field: embeddingName });
  const others = toFloat32(other, b.dtype, { file: b.file, field: headName });
  return values.every((value, i) => value === others[i]);
}
