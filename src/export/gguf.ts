// Models and adapters as GGUF files, for llama.cpp and what is built on it.
import { basename, resolve } from 'node:path';
import { loraScale } from '../models/index.ts';
import {
  adapterUpdates,
  embeddingName,
  headName,
  readAdapter,
  readModelFolder,
  weightRows,
} from '../models/index.ts';
import type { Adapter, DecoderConfig, StoredWeight, Update } from '../models/index.ts';
import type { Note } from '../words/note.ts';
import type { Architecture } from './architectures.ts';
import { architectureOf, tensorName } from './architectures.ts';
import { float32, frequencyTensors, modelFields, text, unsupported, windowNotes } from './gguf-fields.ts';
import type { GgufDType, GgufTensor } from './gguf-file.ts';
import { writeGguf } from './gguf-file.ts';
import { ggufTensor, storedAs } from './gguf-tensors.ts';
import { vocabularyFields } from './vocabulary.ts';

export interface ExportOptions {
  /** How matrices are stored. */
  readonly dtype: GgufDType;
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes of weights are written. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  readonly onNote?: ((note: Note) => void) | undefined;
}

export interface Exported {
  readonly architecture: string;
  readonly tensors: number;
  /** Of tensors. */
  readonly bytes: number;
}

/**
 * Writes the model in `modelDir`, with the adapter folded into it if there is one, as one GGUF file with its tokenizer.
 * Memory is bounded by the largest matrix of queries or keys in float32. A file at `out` is replaced in one step.
 *
 * Throws `EXPORT_UNSUPPORTED` for what llama.cpp would compute otherwise, `NO_TOKENIZER`, `STOPPED`, as `replaceFile`, and
 * what reading model and adapter throws.
 */
export async function exportModel(
  modelDir: string,
  adapterDir: string | null,
  out: string,
  options: ExportOptions,
): Promise<Exported> {
  const { config, checkpoint, notes } = await readModelFolder(modelDir);
  const architecture = architectureOf(config);
  const updates: ReadonlyMap<string, Update> =
    adapterDir === null ? new Map() : adapterUpdates(await readAdapter(adapterDir, config), checkpoint);
  const fields = [
    ...modelFields(basename(resolve(modelDir)), config, architecture, options.dtype),
    ...(await vocabularyFields(modelDir, config.vocabSize)),
  ];
  for (const each of [...notes, ...windowNotes(config, architecture)]) options.onNote?.(each);
  const tensors = [...checkpoint.weights].flatMap(([parameter, stored]) => {
    if (!isComputedWith(parameter, config)) return [];
    const name = tensorName(parameter, architecture);
    return name === null
      ? []
      : [
          weightTensor(
            { name, parameter, stored, update: updates.get(parameter) },
            config,
            architecture,
            options,
          ),
        ];
  });
  if (!checkpoint.weights.has(embeddingName)) throw unsupported(config, 'has no embeddings');
  for (const [name, values] of frequencyTensors(config, architecture))
    tensors.push(ggufTensor(name, [values.length], 'F32', () => [values]));
  return write(out, architecture, fields, tensors, options);
}

/**
 * Writes an adapter of the model in `modelDir` as a GGUF file of its own, float32. Throws as `exportModel`.
 */
export async function exportAdapter(
  modelDir: string,
  adapterDir: string,
  out: string,
  options: Omit<ExportOptions, 'dtype'>,
): Promise<Exported> {
  const { config } = await readModelFolder(modelDir);
  const architecture = architectureOf(config);
  const adapter = await readAdapter(adapterDir, config);
  const { lora } = adapter;
  const fields = [
    ['general.architecture', text(architecture.name)],
    ['general.type', text('adapter')],
    ['general.name', text(basename(resolve(adapterDir)))],
    ['adapter.type', text('lora')],
    // It is divided by the rank; so that rank-stabilized adapters are scaled as they were trained.
    ['adapter.lora.alpha', float32(loraScale(lora) * lora.rank)],
  ] as const;
  return write(out, architecture, fields, adapterTensors(adapter, config, architecture), options);
}

function adapterTensors(
  { tensors }: Adapter,
  config: DecoderConfig,
  architecture: Architecture,
): GgufTensor[] {
  return [...tensors].map(([parameter, { shape, data }]) => {
    const [projection = '', side = ''] = parameter.split(/\.lora_(?=[AB]\.)/);
    const name = `${tensorName(`${projection}.weight`, architecture)!}.lora_${side[0]!.toLowerCase()}`;
    const change = side.startsWith('B') ? rowChange(`${projection}.weight`, config, architecture) : null;
    return ggufTensor(name, shape, 'F32', () => [change ? change(data, shape) : data]);
  });
}

async function write(
  out: string,
  { name }: Architecture,
  fields: Parameters<typeof writeGguf>[1],
  tensors: readonly GgufTensor[],
  { signal, onProgress }: Omit<ExportOptions, 'dtype'>,
): Promise<Exported> {
  const bytes = tensors.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  await writeGguf(out, fields, tensors, (some) => {
    signal?.throwIfAborted();
    onProgress?.((done += some), bytes);
  });
  return { architecture: name, tensors: tensors.length, bytes };
}

/** A checkpoint may hold heads and biases that config.json says nothing of. */
function isComputedWith(parameter: string, config: DecoderConfig): boolean {
  if (parameter === headName) return !config.tiedEmbeddings;
  if (!parameter.endsWith('.bias')) return true;
  if (parameter.includes('.mlp.')) return config.mlpBias;
  return parameter.endsWith('.o_proj.bias') ? config.outputBias : config.qkvBias;
}

interface NamedWeight {
  readonly name: string;
  readonly parameter: string;
  readonly stored: StoredWeight;
  readonly update: Update | undefined;
}

function weightTensor(
  { name, parameter, stored, update }: NamedWeight,
  config: DecoderConfig,
  architecture: Architecture,
  { dtype }: ExportOptions,
): GgufTensor {
  const { shape } = stored;
  const rows = (): AsyncIterable<Float32Array> => weightRows(parameter, stored, update);
  const change = rowChange(parameter, config, architecture);
  return ggufTensor(
    name,
    shape,
    storedAs(dtype, shape),
    change ? () => changed(rows(), shape, change) : rows,
  );
}

async function* changed(
  rows: AsyncIterable<Float32Array>,
  shape: readonly number[],
  change: Change,
): AsyncGenerator<Float32Array, void, undefined> {
  const all = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let at = 0;
  for await (const some of rows) {
    all.set(some, at);
    at += some.length;
  }
  yield change(all, shape);
}

/** Makes other values of all of a tensor's. */
type Change = (values: Float32Array, shape: readonly number[]) => Float32Array;

/** What a tensor needs so that llama.cpp's arithmetic comes to the model's; null for nothing. */
function rowChange(parameter: string, config: DecoderConfig, architecture: Architecture): Change | null {
  const { heads, kvHeads, headDim, normOffset, attentionScale, qkNorm } = config;
  const changes: Change[] = [];
  const [, part = ''] = /\.self_attn\.(\w+)\.(?:weight|bias)$/.exec(parameter) ?? [];
  if (normOffset !== 0 && /norm\.weight$/.test(parameter))
    changes.push((values) => values.map((x) => x + normOffset));
  const its = architecture.attentionScale(config);
  // Of normed queries the norm's weights scale them.
  const scaled = qkNorm === 'none' ? 'q_proj' : 'q_norm';
  if (its !== 'field' && its !== attentionScale && [scaled, 'qkv_proj'].includes(part)) {
    const factor = attentionScale / its;
    const queries = part === 'qkv_proj' ? heads * headDim : Infinity;
    changes.push((values, [, columns = 1]) =>
      values.map((x, i) => (Math.floor(i / columns) < queries ? x * factor : x)),
    );
  }
  if (architecture.turnsNeighbours && (part === 'q_proj' || part === 'k_proj'))
    changes.push((values, shape) => turned(values, shape, part === 'q_proj' ? heads : kvHeads));
  if (changes.length === 0) return null;
  return (values, shape) => changes.reduce((made, change) => change(made, shape), values);
}

/** Rows of each head, whose halves turn together, in pairs: those of both halves in turn. */
function turned(
  values: Float32Array,
  [rows = 0, columns = 1]: readonly number[],
  heads: number,
): Float32Array {
  const out = new Float32Array(values.length);
  const half = rows / heads / 2;
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / (2 * half));
    const within = row % (2 * half);
    const to = head * 2 * half + 2 * (within % half) + Math.floor(within / half);
    out.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return out;
}
