// Matrices in the formats of compressed-tensors whose arithmetic is that of plain integers, for a module M of [out, in]:
//   pack-quantized   M.weight_packed int32 [out, in * bits / 32], each field the code plus half its range, and
//                    M.weight_shape [2]; a zero point is packed so along the outputs
//   int-quantized,   M.weight int8 [out, in]; a zero point is int8 [out, groups]
//   naive-quantized
//   M.weight_scale   float [out, groups], or [1] for the whole matrix
//   w = (code - zero) * scale, signed; M.weight_g_idx is the group of each input where they are in another order
// as vllm-project/compressed-tensors, src/compressed_tensors/compressors, writes and reads them. Knows no cache.
import { readTensorBytes } from './safetensors.ts';
import type { StoredWeight } from './checkpoint.ts';
import type { PackedBits, PackedMatrix, Part } from './packed-matrix.ts';
import {
  blockOrder,
  fieldAt,
  floatDTypes,
  middleOf,
  readScales,
  readWords,
  requireShape,
  wrongPart,
  zerosOrNull,
} from './packed-matrix.ts';

/** How a group of modules is quantized, as config.json has it. */
export interface CompressedScheme {
  readonly bits: PackedBits;
  /** Null for a scale a row, or one for the whole matrix. */
  readonly groupSize: number | null;
}

export interface CompressedLayout {
  readonly method: 'compressed-tensors';
  readonly name: string;
  readonly schemes: readonly CompressedScheme[];
}

const packedSuffix = '.weight_packed';

/** Every quantized matrix of a checkpoint, by its module's name. Throws `MODEL_WEIGHTS` for parts that do not fit. */
export async function compressedMatrices(
  weights: ReadonlyMap<string, StoredWeight>,
  layout: CompressedLayout,
): Promise<Map<string, PackedMatrix>> {
  const found = new Map<string, PackedMatrix>();
  for (const [name, stored] of weights) {
    const isPacked = name.endsWith(packedSuffix);
    if (!isPacked && !(name.endsWith('.weight') && stored.dtype === 'I8')) continue;
    const module = name.slice(0, isPacked ? -packedSuffix.length : -'.weight'.length);
    found.set(module, await matrixOf(module, { name, stored }, weights, layout));
  }
  return found;
}

async function matrixOf(
  module: string,
  codes: Part,
  weights: ReadonlyMap<string, StoredWeight>,
  { name: method, schemes }: CompressedLayout,
): Promise<PackedMatrix> {
  const optional = (suffix: string): Part | null => {
    const stored = weights.get(`${module}.${suffix}`);
    return stored ? { name: `${module}.${suffix}`, stored } : null;
  };
  const required = (suffix: string): Part => {
    const part = optional(suffix);
    if (part) return part;
    throw wrongPart(codes, `is there, but "${module}.${suffix}" is in none of the files`);
  };
  const shape = codes.name.endsWith(packedSuffix) ? required('weight_shape') : null;
  const scales = required('weight_scale');
  const [zeros, groups] = [optional('weight_zero_point'), optional('weight_g_idx')];
  const [rows, columns] = shape ? await sizesIn(shape) : codes.stored.shape;
  const ofMatrix = scales.stored.shape.length < 2;
  const blocks = ofMatrix ? 1 : scales.stored.shape[1]!;
  const scheme = schemes.find(
    ({ bits, groupSize }) =>
      blocks === (groupSize === null ? 1 : Math.ceil(columns! / groupSize)) &&
      (shape === null || codes.stored.shape[1] === wordsFor(columns!, bits)),
  );
  if (!rows || !columns || !scheme) {
    const found = `[${codes.stored.shape.join(', ')}] with scales of [${scales.stored.shape.join(', ')}]`;
    throw wrongPart(codes, `is ${found}; config.json names no such bits and groups`);
  }
  const { bits } = scheme;
  const block = scheme.groupSize ?? columns;
  const sizes = { rows, columns, block, blocks, bits };
  requireShape(codes, shape ? ['I32'] : ['I8'], [rows, shape ? wordsFor(columns, bits) : columns]);
  requireShape(scales, floatDTypes, ofMatrix ? scales.stored.shape.map(() => 1) : [rows, blocks]);
  if (zeros?.stored.dtype === 'I32') requireShape(zeros, ['I32'], [wordsFor(rows, bits), blocks]);
  else if (zeros) requireShape(zeros, ['I8'], ofMatrix ? scales.stored.shape : [rows, blocks]);
  if (groups) requireShape(groups, ['I32', 'I64'], [columns]);
  const parts = [codes, scales, shape, zeros, groups].filter((part) => part !== null);
  return {
    method,
    bits,
    rows,
    columns,
    block,
    parts: new Map(parts.map(({ name, stored }) => [name, stored])),
    reading: JSON.stringify({ method, ...sizes }),
    scaleDType: scales.stored.dtype,
    readBlocks: async () => {
      const own = await readScales(scales);
      const order = groups && (await readIntegers(groups));
      return {
        scales: ofMatrix ? new Float32Array(rows).fill(own[0]!) : own,
        zeros: zeros && zerosOrNull(await readZeros(zeros, sizes)),
        // A -1 anywhere says that the order is the columns' own.
        blockOf: order?.includes(-1) === false ? blockOrder(groups!, order, sizes) : null,
      };
    },
    readCodes: () => (shape ? readPacked(codes, sizes) : readBytes(codes, bits)),
  };
}

const wordsFor = (fields: number, bits: PackedBits): number => Math.ceil((fields * bits) / 32);

/** [rows, columns] of the matrix before it was packed. */
async function sizesIn(part: Part): Promise<number[]> {
  requireShape(part, ['I64', 'I32'], [2]);
  const sizes = [...(await readIntegers(part))];
  if (sizes.some((size) => size < 1)) throw wrongPart(part, `holds [${sizes.join(', ')}], which is no shape`);
  return sizes;
}

async function readIntegers(part: Part): Promise<Int32Array> {
  const words = await readWords(part);
  return part.stored.dtype === 'I64' ? words.filter((_, i) => i % 2 === 0) : words;
}

interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly blocks: number;
  readonly bits: PackedBits;
}

/** [rows, blocks]; of a matrix with one zero, that one for every row. */
async function readZeros(part: Part, { rows, blocks, bits }: Sizes): Promise<Int8Array> {
  const { dtype, shape } = part.stored;
  if (dtype === 'I8') {
    const own = await readBytes(part, bits);
    return shape.length < 2 ? new Int8Array(rows).fill(own[0]!) : own;
  }
  const words = await readWords(part);
  const perWord = 32 / bits;
  return Int8Array.from({ length: rows * blocks }, (_, at) => {
    const [row, block] = [Math.floor(at / blocks), at % blocks];
    const word = words[Math.floor(row / perWord) * blocks + block]!;
    return fieldAt(word, row % perWord, bits) - middleOf(bits);
  });
}

async function readPacked(part: Part, { rows, columns, bits }: Sizes): Promise<Int8Array> {
  const words = await readWords(part);
  const [perWord, perRow] = [32 / bits, wordsFor(columns, bits)];
  const codes = new Int8Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const word = words[row * perRow + Math.floor(column / perWord)]!;
      codes[at] = fieldAt(word, column % perWord, bits) - middleOf(bits);
    }
  }
  return codes;
}

async function readBytes(part: Part, bits: PackedBits): Promise<Int8Array> {
  const { buffer, byteOffset, byteLength } = await readTensorBytes(part.stored.file, part.stored);
  const codes = new Int8Array(buffer, byteOffset, byteLength);
  const middle = middleOf(bits);
  const strange = codes.find((code) => code < -middle || code >= middle);
  if (strange !== undefined) throw wrongPart(part, `holds the code ${strange}, which is none of ${bits} bits`);
  return codes;
}
