// Finds the tensors of a Hugging Face checkpoint, single or sharded, without reading their data.
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { readJsonObject } from './json-file.ts';
import type { PackedMatrix } from './packed-matrix.ts';
import type { ComputeDType } from './precision.ts';
import type { FewBits } from './quantize.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import type { TensorInfo } from './safetensors.ts';
import { isMissing, unreadable } from './unreadable.ts';

export interface StoredWeight extends TensorInfo {
  /** Real path of the file that holds it. */
  readonly file: string;
  /** Where it is a matrix of codes: what they are stored in. `shape` is the matrix's. */
  readonly quantized?: StoredCodes;
  /** Where it is a matrix of codes: others of it, for products in whole numbers. */
  readonly products?: ProductCodes;
  /** Where it is spread over other tensors, as who quantized the checkpoint wrote them: no graph can use it in place. */
  readonly packed?: PackedMatrix;
}

/** Codes int8 [inner, columns] and scales float32 [columns] of a product with the matrix's transpose and of one with itself. */
export type ProductCodes = Readonly<
  Record<'forward' | 'backward', { readonly codes: StoredWeight; readonly scales: StoredWeight }>
>;

export interface StoredCodes {
  readonly dtype: FewBits;
  /** Elements of a row that share a scale; the last block may be shorter. */
  readonly block: number;
  /** float32 [rows, blocks]. */
  readonly scales: StoredWeight;
  /** Codes that stand for 0, [rows, blocks] in `dtype`; left out where they are 0. */
  readonly zeros?: StoredWeight;
}

export interface Checkpoint {
  /** Folder that contains every file of the checkpoint, links resolved; ONNX Runtime maps files below it. */
  readonly root: string;
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** Files in the order they are named by the index. */
  readonly files: readonly string[];
  /** What the values that are computed from the weights are kept in; default float32. */
  readonly computeDtype?: ComputeDType;
}

/**
 * Opens `model.safetensors` or the shards that `model.safetensors.index.json` names.
 * Throws `MODEL_WEIGHTS` for missing files or tensors, `SAFETENSORS` for damaged ones.
 */
export async function openCheckpoint(modelDir: string): Promise<Checkpoint> {
  const names = await checkpointFileNames(modelDir);
  const files = await Promise.all(names.map((name) => resolveFile(join(modelDir, name))));
  const weights = new Map<string, StoredWeight>();
  for (const file of files) {
    const { tensors } = await readSafetensorsHeader(file);
    for (const [name, info] of tensors) weights.set(name, { ...info, file });
  }
  return { root: commonFolder(files), weights, files };
}

/** The file of a checkpoint that is not sharded, and the index of one that is. */
export const singleName = 'model.safetensors';
export const indexName = 'model.safetensors.index.json';

/** Names of a checkpoint's files in its folder, in the order of `Checkpoint.files`. Throws `MODEL_WEIGHTS`. */
export async function checkpointFileNames(modelDir: string): Promise<string[]> {
  // As in transformers, a single file goes before an index, which may be left over from before it was written.
  const isThere = await stat(join(modelDir, singleName))
    .then((info) => info.isFile())
    .catch(() => false);
  const index = join(modelDir, indexName);
  if (isThere || !(await exists(index))) return [singleName];
  const { weight_map: map } = await readJsonObject(index, 'MODEL_WEIGHTS', missingWeights);
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new WhetstoneError('MODEL_WEIGHTS', 'is not a safetensors index with a "weight_map"', {
      file: index,
    });
  }
  const names = [...new Set(Object.values(map as Record<string, string>))].sort();
  if (names.length === 0)
    throw new WhetstoneError('MODEL_WEIGHTS', 'names no file in its "weight_map"', { file: index });
  const strange = names.find(
    (name: unknown) => typeof name !== 'string' || basename(name) !== name || !name.endsWith('.safetensors'),
  );
  if (strange !== undefined) {
    throw new WhetstoneError(
      'MODEL_WEIGHTS',
      `names ${JSON.stringify(strange)}, which is no *.safetensors file of the same folder`,
      { file: index },
    );
  }
  return names;
}

/** Whatever else is wrong with it, the one who reads it will say. */
const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    (cause: unknown) => !isMissing(cause),
  );

const missingWeights =
  'Whetstone reads *.safetensors; a download that broke off, or a checkpoint in another format, lacks it.';

async function resolveFile(file: string): Promise<string> {
  try {
    const real = await realpath(file);
    if ((await stat(real)).isFile()) return real;
  } catch (cause) {
    throw unreadable(file, 'MODEL_WEIGHTS', cause, missingWeights);
  }
  throw new WhetstoneError('MODEL_WEIGHTS', 'is not a file', { file });
}

function commonFolder(files: readonly string[]): string {
  const folders = files.map((f) => dirname(f).split(sep));
  const first = folders[0] ?? [];
  let depth = first.length;
  for (const parts of folders) while (first.slice(0, depth).some((p, i) => p !== parts[i])) depth--;
  return first.slice(0, depth).join(sep) || sep;
}

/** The weight's file relative to the checkpoint's root, with forward slashes, as ONNX wants it. */
export const locationOf = (checkpoint: Checkpoint, weight: StoredWeight): string =>
  relative(checkpoint.root, weight.file).split(sep).join('/');
