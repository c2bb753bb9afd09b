// Codes that products in whole numbers multiply: of each matrix in few bits one set for its product and one for that with its
// transpose, in the kernel's order, kept beside the codes that they are made of. Knows what is stored, not what multiplies.
import { basename, dirname, join } from 'node:path';
import { explainWriting } from '../durable/explain.ts';
import type { Tensor } from '../graph/index.ts';
import { weight } from '../graph/index.ts';
import type { Checkpoint, ProductCodes, StoredCodes, StoredWeight } from './checkpoint.ts';
import { locationOf } from './checkpoint.ts';
import { embeddingName, headName } from './decoder.ts';
import { writeKept } from './few-bits.ts';
import { signedCodes, unpackRows } from './quantize.ts';
import { elementsOf, readSafetensorsHeader, readTensorBytes, toFloat32 } from './safetensors.ts';
import type { SafetensorsHeader } from './safetensors.ts';
import type { TensorSource } from './safetensors-writer.ts';

/** Changed whenever the same codes would get others here. */
const layoutVersion = 1;

/**
 * The checkpoint, which lies in the cache, with `products` of its matrices in few bits: from the cache if they are there and
 * whole, else made. Throws what reading the codes and writing the cache throws.
 */
export async function withProductCodes(checkpoint: Checkpoint): Promise<Checkpoint> {
  const [own] = checkpoint.files as [string];
  const { metadata } = await readSafetensorsHeader(own);
  const key = `${layoutVersion} ${metadata['key']}`;
  const file = join(dirname(own), `${basename(own, '.safetensors')}-products.safetensors`);
  const known = await readKept(checkpoint, file, key);
  if (known) return known;
  await explainWriting(file, () => writeKept(file, key, productTensors(checkpoint)));
  const made = await readKept(checkpoint, file, key);
  if (!made) throw new Error(`${file} cannot be read back`);
  return made;
}

const directions = ['forward', 'backward'] as const;
type Direction = (typeof directions)[number];

const codesName = (name: string, direction: Direction): string => `${name}.${direction}`;
const scalesName = (name: string, direction: Direction): string => `${codesName(name, direction)}.scales`;

/** Inner and columns of the product: x [rows, in] times the transpose of W [out, in], or g [rows, out] times W. */
const shapeOf = ([out, inner]: readonly [number, number], direction: Direction): readonly [number, number] =>
  direction === 'forward' ? [inner, out] : [out, inner];

/** Of embeddings that are no LM head, rows are looked up alone. */
const isMultiplied = (name: string, { weights }: Checkpoint): boolean =>
  weights.get(name)!.quantized !== undefined && (name !== embeddingName || !weights.has(headName));

/** Null for a file that is missing, torn, or not of these codes. */
async function readKept(checkpoint: Checkpoint, file: string, key: string): Promise<Checkpoint | null> {
  const header = await readSafetensorsHeader(file).catch(() => null);
  if (header?.metadata['key'] !== key) return null;
  const weights = new Map<string, StoredWeight>();
  for (const [name, stored] of checkpoint.weights) {
    const products = isMultiplied(name, checkpoint) && keptProducts(header, file, name, stored);
    if (products === null) return null;
    weights.set(name, products ? { ...stored, products } : stored);
  }
  return { ...checkpoint, files: [...checkpoint.files, file], weights };
}

function keptProducts(
  { tensors }: SafetensorsHeader,
  file: string,
  name: string,
  { shape }: StoredWeight,
): ProductCodes | null {
  const found = directions.map((direction) => {
    const [inner, columns] = shapeOf(shape as [number, number], direction);
    const [codes, scales] = [codesName, scalesName].map((nameOf) => tensors.get(nameOf(name, direction)));
    if (codes?.length !== inner * columns || scales?.length !== 4 * columns) return null;
    return { codes: { ...codes, file }, scales: { ...scales, file } };
  });
  const [forward, backward] = found;
  return forward && backward ? { forward, backward } : null;
}

/** Scales are written before codes, so that codes find theirs in memory; a matrix is read once for those of both products. */
function productTensors(checkpoint: Checkpoint): ReadonlyMap<string, TensorSource> {
  const { weights } = checkpoint;
  let latest: { readonly name: string; readonly values: Promise<Float32Array> } | null = null;
  const valuesOf = (name: string, stored: StoredWeight): Promise<Float32Array> => {
    if (latest?.name !== name) latest = { name, values: readValues(name, stored, stored.quantized!) };
    return latest.values;
  };
  const known = new Map<string, Float32Array>();
  const tensors = new Map<string, TensorSource>();
  for (const [name, stored] of weights) {
    if (!isMultiplied(name, checkpoint)) continue;
    const shape = stored.shape as readonly [number, number];
    for (const direction of directions) {
      const [inner, columns] = shapeOf(shape, direction);
      tensors.set(scalesName(name, direction), {
        dtype: 'F32',
        shape: [columns],
        length: 4 * columns,
        chunks: async function* () {
          const scales = columnScales(await valuesOf(name, stored), shape, direction);
          known.set(scalesName(name, direction), scales);
          yield new Uint8Array(scales.buffer);
        },
      });
      tensors.set(codesName(name, direction), {
        dtype: 'I8',
        shape: [inner, columns],
        length: inner * columns,
        chunks: async function* () {
          const scales = known.get(scalesName(name, direction))!;
          const codes = columnCodes(await valuesOf(name, stored), shape, direction, scales);
          yield new Uint8Array(codes.buffer);
        },
      });
    }
  }
  return tensors;
}

/** A 127th of the largest magnitude of each column of the product with a matrix [out, in], or with its transpose (forward). */
export function columnScales(
  values: Float32Array,
  [out, inner]: readonly [number, number],
  direction: Direction,
): Float32Array {
  const forward = direction === 'forward';
  const scales = new Float32Array(forward ? out : inner);
  for (let row = 0, i = 0; row < out; row++) {
    for (let column = 0; column < inner; column++, i++) {
      const at = forward ? row : column;
      scales[at] = Math.max(scales[at]!, Math.abs(values[i]!));
    }
  }
  // Of a column of zeros any scale will do.
  return scales.map((most) => most / 127 || 1);
}

/** The nearest codes from -127 to 127 under their scales, [inner, columns] of the product. */
export function columnCodes(
  values: Float32Array,
  [out, inner]: readonly [number, number],
  direction: Direction,
  scales: Float32Array,
): Int8Array {
  const forward = direction === 'forward';
  const codes = new Int8Array(out * inner);
  for (let row = 0, i = 0; row < out; row++) {
    for (let column = 0; column < inner; column++, i++) {
      const code = Math.round(values[i]! / scales[forward ? row : column]!);
      codes[forward ? column * out + row : i] = Math.max(-127, Math.min(127, code));
    }
  }
  return codes;
}

/** What the codes of a matrix stand for, [out, in] flat. */
async function readValues(
  name: string,
  stored: StoredWeight,
  { dtype, block, scales, zeros }: StoredCodes): Promise<Float32Array> {
  const bytesOf = (one: StoredWeight): Promise<Uint8Array> => readTensorBytes(one.file, one);
  const blocks = {
    scales: toFloat32(await bytesOf(scales), 'F32', { file: scales.file, field: name }),
    zeros: zeros ? signedCodes(await bytesOf(zeros), dtype) : null,
    blockOf: null,
  };
  const codes = signedCodes(await bytesOf(stored), dtype).subarray(0, elementsOf(stored.shape));
  return unpackRows({ columns: stored.shape[1]!, block }, blocks, codes);
}

/** A product's codes int8 [inner, columns] and scales float32 [columns], as a graph has them. */
export interface ProductOperands {
  readonly codes: Tensor;
  readonly scales: Tensor;
}

/** The codes of a matrix by its name, for its transpose's product (forward) or its own; null where there are none. */
export const productOperands =
  (checkpoint: Checkpoint) =>
  (name: string, direction: Direction): ProductOperands | null => {
    const found = checkpoint.weights.get(name)?.products?.[direction];
    if (!found) return null;
    const inPlace = (own: string, dtype: 'int8' | 'float32', stored: StoredWeight): Tensor =>
      weight(own, dtype, stored.shape, { ...stored, location: locationOf(checkpoint, stored) });
    return {
      codes: inPlace(codesName(name, direction), 'int8', found.codes),
      scales: inPlace(scalesName(name, direction), 'float32', found.scales),
    };
  };
