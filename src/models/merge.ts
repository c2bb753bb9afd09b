// Folds a LoRA adapter into its base model, and saves a model whose weights were trained as a whole.
// Both write a complete Hugging Face folder; neither runs a model.
import { WhetstoneError } from '../errors.ts';
import type { Checkpoint, StoredWeight } from './checkpoint.ts';
import { embeddingName, headName } from './decoder.ts';
import { loraScale } from './lora.ts';
import { readModelFolder } from './read-model.ts';
import { readChunks, rewriteModel } from './model-folder.ts';
import type { Replacement, WriteModelOptions, WrittenModel } from './model-folder.ts';
import type { PackedMatrix } from './packed-matrix.ts';
import { unpackRows } from './quantize.ts';
import { adapterMisfit, readAdapter } from './peft.ts';
import type { Adapter } from './peft.ts';
import { quantizationFields, quantizationFiles } from './quantization.ts';
import { elementsOf, fromFloat32, isStoredDType, storedBytes, toFloat32 } from './safetensors.ts';
import type { StoredDType } from './safetensors.ts';

export interface MergedModel extends WrittenModel {
  /** How many projections the adapter changed. */
  readonly mergedProjections: number;
  /** What the base was quantized with, and the dtype that its matrices are written in; null where it was not. */
  readonly unquantized: { readonly method: string; readonly dtype: StoredDType } | null;
}

/**
 * Writes `outDir`: the base model with W + scale * B A in place of every adapted W, in the base's own dtypes and
 * shards. The update is accumulated in float64, added in float32, and rounded once more to the stored dtype.
 * Memory is bounded by the adapter and a few megabytes, whatever the model's size. Of a base that was quantized every
 * matrix is written as the numbers that its codes stand for, in the dtype of their scales.
 *
 * Throws `OUT_EXISTS`, `DISK_FULL`, `ADAPTER` (also for an adapter of another model), `ADAPTER_UNSUPPORTED`,
 * `MODEL_*`, `SAFETENSORS`, and `WEIGHT_RANGE` where a sum does not fit into the stored dtype.
 */
export async function mergeAdapter(
  modelDir: string,
  adapterDir: string,
  outDir: string,
  options: WriteModelOptions = {},
): Promise<MergedModel> {
  const { config, checkpoint } = await readModelFolder(modelDir);
  const updates = adapterUpdates(await readAdapter(adapterDir, config), checkpoint);
  const packed = packedMatrices(checkpoint);
  const [first] = packed.wholes.values();
  const written = await rewriteModel(modelDir, outDir, {
    ...options,
    ...(first && { withoutFields: quantizationFields, withoutFiles: quantizationFiles }),
    replace: (name, stored) => {
      const whole = packed.wholes.get(name);
      if (whole) return unpackedWeight(whole.name, whole, updates.get(whole.name));
      if (packed.parts.has(name)) return 'left out';
      const update = updates.get(name);
      return update ? mergedWeight(stored, update) : null;
    },
  });
  const unquantized = first ? { method: first.matrix.method, dtype: scaleDTypeOf(first.matrix) } : null;
  return { ...written, mergedProjections: updates.size, unquantized };
}

interface PackedMatrices {
  /** By the first of the tensors that a matrix is read from, in whose place it is written. */
  readonly wholes: ReadonlyMap<string, WholeMatrix>;
  /** Names of all of those tensors. */
  readonly parts: ReadonlySet<string>;
}

interface WholeMatrix {
  readonly name: string;
  readonly stored: StoredWeight;
  readonly matrix: PackedMatrix;
}

function packedMatrices({ weights }: Checkpoint): PackedMatrices {
  const found = [...weights].flatMap(([name, stored]) =>
    stored.packed ? [{ name, stored, matrix: stored.packed }] : [],
  );
  return {
    wholes: new Map(found.map((one) => [[...one.matrix.parts.keys()][0]!, one])),
    parts: new Set(found.flatMap(({ matrix }) => [...matrix.parts.keys()])),
  };
}

const scaleDTypeOf = ({ scaleDType }: PackedMatrix): StoredDType =>
  isStoredDType(scaleDType) ? scaleDType : 'F32';

/** The matrix as numbers, with the update if there is one. */
function unpackedWeight(
  name: string,
  { matrix, stored }: WholeMatrix,
  update: Update | undefined,
): Replacement {
  const { rows, columns } = matrix;
  const dtype = scaleDTypeOf(matrix);
  return {
    name,
    dtype,
    shape: [rows, columns],
    length: rows * columns * storedBytes[dtype],
    chunks: () => encoded(weightRows(name, stored, update), dtype, name),
  };
}

async function* encoded(
  rows: AsyncIterable<Float32Array>,
  dtype: StoredDType,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const some of rows) yield encode(some, dtype, name);
}

/**
 * A weight's values as float32, whole rows at a time in order, plus the update if there is one; memory is bounded by a few
 * megabytes, or the codes of a matrix that was quantized. Throws `MODEL_WEIGHTS` and `SAFETENSORS`.
 */
export async function* weightRows(
  name: string,
  stored: StoredWeight,
  update?: Update,
): AsyncGenerator<Float32Array, void, undefined> {
  const columns = stored.shape.at(-1) ?? 1;
  const rowsAtOnce = Math.max(1, Math.floor(chunkElements / columns));
  let row = 0;
  const updated = (values: Float32Array): Float32Array => {
    if (update) addUpdate(values, row, update);
    row += values.length / columns;
    return values;
  };
  const { packed } = stored;
  if (packed) {
    const [blocks, codes] = [await packed.readBlocks(), await packed.readCodes()];
    while (row < packed.rows) {
      const some = codes.subarray(row * columns, (row + rowsAtOnce) * columns);
      yield updated(unpackRows(packed, blocks, some, row));
    }
    return;
  }
  const dtype = requireFloat(name, stored);
  for await (const bytes of readChunks(stored, rowsAtOnce * columns * storedBytes[dtype]))
    yield updated(toFloat32(bytes, dtype, { file: stored.file, field: name }));
}

/** One projection's update: scale * B A, A [rank, in], B [out, rank]. */
export interface Update {
  readonly weight: string;
  readonly a: AdapterMatrix;
  readonly b: AdapterMatrix;
  readonly scale: number;
}

export interface AdapterMatrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Updates by the name of the weight that they change. Throws `ADAPTER` and `MODEL_WEIGHTS` for one that does not fit. */
export function adapterUpdates(
  adapter: Adapter,
  { weights }: Pick<Checkpoint, 'weights'>,
): ReadonlyMap<string, Update> {
  const { lora, tensors } = adapter;
  const scale = loraScale(lora);
  const updates = new Map<string, Update>();
  for (const [name, a] of tensors) {
    const [projection, other] = name.split('.lora_A.');
    if (other === undefined) continue;
    const weight = `${projection}.weight`;
    const update = { weight, a, b: tensors.get(`${projection}.lora_B.weight`)!, scale };
    requireFit(update, weights.get(weight), adapter);
    updates.set(weight, update);
  }
  return updates;
}

function requireFit({ weight, a, b }: Update, stored: StoredWeight | undefined, adapter: Adapter): void {
  const projection = weight.slice(0, -'.weight'.length);
  if (!stored) throw new WhetstoneError('MODEL_WEIGHTS', `the model has no tensor "${weight}"`);
  const [rows = 0, columns = 0] = stored.shape;
  const { rank } = adapter.lora;
  if (a.shape.join() !== [rank, columns].join())
    throw adapterMisfit(adapter, `${projection}.lora_A.weight`, [rank, columns]);
  if (b.shape.join() !== [rows, rank].join())
    throw adapterMisfit(adapter, `${projection}.lora_B.weight`, [rows, rank]);
  if (!stored.packed) requireFloat(weight, stored);
}

function requireFloat(name: string, { dtype, file }: StoredWeight): StoredDType {
  if (isStoredDType(dtype)) return dtype;
  throw new WhetstoneError(
    'MODEL_WEIGHTS',
    `tensor "${name}" has dtype ${dtype}; supported are F32, F16 and BF16`,
    { file },
  );
}

const chunkElements = 2 << 20;

function mergedWeight(stored: StoredWeight, update: Update): Replacement {
  const dtype = requireFloat(update.weight, stored);
  return {
    dtype,
    length: stored.length,
    chunks: () => encoded(weightRows(update.weight, stored, update), dtype, update.weight),
  };
}

/** Adds the update to whole rows of W, the first of which is number `first`. */
function addUpdate(rows: Float32Array, first: number, { a, b, scale }: Update): void {
  const [rank, columns] = a.shape as [number, number];
  const sum = new Float64Array(columns);
  for (let start = 0, row = first; start < rows.length; start += columns, row++) {
    sum.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = scale * b.data[row * rank + k]!;
      const from = k * columns;
      for (let j = 0; j < columns; j++) sum[j]! += factor * a.data[from + j]!;
    }
    for (let j = 0; j < columns; j++) rows[start + j]! += sum[j]!;
  }
}

/**
 * Writes `outDir`: the model in `sourceDir` with the given tensors in place of its own, by their names there.
 * Every other tensor and file is copied. Without `dtype` each tensor keeps the dtype it has in `sourceDir`; with
 * it all of them are stored so, and config.json says it. An LM head that is stored although config.json ties it to
 * the embeddings follows them.
 *
 * Throws `OUT_EXISTS`, `DISK_FULL`, `MODEL_*`, `SAFETENSORS`, and `WEIGHT_RANGE` for a value that does not fit
 * into the dtype it is stored in, NaN and infinities among them.
 */
export async function saveModel(
  sourceDir: string,
  tensors: ReadonlyMap<string, Float32Array>,
  outDir: string,
  dtype?: StoredDType,
  options: WriteModelOptions = {},
): Promise<WrittenModel> {
  const { config, checkpoint } = await readModelFolder(sourceDir);
  for (const [name, values] of tensors) {
    const stored = checkpoint.weights.get(name);
    const size = stored && elementsOf(stored.shape);
    if (size !== values.length) {
      const found = stored ? `has ${size} values there` : 'is not there';
      throw new WhetstoneError(
        'MODEL_WEIGHTS',
        `tensor "${name}" of ${values.length} values cannot be saved: it ${found}`,
        { file: sourceDir },
      );
    }
  }
  const valuesOf = (name: string): Float32Array | undefined =>
    tensors.get(config.tiedEmbeddings && name === headName ? embeddingName : name);
  return rewriteModel(sourceDir, outDir, {
    ...options,
    ...(dtype && { dtype }),
    replace: (name, stored) => {
      const values = valuesOf(name);
      if (values) return givenWeight(name, values, dtype ?? requireFloat(name, stored));
      return dtype && stored.dtype !== dtype && isStoredDType(stored.dtype)
        ? convertedWeight(name, stored, stored.dtype, dtype)
        : null;
    },
  });
}

const givenWeight = (name: string, values: Float32Array, dtype: StoredDType): Replacement => ({
  dtype,
  length: values.length * storedBytes[dtype],
  chunks: function* () {
    for (let start = 0; start < values.length; start += chunkElements)
      yield encode(values.subarray(start, start + chunkElements), dtype, name);
  },
});

const convertedWeight = (
  name: string,
  stored: StoredWeight,
  from: StoredDType,
  to: StoredDType,
): Replacement => ({
  dtype: to,
  length: (stored.length / storedBytes[from]) * storedBytes[to],
  chunks: async function* () {
    for await (const bytes of readChunks(stored, chunkElements * storedBytes[from]))
      yield encode(toFloat32(bytes, from, { file: stored.file, field: name }), to, name);
  },
});

/** From here on a magnitude rounds to infinity. */
const overflow: Readonly<Record<StoredDType, number>> = {
  F32: Infinity,
  F16: 65520,
  BF16: 2 ** 128 - 2 ** 119,
};

function encode(values: Float32Array, dtype: StoredDType, name: string): Uint8Array {
  const limit = overflow[dtype];
  for (let i = 0; i < values.length; i++) {
    // Written so that NaN fails too.
    if (!(Math.abs(values[i]!) < limit)) {
      throw new WhetstoneError(
        'WEIGHT_RANGE',
        `a value of ${values[i]} in "${name}" cannot be stored as ${dtype}`,
        {
          hint: 'Training diverged, or the model needs a dtype of greater range (bfloat16 or float32).',
        },
      );
    }
  }
  return fromFloat32(values, dtype);
}
