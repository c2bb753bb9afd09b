// A checkpoint's matrices in few bits, quantized once and kept in a cache of the user's, never beside the weights. Reads
// and writes row by row, so that a model of any size needs no more memory than its scales.
import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userCaches } from '../durable/caches.ts';
import type { Environment } from '../durable/caches.ts';
import { explainWriting } from '../durable/explain.ts';
import { makeFolder, syncDirectory } from '../durable/files.ts';
import type { Checkpoint, StoredWeight } from './checkpoint.ts';
import { readChunks } from './model-folder.ts';
import type { FewBits } from './quantize.ts';
import { blocksOf, blockSize, codeBytes, codesOf, scalesOf } from './quantize.ts';
import { isStoredDType, readSafetensorsHeader, storedBytes, toFloat32 } from './safetensors.ts';
import type { SafetensorsHeader } from './safetensors.ts';
import type { TensorSource } from './safetensors-writer.ts';
import { writeSafetensors } from './safetensors-writer.ts';

/** Changed whenever the same weights would be quantized to other codes or kept in another layout. */
const layoutVersion = 1;

export interface FewBitsSettings {
  readonly dtype: FewBits;
  /** Folder of the cache. */
  readonly cache: string;
  /** Looked at before weights are quantized: throws where one of them cannot be. */
  readonly check: () => Promise<void>;
  /** Hears, before it begins, that so many parameters are quantized into a file. */
  readonly onQuantize?: (parameters: number, file: string) => void;
}

/** WHETSTONE_CACHE, else `whetstone` in the place for caches. */
export const cacheFolder = (env: Environment = process.env): string =>
  env['WHETSTONE_CACHE'] || join(userCaches(env), 'whetstone');

/**
 * The checkpoint with its matrices in few bits and its vectors in float32, from the cache if it is there and whole.
 * What is there of other weights, of another version or torn is made anew. Throws what `check` throws, and what reading
 * the weights and writing the cache throws.
 */
export async function inFewBits(checkpoint: Checkpoint, settings: FewBitsSettings): Promise<Checkpoint> {
  const key = await keyOf(checkpoint, settings.dtype);
  const file = join(settings.cache, 'quantized', key, `${settings.dtype}.safetensors`);
  const known = await readKept(file, key, checkpoint, settings.dtype);
  if (known) return known;
  await settings.check();
  const parameters = [...checkpoint.weights.values()].reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  settings.onQuantize?.(parameters, file);
  await explainWriting(file, () => write(file, key, checkpoint, settings.dtype));
  const made = await readKept(file, key, checkpoint, settings.dtype);
  if (!made) throw new Error(`${file} cannot be read back`);
  return made;
}

const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A code is half a byte in int4, so that rows must have an even number of them to begin at whole bytes. */
const isQuantized = ({ shape }: StoredWeight, dtype: FewBits): boolean =>
  shape.length === 2 && (dtype === 'int8' || shape[1]! % 2 === 0);

const sampleBytes = 4096;

/** What the codes follow from: the layout, and of every tensor its place, its file's age and a sample from its middle. */
async function keyOf({ weights, files }: Checkpoint, dtype: FewBits): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify({ layoutVersion, dtype, blockSize }));
  for (const file of files) {
    const handle = await open(file, 'r');
    try {
      const { size, mtimeMs } = await handle.stat();
      hash.update(JSON.stringify({ size, mtimeMs }));
      for (const [name, { file: own, dtype: stored, shape, offset, length }] of weights) {
        if (own !== file) continue;
        const sample = Buffer.alloc(Math.min(sampleBytes, length));
        await handle.read(sample, 0, sample.length, offset + Math.floor((length - sample.length) / 2));
        hash.update(JSON.stringify({ name, stored, shape, offset })).update(sample);
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex').slice(0, 32);
}

/** Null for a file that is missing, torn, or not of these weights. */
async function readKept(
  file: string,
  key: string,
  checkpoint: Checkpoint,
  dtype: FewBits,
): Promise<Checkpoint | null> {
  const header = await readSafetensorsHeader(file).catch(() => null);
  if (header?.metadata['key'] !== key) return null;
  const weights = new Map<string, StoredWeight>();
  for (const [name, stored] of checkpoint.weights) {
    const found = keptWeight(header, file, name, stored, dtype);
    if (!found) return null;
    weights.set(name, found);
  }
  return { root: dirname(file), files: [file], weights };
}

const scalesName = (name: string): string => `${name}.scales`;

function keptWeight(
  { tensors }: SafetensorsHeader,
  file: string,
  name: string,
  stored: StoredWeight,
  dtype: FewBits,
): StoredWeight | null {
  const [info, scales] = [tensors.get(name), tensors.get(scalesName(name))];
  if (!info) return null;
  if (!isQuantized(stored, dtype)) return { ...info, shape: stored.shape, file };
  if (!scales || info.length !== codeBytes(elementsOf(stored.shape), dtype)) return null;
  return { ...info, shape: stored.shape, file, quantized: { dtype, scales: { ...scales, file } } };
}

async function write(file: string, key: string, checkpoint: Checkpoint, dtype: FewBits): Promise<void> {
  await makeFolder(dirname(file));
  const tensors = new Map<string, TensorSource>();
  for (const [name, stored] of checkpoint.weights) {
    for (const [own, source] of sourcesOf(name, stored, dtype)) tensors.set(own, source);
  }
  // Another process may be at the same; whoever is last puts the same bytes in place.
  const beside = `${file}.${process.pid}.partial`;
  try {
    await rm(beside, { force: true });
    await writeSafetensors(beside, tensors, { key });
    await rename(beside, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

const chunkElements = 2 << 20;

/** What is stored of a weight. Scales are written before codes, so that codes find theirs in memory. */
function sourcesOf(name: string, stored: StoredWeight, dtype: FewBits): [string, TensorSource][] {
  const { shape } = stored;
  const elements = elementsOf(shape);
  const [rows = 1, columns = elements] = isQuantized(stored, dtype) ? shape : [1, elements];
  const inRows = (convert: (values: Float32Array, firstRow: number) => Uint8Array) =>
    async function* (): AsyncGenerator<Uint8Array> {
      const rowsAtOnce = Math.max(1, Math.floor(chunkElements / columns));
      let row = 0;
      for await (const values of readFloats(name, stored, rowsAtOnce * columns)) {
        yield convert(values, row);
        row += values.length / columns;
      }
    };
  if (!isQuantized(stored, dtype)) {
    return [[name, { dtype: 'F32', shape, length: 4 * elements, chunks: inRows((values) => bytesOf(values)) }]];
  }
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
        length: codeBytes(elements, dtype),
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
