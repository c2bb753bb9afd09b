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
 * Scales of whole rows: values [rows, columns] flat, all finite; result [rows, blocks].
 *
 * int8: a 127th of the block's largest magnitude. int4: of three scales, each improved by least squares once, the one that
 * leaves the smallest squared error; the largest magnitude is at code -8.
 */
export function scalesOf(values: Float32Array, columns: number, dtype: FewBits): Float32Array {
  const scaleOf = dtype === 'int8' ? scaleOf8 : scaleOf4;
  const scales = new Float32Array((values.length / columns) * blocksOf(columns));
  let at = 0;
  // A block of zeros, or one so small that a single-precision scale underflows, is zero at any scale.
  eachBlock(values.length, columns, (start, end) => (scales[at++] = scaleOf(values, start, end) || 1));
  return scales;
}

/** Codes of whole rows under their scales. For int4 the number of elements must be even. */
export function codesOf(values: Float32Array, columns: number, scales: Float32Array, dtype: FewBits): Uint8Array {
  const codes = new Int8Array(values.length);
  const [least, most] = dtype === 'int8' ? [-127, 127] : [-8, 7];
  let at = 0;
  eachBlock(values.length, columns, (start, end) => {
    const scale = scales[at++]!;
    for (let i = start; i < end; i++) {
      const rounded = Math.floor(values[i]! / scale + 0.5);
      codes[i] = rounded > most ? most : rounded < least ? least : rounded;
    }
  });
  return dtype === 'int8' ? new Uint8Array(codes.buffer) : packHalves(codes);
}

export function quantizeRows(values: Float32Array, columns: number, dtype: FewBits): QuantizedRows {
  const scales = scalesOf(values, columns, dtype);
  return { codes: codesOf(values, columns, scales, dtype), scales };
}

/** Bounds of the blocks of rows that lie one after the other. */
function eachBlock(length: number, columns: number, visit: (start: number, end: number) => void): void {
  for (let row = 0; row < length; row += columns) {
    for (let start = row; start < row + columns; start += blockSize) {
      visit(start, Math.min(start + blockSize, row + columns));
    }
  }
}

export interface Blocks {
  /** [rows, blocks]. */
  readonly scales: Float32Array;
  /** Signed as the codes are, [rows, blocks]; null where every one is 0. */
  readonly zeros: Int8Array | null;
  /** The block of each column; null where they follow one after the other. */
  readonly blockOf: Int32Array | null;
}

/** Whole rows in float32, (code - zero) * scale, [rows, columns] flat. */
export function unpackRows(
  { columns, block }: { readonly columns: number; readonly block: number },
  { scales, zeros, blockOf }: Blocks,
  codes: Int8Array,
  firstRow = 0,
): Float32Array {
  const blocks = Math.ceil(columns / block);
  const values = new Float32Array(codes.length);
  for (let at = 0, row = firstRow; at < codes.length; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const place = row * blocks + (blockOf ? blockOf[column]! : Math.floor(column / block));
      values[at] = (codes[at]! - (zeros ? zeros[place]! : 0)) * scales[place]!;
    }
  }
  return values;
}

/** The inverse of `quantizeRows`, [rows, columns] flat. */
export function dequantizeRows({ codes, scales }: QuantizedRows, columns: number, dtype: FewBits): Float32Array {
  const count = (scales.length / blocksOf(columns)) * columns;
  const blocks = { scales, zeros: null, blockOf: null };
  return unpackRows({ columns, block: blockSize }, blocks, signedCodes(codes, dtype).subarray(0, count));
}

const scaleOf8 = (values: Float32Array, start: number, end: number): number =>
  Math.fround(Math.abs(extremeOf(values, start, end)) / 127);

/** Shares of the block's largest value at which code -8 is tried: a smaller one clips it and is finer elsewhere. */
const starts = [1, 0.9, 0.8] as const;

/**
 * With codes c of values w under a scale s, the squared error is sum(w w) - 2 s sum(w c) + s s sum(c c), and the scale that
 * fits these codes best is sum(w c) / sum(c c): one pass over the block gives both. Models have thousands of millions of
 * values, so that it is written out here.
 */
function scaleOf4(values: Float32Array, start: number, end: number): number {
  const extreme = extremeOf(values, start, end);
  let squares = 0;
  for (let i = start; i < end; i++) squares += values[i]! * values[i]!;
  let [best, least] = [0, Infinity];
  for (const share of starts) {
    let scale = Math.fround((share * extreme) / -8);
    for (let round = 0; round < 2 && scale !== 0; round++) {
      const inverse = 1 / scale;
      let [above, below] = [0, 0];
      for (let i = start; i < end; i++) {
        const rounded = Math.floor(values[i]! * inverse + 0.5);
        const code = rounded > 7 ? 7 : rounded < -8 ? -8 : rounded;
        above += values[i]! * code;
        below += code * code;
      }
      const error = squares - 2 * scale * above + scale * scale * below;
      if (error < least) [best, least] = [scale, error];
      scale = below > 0 ? Math.fround(above / below) : 0;
    }
  }
  return best;
}

/** The value of the largest magnitude. */
function extremeOf(values: Float32Array, start: number, end: number): number {
  let [extreme, magnitude] = [0, 0];
  for (let i = start; i < end; i++) {
    const own = Math.abs(values[i]!);
    if (own > magnitude) [extreme, magnitude] = [values[i]!, own];
  }
  return extreme;
}

/** Two codes a byte, the first in the low half; an odd one leaves the last half empty. */
export function packHalves(codes: Int8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  for (let i = 0; i < packed.length; i++) packed[i] = (codes[2 * i]! & 15) | (((codes[2 * i + 1] ?? 0) & 15) << 4);
  return packed;
}

/** The inverse of how codes are stored: one an element, of int4 an even number of them. */
export function signedCodes(bytes: Uint8Array, dtype: FewBits): Int8Array {
  if (dtype === 'int8') return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const codes = new Int8Array(2 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    codes[2 * i] = (bytes[i]! << 28) >> 28;
    codes[2 * i + 1] = (bytes[i]! << 24) >> 28;
  }
  return codes;
}
