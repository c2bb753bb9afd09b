// Matrices of a checkpoint that was quantized before it came here: w = (code - zero) * scale, a scale and a zero for each
// block of a row. Knows bits and shapes; where a method puts which tensor is gptq.ts and compressed-tensors.ts.
import { WhetstoneError } from '../errors.ts';
import type { StoredWeight } from './checkpoint.ts';
import type { Blocks } from './quantize.ts';
import { readTensorBytes, toFloat32 } from './safetensors.ts';

export interface PackedMatrix {
  /** What quantized it, in words: "GPTQ (4 bits)". */
  readonly method: string;
  readonly bits: PackedBits;
  readonly rows: number;
  readonly columns: number;
  /** Columns that share a scale; a row's last block may be shorter. */
  readonly block: number;
  /** What it is read from, by the stored tensors' names. */
  readonly parts: ReadonlyMap<string, StoredWeight>;
  /** What its numbers follow from besides its parts, as text. */
  readonly reading: string;
  /** The dtype of its scales, in which its method computes: F32, F16 or BF16. */
  readonly scaleDType: string;
  /** Throws `MODEL_WEIGHTS` for scales that are not finite, and for groups and zeros that cannot be. */
  readBlocks(): Promise<Blocks>;
  /** Signed codes, [rows, columns] flat: -8 ... 7 of 4 bits, -128 ... 127 of 8. */
  readCodes(): Promise<Int8Array>;
}

export type PackedBits = 4 | 8;

export const isPackedBits = (bits: unknown): bits is PackedBits => bits === 4 || bits === 8;

/** A tensor among a matrix's parts. */
export interface Part {
  readonly name: string;
  readonly stored: StoredWeight;
}

/** Throws `MODEL_WEIGHTS` about a part, with what to do. */
export function wrongPart({ name, stored }: Part, problem: string): WhetstoneError {
  return new WhetstoneError('MODEL_WEIGHTS', `tensor "${name}" ${problem}`, {
    file: stored.file,
    hint: 'The weights are damaged, or config.json says of them what is not so: download the folder again.',
  });
}

export function requireShape(part: Part, dtypes: readonly string[], shape: readonly number[]): void {
  const { dtype, shape: found } = part.stored;
  if (dtypes.includes(dtype) && found.join() === shape.join()) return;
  const expected = `${dtypes.join(' or ')} [${shape.join(', ')}]`;
  throw wrongPart(part, `is ${dtype} [${found.join(', ')}]; expected ${expected}`);
}

export const floatDTypes = ['F32', 'F16', 'BF16'] as const;

/** Finite values of a tensor of floats. */
export async function readScales(part: Part): Promise<Float32Array> {
  const { file, dtype } = part.stored;
  const values = toFloat32(await readTensorBytes(file, part.stored), dtype, { file, field: part.name });
  const strange = values.findIndex((value) => !Number.isFinite(value));
  if (strange >= 0) throw wrongPart(part, `holds ${values[strange]!}; scales must be finite numbers`);
  return values;
}

export async function readWords(part: Part): Promise<Int32Array> {
  const bytes = await readTensorBytes(part.stored.file, part.stored);
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Field `i` of words that hold 32 / bits fields each, the first in the lowest bits; unsigned. */
export const fieldAt = (word: number, i: number, bits: PackedBits): number =>
  (word >>> (i * bits)) & (bits === 4 ? 15 : 255);

/** From an unsigned field to a signed number: the middle of the range is 0. */
export const middleOf = (bits: PackedBits): number => 1 << (bits - 1);

/** [a, b] flat to [b, a] flat. */
export function transposed<T extends Float32Array | Int8Array>(values: T, a: number, b: number): T {
  const result = values.slice() as T;
  for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) result[j * a + i] = values[i * b + j]!;
  return result;
}

export const zerosOrNull = (zeros: Int8Array): Int8Array | null =>
  zeros.some((zero) => zero !== 0) ? zeros : null;

/** Checks the block of each column against the sizes; null where they follow one after the other. */
export function blockOrder(
  part: Part,
  groups: Int32Array,
  { columns, block }: Pick<PackedMatrix, 'columns' | 'block'>,
): Int32Array | null {
  const blocks = Math.ceil(columns / block);
  const strange = groups.findIndex((group) => group < 0 || group >= blocks);
  if (strange >= 0) {
    const problem = `puts column ${strange} into group ${groups[strange]!}; groups are 0 to ${blocks - 1}`;
    throw wrongPart(part, problem);
  }
  return groups.every((group, column) => group === Math.floor(column / block)) ? null : groups;
}
