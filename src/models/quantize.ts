// Matrices in few bits: blocks of a row share a scale, w = scale * code (the blockwise quantization of QLoRA,
// arXiv 2305.14314, Sec. 2, with even levels). Pure functions over rows; knows no files.

/** What a frozen matrix is stored in. */
export type BaseDType = 'float32' | 'int8' | 'int4';

export type FewBits = Exclude<BaseDType, 'float32'>;

/** Elements of a row that share a scale; a row's last block may be shorter. */
export const blockSize = 64;

export const blocksOf = (columns: number): number => Math.ceil(columns / blockSize);

/** Bytes of the codes of so many elements. */
export const codeBytes = (elements: number, dtype: FewBits): number =>
  dtype === 'int8' ? elements : Math.ceil(elements / 2);

export interface QuantizedRows {
  /** Two's complement: a byte a code, or two codes a byte with the first in the low half. */
  readonly codes: Uint8Array;
  /** [rows, blocks]. */
  readonly scales: Float32Array;
}

/**
 * Codes and scales of whole rows, [rows, columns] flat, all finite. For int4 the number of elements must be even.
 *
 * int8: codes -127 ... 127, the scale a 127th of the block's largest magnitude. int4: codes -8 ... 7, the scale that
 * leaves the smallest squared error of three, each improved by least squares once; the largest magnitude is at code -8.
 */
export function quantizeRows(values: Float32Array, columns: number, dtype: FewBits): QuantizedRows {
  const rows = values.length / columns;
  const blocks = blocksOf(columns);
  const scales = new Float32Array(rows * blocks);
  const codes = new Int8Array(values.length);
  const quantize = dtype === 'int8' ? quantizeBlock8 : quantizeBlock4;
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * blockSize;
      const end = Math.min(start + blockSize, (row + 1) * columns);
      scales[row * blocks + block] = quantize(values, codes, start, end);
    }
  }
  return { codes: dtype === 'int8' ? new Uint8Array(codes.buffer) : packHalves(codes), scales };
}

/** The inverse: scale * code, [rows, columns] flat. */
export function dequantizeRows({ codes, scales }: QuantizedRows, columns: number, dtype: FewBits): Float32Array {
  const blocks = blocksOf(columns);
  const count = (scales.length / blocks) * columns;
  return Float32Array.from({ length: count }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const scale = scales[row * blocks + Math.floor(column / blockSize)]!;
    return scale * codeAt(codes, i, dtype);
  });
}

function codeAt(codes: Uint8Array, i: number, dtype: FewBits): number {
  if (dtype === 'int8') return (codes[i]! << 24) >> 24;
  const half = i & 1 ? codes[i >> 1]! >> 4 : codes[i >> 1]! & 15;
  return half < 8 ? half : half - 16;
}

/** Writes the codes of values[start ... end) and returns their scale. */
type QuantizeBlock = (values: Float32Array, codes: Int8Array, start: number, end: number) => number;

const quantizeBlock8: QuantizeBlock = (values, codes, start, end) => {
  const scale = Math.fround(Math.abs(values[extremeOf(values, start, end)]!) / 127);
  // A block of zeros, or one so small that a single-precision scale underflows, is zero.
  if (scale === 0) return 1;
  for (let i = start; i < end; i++) codes[i] = Math.max(-127, Math.min(127, Math.round(values[i]! / scale)));
  return scale;
};

/** Shares of the block's largest value at which code -8 is tried: a smaller one clips it and is finer elsewhere. */
const starts = [1, 0.9, 0.8] as const;

const quantizeBlock4: QuantizeBlock = (values, codes, start, end) => {
  const extreme = values[extremeOf(values, start, end)]!;
  let [best, least] = [0, Infinity];
  for (const share of starts) {
    const first = Math.fround((share * extreme) / -8);
    for (const scale of [first, leastSquaresScale(values, start, end, first)]) {
      const error = scale === 0 ? Infinity : squaredError(values, start, end, scale);
      if (error < least) [best, least] = [scale, error];
    }
  }
  if (best === 0) return 1;
  for (let i = start; i < end; i++) codes[i] = code4(values[i]! / best);
  return best;
};

const code4 = (x: number): number => Math.max(-8, Math.min(7, Math.round(x)));

/** The scale that fits the codes that `scale` gives: sum(w c) / sum(c c). */
function leastSquaresScale(values: Float32Array, start: number, end: number, scale: number): number {
  let [above, below] = [0, 0];
  for (let i = start; i < end; i++) {
    const code = code4(values[i]! / scale);
    above += values[i]! * code;
    below += code * code;
  }
  return below > 0 ? Math.fround(above / below) : 0;
}

function squaredError(values: Float32Array, start: number, end: number, scale: number): number {
  let error = 0;
  for (let i = start; i < end; i++) error += (values[i]! - scale * code4(values[i]! / scale)) ** 2;
  return error;
}

function extremeOf(values: Float32Array, start: number, end: number): number {
  let at = start;
  for (let i = start + 1; i < end; i++) if (Math.abs(values[i]!) > Math.abs(values[at]!)) at = i;
  return at;
}

function packHalves(codes: Int8Array): Uint8Array {
  const packed = new Uint8Array(codes.length / 2);
  for (let i = 0; i < packed.length; i++) packed[i] = (codes[2 * i]! & 15) | ((codes[2 * i + 1]! & 15) << 4);
  return packed;
}
