// A checkpoint's matrices in fewer bits, codes or halves, made once, or unpacked from another's layout, and kept in a
// cache of the user's, never beside the weights. Knows when a cached file is good; what it holds of a weight is
// few-bits-tensors.ts.
import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { userCaches } from '../durable/caches.ts';
import type { Environment } from '../durable/caches.ts';
import { explainWriting } from '../durable/explain.ts';
import { beside, makeFolder, syncDirectory } from '../durable/files.ts';
import type { Checkpoint, StoredWeight } from './checkpoint.ts';
import { findTensors, tensorsOf } from './few-bits-tensors.ts';
import type { FewBits } from './quantize.ts';
import { blockSize } from './quantize.ts';
import { elementsOf, readSafetensorsHeader } from './safetensors.ts';
import type { TensorSource } from './safetensors-writer.ts';
import { writeSafetensors } from './safetensors-writer.ts';

/** Changed whenever the same weights would be quantized to other codes or kept in another layout. */
const layoutVersion = 2;

/** What matrices are kept in. */
export type KeptDType = FewBits | 'float16';

export interface FewBitsSettings {
  /** What matrices are converted to; null unpacks those that were quantized and leaves the others in float32. */
  readonly dtype: KeptDType | null;
  /** Folder of the cache. */
  readonly cache: string;
  /** Called before weights are converted: throws where one of them cannot be. */
  readonly check: () => Promise<void>;
  /** Hears, before it begins, that a file with so many parameters is written. */
  readonly onWrite?: (parameters: number, file: string) => void;
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
  const file = join(settings.cache, 'quantized', key, `${settings.dtype ?? 'unpacked'}.safetensors`);
  const known = await readKept(file, key, checkpoint, settings.dtype);
  if (known) return known;
  await settings.check();
  const parameters = [...checkpoint.weights.values()].reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  settings.onWrite?.(parameters, file);
  await explainWriting(file, () => write(file, key, checkpoint, settings.dtype));
  const made = await readKept(file, key, checkpoint, settings.dtype);
  if (!made) throw new Error(`${file} cannot be read back`);
  return made;
}

const sampleBytes = 4096;

/** What the codes follow from: the layout, and of every tensor its place, its file's age and a sample from its middle. */
async function keyOf({ weights, files }: Checkpoint, dtype: KeptDType | null): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify({ layoutVersion, dtype, blockSize }));
  const tensors = [...weights].flatMap(([name, stored]) => {
    if (!stored.packed) return [[name, stored] as const];
    hash.update(stored.packed.reading);
    return [...stored.packed.parts];
  });
  for (const file of files) {
    const handle = await open(file, 'r');
    try {
      const { size, mtimeMs } = await handle.stat();
      hash.update(JSON.stringify({ size, mtimeMs }));
      for (const [name, { file: own, dtype: stored, shape, offset, length }] of tensors) {
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
  dtype: KeptDType | null,
): Promise<Checkpoint | null> {
  const header = await readSafetensorsHeader(file).catch(() => null);
  if (header?.metadata['key'] !== key) return null;
  const weights = new Map<string, StoredWeight>();
  for (const [name, stored] of checkpoint.weights) {
    const found = findTensors(header, file, name, stored, dtype);
    if (!found) return null;
    weights.set(name, found);
  }
  return { root: dirname(file), files: [file], weights };
}

async function write(
  file: string,
  key: string,
  checkpoint: Checkpoint,
  dtype: KeptDType | null,
): Promise<void> {
  const tensors = new Map<string, TensorSource>();
  for (const [name, stored] of checkpoint.weights) {
    for (const [own, source] of await tensorsOf(name, stored, dtype)) tensors.set(own, source);
  }
  await writeKept(file, key, tensors);
}

/** Writes a file of the cache, whole or not at all; `key` says what it was made of. */
export async function writeKept(
  file: string,
  key: string,
  tensors: ReadonlyMap<string, TensorSource>,
): Promise<void> {
  await makeFolder(dirname(file));
  // Another process may be at the same; whoever is last puts the same bytes in place.
  const temporary = beside(file);
  try {
    await rm(temporary, { force: true });
    await writeSafetensors(temporary, tensors, { key });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(file));
}
