// What the cache of few bits holds of a weight: codes, the scales of their blocks and their zeros, or floats. Weights that
// are quantized here are read and written row by row; unpacking takes one matrix at a time.
import type { StoredCodes, StoredWeight } from './checkpoint.ts';
import { embeddingName, headName } from './decoder.ts';
import { readChunks } from './model-folder.ts';
import type { KeptDType } from './few-bits.ts';
import type { PackedMatrix } from './packed-matrix.ts';
import type { Blocks, FewBits } from './quantize.ts';
import { blocksOf, blockSize, codeBytes, codesOf, packHalves, scalesOf, unpackRows } from './quantize.ts';
import { elementsOf, fromFloat32, isStoredDType, storedBytes, toFloat32 } from './safetensors.ts';
import type { SafetensorsHeader } from './safetensors.ts';
import type { TensorSource } from './safetensors-writer.ts';

const scalesName = (name: string): string => `${name}.scales`;
const zerosName = (name: string): string => `${name}.zeros`;

/** A code is half a byte in int4, so that rows must have an even number of them to begin at whole bytes. */
const isQuantized = ({ shape }: StoredWeight, dtype: KeptDType | null): dtype is FewBits =>
  dtype !== null && dtype !== 'float16' && shape.length === 2 && (dtype === 'int8' || shape[1]! % 2 === 0);

/** What is stored of a weight that is not quantized: vectors are float32 everywhere. */
const floatOf = ({ shape, packed }: StoredWeight, dtype: KeptDType | null): 'F16' | 'F32' =>
  dtype === 'float16' && shape.length === 2 && !packed ? 'F16' : 'F32';

/** The weight as the cache's file has it; null where the file has it otherwise. */
export function findTensors(
  { tensors }: SafetensorsHeader,
  file: string,
  name: string,
  stored: StoredWeight,
  dtype: KeptDType | null,
): StoredWeight | null {
  const [info, scales, zeros] = [name, scalesName(name), zerosName(name)].map((own) => tensors.get(own));
  if (!info) return null;
  const { shape, packed } = stored;
  if (isStoredDType(info.dtype)) {
    const expected = floatOf(stored, dtype);
    const fits = info.dtype === expected && info.length === storedBytes[expected] * elementsOf(shape);
    return fits && (packed || !isQuantized(stored, dtype)) ? { ...info, shape, file } : null;
  }
  const own = info.dtype === 'I8' ? 'int8' : 'int4';
  if (!scales || info.length !== codeBytes(elementsOf(shape), own)) return null;
  const quantized: StoredCodes = {
    dtype: own,
    block: packed?.block ?? blockSize,
    scales: { ...scales, file },
    ...(zeros && { zeros: { ...zeros, file } }),
  };
  return { ...info, shape, file, quantized };
}

/** What is stored of a weight, by name. Scales come before codes, so that codes find theirs in memory. */
export async function tensorsOf(
  name: string,
  stored: StoredWeight,
  dtype: KeptDType | null,
): Promise<[string, TensorSource][]> {
  if (stored.packed) return unpackedTensors(name, stored.packed);
  return isQuantized(stored, dtype)
    ? quantizedTensors(name, stored, dtype)
    : [[name, floatTensor(name, stored, floatOf(stored, dtype))]];
}

const chunkElements = 2 << 20;

/** Of these single rows are taken: tokens' embeddings, and in the derivative of a token's logit. */
const gathered = [embeddingName, headName];

/** Kernels that gather rows of int4 take blocks of these sizes alone. */
const isGathered = (block: number): boolean => block >= 16 && Number.isInteger(Math.log2(block));

/** The codes as they are, or, where the blocks of a row are in another order than its columns, float32. */
async function unpackedTensors(name: string, packed: PackedMatrix): Promise<[string, TensorSource][]> {
  const { rows, columns, block, bits } = packed;
  // Read again when they are written: what is looked at here is whether there are zeros, and an order.
  const { zeros, blockOf, scales } = await packed.readBlocks();
  const count = scales.length;
  if (blockOf) {
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      const [blocks, codes] = [await packed.readBlocks(), await packed.readCodes()];
      const step = Math.max(1, Math.floor(chunkElements / columns));
      for (let row = 0; row < rows; row += step) {
        yield bytesOf(unpackRows(packed, blocks, codes.subarray(row * columns, (row + step) * columns), row));
      }
    };
    return [[name, { dtype: 'F32', shape: [rows, columns], length: 4 * rows * columns, chunks }]];
  }
  const inBytes = bits === 8 || columns % 2 === 1 || (gathered.includes(name) && !isGathered(block));
  const stored = (codes: Int8Array): Uint8Array =>
    inBytes ? new Uint8Array(codes.buffer, codes.byteOffset, codes.length) : packHalves(codes);
  const ofBlocks = (bytes: (blocks: Blocks) => Uint8Array): TensorSource['chunks'] =>
    async function* () {
      yield bytes(await packed.readBlocks());
    };
  const form = (lines: number, width: number): Pick<TensorSource, 'dtype' | 'shape' | 'length'> =>
    inBytes
      ? { dtype: 'I8', shape: [lines, width], length: lines * width }
      : { dtype: 'U8', shape: [Math.ceil((lines * width) / 2)], length: Math.ceil((lines * width) / 2) };
  const shape = [rows, count / rows];
  return [
    [
      scalesName(name),
      { dtype: 'F32', shape, length: 4 * count, chunks: ofBlocks((blocks) => bytesOf(blocks.scales)) },
    ],
    ...(zeros
      ? [
          [
            zerosName(name),
            { ...form(rows, count / rows), chunks: ofBlocks((blocks) => stored(blocks.zeros!)) },
          ] as [string, TensorSource],
        ]
      : []),
    [
      name,
      {
        ...form(rows, columns),
        chunks: async function* () {
          yield stored(await packed.readCodes());
        },
      },
    ],
  ];
}

function floatTensor(name: string, stored: StoredWeight, dtype: 'F16' | 'F32'): TensorSource {
  const { shape } = stored;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const values of readFloats(name, stored, chunkElements)) yield fromFloat32(values, dtype);
  };
  return { dtype, shape, length: storedBytes[dtype] * elementsOf(shape), chunks };
}

function quantizedTensors(name: string, stored: StoredWeight, dtype: FewBits): [string, TensorSource][] {
  const { shape } = stored;
  const [rows, columns] = shape as [number, number];
  const inRows = (convert: (values: Float32Array, firstRow: number) => Uint8Array) =>
    async function* (): AsyncGenerator<Uint8Array> {
      const rowsAtOnce = Math.max(1, Math.floor(chunkElements / columns));
      let row = 0;
      for await (const values of readFloats(name, stored, rowsAtOnce * columns)) {
        yield convert(values, row);
        row += values.length / columns;
      }
    };
  const blocks = blocksOf(columns);
  const scales = new Float32Array(rows * blocks);
  return [
    [
      scalesName(name),
      {
        dtype: 'F32',
        shape: [rows, blocks],
        length: 4 * scales.length,
        chunks: inRows((values, row) => {
          const own = scalesOf(values, columns, dtype);
          scales.set(own, row * blocks);
          return bytesOf(own);
        }),
      },
    ],
    [
      name,
      {
        dtype: dtype === 'int8' ? 'I8' : 'U8',
        shape: dtype === 'int8' ? shape : [rows, columns / 2],
        length: codeBytes(rows * columns, dtype),
        chunks: inRows((values, row) =>
          codesOf(values, columns, scales.subarray(row * blocks, (row + values.length / columns) * blocks), dtype),
        ),
      },
    ],
  ];
}

async function* readFloats(name: string, stored: StoredWeight, elements: number): AsyncGenerator<Float32Array> {
  const { dtype, file } = stored;
  if (!isStoredDType(dtype)) throw new Error(`tensor "${name}" has dtype ${dtype}`);
  for await (const bytes of readChunks(stored, elements * storedBytes[dtype])) {
    yield toFloat32(bytes, dtype, { file, field: name });
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
