// Matrices that GPTQ's packers wrote (AutoGPTQ, GPTQModel): for a module M of [out, in] with groups of its inputs
//   M.qweight int32 [in * bits / 32, out]     codes of one output, packed along the inputs
//   M.qzeros  int32 [groups, out * bits / 32] zeros, packed along the outputs; format "gptq" stores each less 1
//   M.scales  float [groups, out]
//   M.g_idx   int32 [in]                      the group of each input
//   w[o, i] = (code[i, o] - zero[g, o]) * scale[g, o] with g = g_idx[i], all unsigned
// as ModelCloud/GPTQModel, gptqmodel/nn_modules/qlinear/__init__.py, `dequantize_weight`, reads them. Knows no cache.
import type { StoredWeight } from './checkpoint.ts';
import type { PackedBits, PackedMatrix, Part } from './packed-matrix.ts';
import type { Blocks } from './quantize.ts';
import {
  blockOrder,
  fieldAt,
  floatDTypes,
  isPackedBits,
  middleOf,
  readScales,
  readWords,
  requireShape,
  transposed,
  wrongPart,
  zerosOrNull,
} from './packed-matrix.ts';

/** What config.json says of the layout. */
export interface GptqLayout {
  readonly method: 'gptq';
  readonly name: string;
  /** Of every module; null where modules may differ (`dynamic`). */
  readonly usual: { readonly bits: PackedBits; readonly groupSize: number } | null;
  /** What is added to a stored zero: 1 in format "gptq", 0 in "gptq_v2". */
  readonly zeroOffset: 0 | 1;
}

/** Every packed matrix of a checkpoint, by its module's name. Throws `MODEL_WEIGHTS` for parts that do not fit. */
export function gptqMatrices(
  weights: ReadonlyMap<string, StoredWeight>,
  layout: GptqLayout,
): Map<string, PackedMatrix> {
  const found = new Map<string, PackedMatrix>();
  for (const name of weights.keys()) {
    if (!name.endsWith('.qweight')) continue;
    const module = name.slice(0, -'.qweight'.length);
    found.set(module, matrixOf(module, weights, layout));
  }
  return found;
}

function matrixOf(
  module: string,
  weights: ReadonlyMap<string, StoredWeight>,
  { name: method, usual, zeroOffset }: GptqLayout,
): PackedMatrix {
  const codes: Part = { name: `${module}.qweight`, stored: weights.get(`${module}.qweight`)! };
  const part = (suffix: string): Part => {
    const stored = weights.get(`${module}.${suffix}`);
    if (!stored) throw wrongPart(codes, `is there, but "${module}.${suffix}" is in none of the files`);
    return { name: `${module}.${suffix}`, stored };
  };
  const [zeros, scales, groups] = [part('qzeros'), part('scales'), part('g_idx')];
  const [, rows = 0] = codes.stored.shape;
  const [columns = 0] = groups.stored.shape;
  const [blocks = 0] = scales.stored.shape;
  const bits = (32 * (codes.stored.shape[0] ?? 0)) / columns;
  if (!isPackedBits(bits) || rows === 0 || blocks === 0) {
    throw wrongPart(codes, `is [${codes.stored.shape.join(', ')}] for ${columns} inputs: not of 4 or 8 bits`);
  }
  requireShape(codes, ['I32'], [(columns * bits) / 32, rows]);
  requireShape(zeros, ['I32'], [blocks, Math.ceil((rows * bits) / 32)]);
  requireShape(scales, floatDTypes, [blocks, rows]);
  requireShape(groups, ['I32'], [columns]);
  const block = usual && usual.groupSize > 0 ? usual.groupSize : Math.ceil(columns / blocks);
  if ((usual && usual.bits !== bits) || Math.ceil(columns / block) !== blocks) {
    const expected = usual ? `${usual.bits} bits and groups of ${usual.groupSize}` : 'groups of one size';
    throw wrongPart(scales, `has ${blocks} groups of ${bits} bits for ${columns} inputs; expected ${expected}`);
  }
  const sizes = { rows, columns, block };
  return {
    method,
    bits,
    ...sizes,
    parts: new Map([codes, zeros, scales, groups].map(({ name, stored }) => [name, stored])),
    reading: JSON.stringify({ method, ...sizes, zeroOffset }),
    scaleDType: scales.stored.dtype,
    readBlocks: async (): Promise<Blocks> => ({
      scales: transposed(await readScales(scales), blocks, rows),
      zeros: zerosOrNull(transposed(await readZeros(zeros, { blocks, rows, bits, zeroOffset }), blocks, rows)),
      blockOf: blockOrder(groups, await readWords(groups), sizes),
    }),
    readCodes: () => readCodes(codes, { rows, columns, bits }),
  };
}

async function readZeros(
  part: Part,
  {
    blocks,
    rows,
    bits,
    zeroOffset,
  }: { readonly blocks: number; readonly rows: number; readonly bits: PackedBits; readonly zeroOffset: 0 | 1 },
): Promise<Int8Array> {
  const words = await readWords(part);
  const perWord = 32 / bits;
  const perBlock = Math.ceil(rows / perWord);
  const result = new Int8Array(blocks * rows);
  const most = 2 ** bits - 1;
  for (let b = 0; b < blocks; b++) {
    for (let row = 0; row < rows; row++) {
      const word = words[b * perBlock + Math.floor(row / perWord)]!;
      const zero = fieldAt(word, row % perWord, bits) + zeroOffset;
      // Some readers take it for 0, others for one more than the largest code.
      if (zero > most) {
        const problem = `holds a zero point of ${most} in format "gptq", which stores each less 1: ${zero} is none`;
        throw wrongPart(part, problem);
      }
      result[b * rows + row] = zero - middleOf(bits);
    }
  }
  return result;
}

async function readCodes(
  part: Part,
  { rows, columns, bits }: { readonly rows: number; readonly columns: number; readonly bits: PackedBits },
): Promise<Int8Array> {
  const words = await readWords(part);
  const perWord = 32 / bits;
  const codes = new Int8Array(rows * columns);
  for (let line = 0; line < columns / perWord; line++) {
    for (let row = 0; row < rows; row++) {
      const word = words[line * rows + row]!;
      const at = row * columns + line * perWord;
      for (let i = 0; i < perWord; i++) codes[at + i] = fieldAt(word, i, bits) - middleOf(bits);
    }
  }
  return codes;
}
