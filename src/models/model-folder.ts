// Writes a model folder after the pattern of another one: same files, same shards, some weights replaced.
// The new folder appears whole or not at all. Knows Hugging Face's file names; not why weights are replaced.
import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readFile, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { explainWriting, noRoom } from '../durable/explain.ts';
import { exists, ignore, makeFolder, remove, syncDirectory, writeFileDurably } from '../durable/files.ts';
import { doWork } from '../durable/work.ts';
import { WhetstoneError } from '../errors.ts';
import { checkpointFileNames, indexName, openCheckpoint, singleName } from './checkpoint.ts';
import type { StoredWeight } from './checkpoint.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import type { StoredDType } from './safetensors.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import type { TensorSource } from './safetensors-writer.ts';

/** What is written in place of a stored tensor; its name and shape stay where they are left out. */
export type Replacement = Pick<TensorSource, 'dtype' | 'length' | 'chunks'> & {
  readonly name?: string;
  readonly shape?: readonly number[];
};

export interface WriteModelOptions {
  /** Called as bytes of weights are written. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Looks at the finished folder before it gets its name; if it throws, nothing is left at `outDir`. */
  readonly check?: (dir: string) => Promise<void>;
  /** Keeps what is whole when the work is stopped, for a later call; left out, nothing is left behind. */
  readonly kept?: KeptFiles;
  /** Stops between two pieces, with `STOPPED`. */
  readonly signal?: AbortSignal | undefined;
}

/** Weight files that an earlier process wrote, in a folder that waits for the others. */
export interface KeptFiles {
  readonly folder: string;
  has(name: string): boolean;
  /** Resolves when it is noted that the file is whole. */
  keep(name: string): Promise<void>;
  /** Takes the place of a model folder that is at `outDir`. */
  readonly replace: boolean;
}

export interface ModelRewrite extends WriteModelOptions {
  /** What takes the place of a tensor; null copies its bytes, `left out` is not written at all. */
  readonly replace: (name: string, stored: StoredWeight) => Replacement | null | 'left out';
  /** The dtype that config.json shall name; left out, that of the source. */
  readonly dtype?: StoredDType;
  /** Fields of config.json, and files beside it, that the new folder has not. */
  readonly withoutFields?: readonly string[];
  readonly withoutFiles?: readonly string[];
}

export interface WrittenModel {
  /** Size of all weight files. */
  readonly weightBytes: number;
  readonly weightFiles: readonly string[];
  readonly copiedFiles: readonly string[];
  /** Files of the source that were not taken over: other formats of the weights, adapters, anything large. */
  readonly leftOutFiles: readonly string[];
}

const chunkBytes = 8 << 20;
/** No tokenizer, template or licence is as large as this; what is, holds weights. */
const largestCompanion = 64 << 20;

/**
 * Writes `outDir` like `sourceDir`. It is filled under the name OUT.partial-XXXXXX, or in the folder of what is kept,
 * synced, checked and renamed.
 *
 * Throws `OUT_EXISTS`, `STOPPED`, as `explainWriting`, and what opening the source throws.
 */
export async function rewriteModel(
  sourceDir: string,
  outDir: string,
  rewrite: ModelRewrite,
): Promise<WrittenModel> {
  const out = resolve(outDir);
  const { kept } = rewrite;
  await requirePlace(out, kept?.replace ?? false);
  const names = await checkpointFileNames(sourceDir);
  const shards = await planShards(sourceDir, names, rewrite.replace);
  const { dtype, withoutFields = [], withoutFiles = [] } = rewrite;
  const companions = await listCompanions(sourceDir, new Set([...names, indexName, ...withoutFiles]));
  const open = shards.filter(({ name }) => kept?.has(name) !== true);

  await makeFolder(dirname(out));
  await requireSpace(out, totalBytes(open));
  const partial = kept?.folder ?? `${out}.partial-${randomBytes(3).toString('hex')}`;
  const put = (name: string, bytes: Uint8Array): Promise<void> =>
    explainWriting(
      out,
      async () => {
        await mkdir(dirname(join(partial, name)), { recursive: true });
        await writeFileDurably(join(partial, name), bytes);
      },
      { until: partial },
    );
  try {
    await explainWriting(out, () => mkdir(partial, { recursive: true }), { until: partial });
    await writeShards(partial, out, shards, rewrite);
    for (const name of companions.copied) {
      const bytes = await readFile(join(sourceDir, name));
      const edited = name === 'config.json' && (dtype !== undefined || withoutFields.length > 0);
      await put(name, edited ? editedConfig(bytes, dtype, withoutFields) : bytes);
    }
    const index = names.includes(singleName) ? null : await readFile(join(sourceDir, indexName));
    if (index) await put(indexName, editedIndex(index, shards));
    await explainWriting(out, () => syncDirectory(partial), { until: partial });
    await rewrite.check?.(partial);
    await putInPlace(partial, out, kept?.replace ?? false);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(out, name))).size));
    return {
      weightBytes: sizes.reduce((sum, size) => sum + size, 0),
      weightFiles: names,
      copiedFiles: companions.copied,
      leftOutFiles: companions.leftOut,
    };
  } catch (error) {
    if (!kept) await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** Writes the weight files that are not kept yet. */
async function writeShards(
  folder: string,
  out: string,
  shards: readonly Shard[],
  { kept, onProgress, signal }: ModelRewrite,
): Promise<void> {
  const total = totalBytes(shards);
  let done = totalBytes(shards.filter(({ name }) => kept?.has(name)));
  const count = (bytes: number): void => {
    signal?.throwIfAborted();
    onProgress?.((done += bytes), total);
  };
  await doWork<Shard, string>({
    what: 'weight files',
    items: shards,
    isKept: ({ name }) => kept?.has(name) ?? false,
    keep: async (_, name) => kept?.keep(name),
    work: async (pending, hand) => {
      for (const shard of pending) {
        const file = join(folder, shard.name);
        await explainWriting(
          out,
          async () => {
            await rm(file, { force: true }); // half of one that was stopped
            await writeSafetensors(file, counted(shard.tensors, count), shard.metadata);
          },
          { until: folder },
        );
        await hand(shard, shard.name);
      }
    },
    signal,
  });
}

const totalBytes = (shards: readonly Shard[]): number => shards.reduce((sum, { bytes }) => sum + bytes, 0);

async function putInPlace(folder: string, out: string, replace: boolean): Promise<void> {
  await requirePlace(out, replace);
  const before = `${out}.replaced-${process.pid}`;
  await explainWriting(
    out,
    async () => {
      if (replace) await rename(out, before).catch(ignore('ENOENT'));
      try {
        await rename(folder, out);
      } catch (error) {
        if (replace) await rename(before, out).catch(() => undefined);
        throw error;
      }
      await syncDirectory(dirname(out));
    },
    { until: folder },
  );
  if (replace) await remove(before);
}

interface Shard {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** Whether some tensor's name or size differs from the source's. */
  readonly changed: boolean;
}

async function planShards(
  sourceDir: string,
  names: readonly string[],
  replace: ModelRewrite['replace'],
): Promise<Shard[]> {
  // Opened as a whole first: it finds missing shards before anything is written.
  const { files } = await openCheckpoint(sourceDir);
  const shards: Shard[] = [];
  for (const [i, name] of names.entries()) {
    const file = files[i]!;
    const { tensors: infos, metadata } = await readSafetensorsHeader(file);
    const tensors = new Map<string, TensorSource>();
    let changed = false;
    for (const [tensor, info] of [...infos].sort(([, a], [, b]) => a.offset - b.offset)) {
      const stored: StoredWeight = { ...info, file };
      const replacement = replace(tensor, stored);
      if (replacement === 'left out') {
        changed = true;
        continue;
      }
      const own = replacement?.name ?? tensor;
      const source: TensorSource = replacement
        ? { ...replacement, shape: replacement.shape ?? info.shape }
        : { ...info, chunks: () => readChunks(stored, chunkBytes) };
      changed ||= own !== tensor || source.length !== info.length;
      tensors.set(own, source);
    }
    const bytes = [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
    shards.push({ name, tensors, metadata, bytes, changed });
  }
  return shards;
}

/** A stored tensor's bytes in pieces of `size`, each in the same aligned buffer. */
export async function* readChunks(
  { file, offset, length }: StoredWeight,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = new Uint8Array(Math.min(size, length));
  const handle = await open(file, 'r');
  try {
    for (let done = 0; done < length; done += size) {
      const chunk = buffer.subarray(0, Math.min(size, length - done));
      await readAll(handle, chunk, offset + done, file);
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

async function readAll(handle: FileHandle, bytes: Uint8Array, position: number, file: string): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, position + at);
    if (bytesRead === 0) throw new WhetstoneError('SAFETENSORS', 'ended while it was read', { file });
    at += bytesRead;
  }
}

const counted = (
  tensors: ReadonlyMap<string, TensorSource>,
  count: (bytes: number) => void,
): Map<string, TensorSource> =>
  new Map(
    [...tensors].map(([name, source]) => [
      name,
      {
        ...source,
        chunks: async function* () {
          for await (const chunk of source.chunks()) {
            yield chunk;
            count(chunk.byteLength);
          }
        },
      },
    ]),
  );

const otherFormats =
  /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|ggml|onnx|onnx_data|tflite|mlmodel|npz|pkl|ot)(\.index\.json)?$/i;

/** Where transformers keeps a model's chat templates if it has several. */
const templateFolder = 'additional_chat_templates';

/** Files beside the weights, by their path in the folder. */
async function listCompanions(
  sourceDir: string,
  weights: ReadonlySet<string>,
): Promise<{ copied: string[]; leftOut: string[] }> {
  const copied: string[] = [];
  const leftOut: string[] = [];
  const inFolder = await readdir(join(sourceDir, templateFolder)).catch(() => []);
  const names = [...(await readdir(sourceDir)), ...inFolder.map((name) => `${templateFolder}/${name}`)];
  for (const name of names.sort()) {
    if (weights.has(name) || name.startsWith('.') || name === templateFolder) continue;
    const info = await stat(join(sourceDir, name)).catch(() => null);
    if (info?.isDirectory()) leftOut.push(`${name}/`);
    if (!info?.isFile()) continue;
    const isWeights = otherFormats.test(name) || name === 'adapter_config.json';
    (isWeights || info.size > largestCompanion ? leftOut : copied).push(name);
  }
  return { copied, leftOut };
}

/** A byte order mark before it is skipped, as everywhere. */
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').replace(/^\uFEFF/, '');

/**
 * config.json without some fields, and with the dtype under the name that it has there: "dtype", or "torch_dtype" before
 * transformers 5.
 */
function editedConfig(
  config: Uint8Array,
  dtype: StoredDType | undefined,
  without: readonly string[],
): Uint8Array {
  const json = JSON.parse(textOf(config)) as Record<string, unknown>;
  const kept = Object.fromEntries(Object.entries(json).filter(([field]) => !without.includes(field)));
  if (dtype === undefined) return toJson(kept);
  const field = 'dtype' in json ? 'dtype' : 'torch_dtype';
  return toJson({ ...kept, [field]: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype] });
}

function editedIndex(index: Uint8Array, shards: readonly Shard[]): Uint8Array {
  if (!shards.some(({ changed }) => changed)) return index;
  const json = JSON.parse(textOf(index)) as { metadata?: object };
  const places = shards.flatMap(({ name, tensors }) => [...tensors.keys()].map((tensor) => [tensor, name]));
  return toJson({
    ...json,
    metadata: { ...json.metadata, total_size: totalBytes(shards) },
    weight_map: Object.fromEntries(places) as object,
  });
}

const toJson = (value: object): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

async function requirePlace(out: string, replace: boolean): Promise<void> {
  const there = await lstat(out).catch(() => null);
  if (!there) return;
  if (!replace) {
    throw new WhetstoneError('OUT_EXISTS', 'this exists already', {
      file: out,
      hint: 'Name a folder that does not exist yet.',
    });
  }
  if (await exists(join(out, 'config.json'))) return;
  throw new WhetstoneError('OUT_EXISTS', 'this is not a model folder, and only those are replaced', {
    file: out,
    hint: 'Choose another name.',
  });
}

async function requireSpace(out: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(out));
  const free = bavail * bsize;
  if (free < needed) throw noRoom(out, needed, free);
}
