// Weights as the tensors of a GGUF file: in float32, in halves, or in blocks of 32 codes with a scale (Q8_0).
import { halfBits } from '../graph/index.ts';
import { fromFloat32 } from '../models/index.ts';
import type { GgufDType, GgufTensor } from './gguf-file.ts';

/** Elements of a row that share a scale in Q8_0, and the bytes of such a block. */
const blockSize = 32;
const blockBytes = 2 + blockSize;

/** What is asked of matrices; vectors are float32 always, and rows that are no whole blocks are halves in place of Q8_0. */
export function storedAs(wanted: GgufDType, shape: readonly number[]): GgufDType {
  if (shape.length < 2) return 'F32';
  return wanted === 'Q8_0' && shape.at(-1)! % blockSize !== 0 ? 'F16' : wanted;
}

/** A tensor of whole rows that come as float32, some at a time. */
export function ggufTensor(
  name: string,
  shape: readonly number[],
  dtype: GgufDType,
  rows: () => AsyncIterable<Float32Array> | Iterable<Float32Array>,
): GgufTensor {
  const elements = shape.reduce((a, b) => a * b, 1);
  const length =
    dtype === 'F32' ? 4 * elements : dtype === 'F16' ? 2 * elements : (elements / blockSize) * blockBytes;
  return {
    ...{ name, shape, dtype, length },
    chunks: async function* () {
      for await (const values of rows())
        yield dtype === 'Q8_0' ? blocksOf(values) : fromFloat32(values, dtype);
    },
  };
}

/** Q8_0 as ggml has it: scale max |x| / 127 as a half, codes x / scale rounded half away from zero. */
export function blocksOf(values: Float32Array): Uint8Array {
  const blocks = values.length / blockSize;
  const bytes = new Uint8Array(blocks * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    const some = values.subarray(block * blockSize, (block + 1) * blockSize);
    let most = 0;
    for (const x of some) most = Math.max(most, Math.abs(x));
    const scale = Math.fround(most / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const at = block * blockBytes;
    view.setUint16(at, halfBits(scale), true);
    for (let i = 0; i < blockSize; i++) {
      const code = Math.fround(some[i]! * inverse);
      view.setInt8(at + 2 + i, Math.sign(code) * Math.floor(Math.abs(code) + 0.5));
    }
  }
  return bytes;
}
