// Fingerprints of what a run was made from, to notice that a resumed run would see something else.
// Knows file names of Hugging Face folders and the safetensors header, not what is in them.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { adapterFolder, isRun } from './adapter-folder.ts';

/** File name to "sha256:HEX" or, for weights, "safetensors:BYTES:HEX". */
export type Digests = Readonly<Record<string, string>>;

/** SHA-256 of a file's bytes, in hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** SHA-256 of lines, in hex. */
export function textDigest(lines: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex');
}

/** Digests of a model or adapter folder's files that decide what a run computes; of a run, those of its adapter. */
export async function folderDigests(path: string): Promise<Digests> {
  const dir = (await isRun(path)) ? await adapterFolder(path) : path;
  const names = (await readdir(dir))
    .filter((name) => /\.(json|jinja|model|txt|safetensors)$/.test(name))
    .sort();
  const digests: Record<string, string> = {};
  for (const name of names) {
    const path = join(dir, name);
    if (!(await stat(path)).isFile()) continue;
    digests[name] = name.endsWith('.safetensors')
      ? await weightsDigest(path)
      : `sha256:${await sha256File(path)}`;
  }
  return digests;
}

/**
 * Size and header of a safetensors file, and the first and last mebibyte of its data: cheap for any size, and
 * different for every retrained or requantized checkpoint in practice. It does not see time stamps.
 */
async function weightsDigest(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256');
    const add = async (from: number, to: number): Promise<Buffer> => {
      const bytes = Buffer.alloc(Math.max(0, to - from));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      const found = bytes.subarray(0, bytesRead);
      hash.update(found);
      return found;
    };
    const prefix = await add(0, 8);
    const header = prefix.length === 8 ? Number(prefix.readBigUInt64LE()) : 0;
    const data = Math.min(size, 8 + Math.min(header, 1 << 28));
    const sample = 1 << 20;
    await add(8, data);
    await add(data, Math.min(size, data + sample));
    await add(Math.max(data, size - sample), size);
    return `safetensors:${size}:${hash.digest('hex')}`;
  } finally {
    await file.close();
  }
}

/** "sha256:HEX" of a data file. Throws WhetstoneError `FILE_NOT_FOUND`. */
export async function dataDigest(path: string): Promise<string> {
  try {
    return `sha256:${await sha256File(path)}`;
  } catch (cause) {
    throw new WhetstoneError('FILE_NOT_FOUND', 'the file cannot be read', { file: path, cause });
  }
}

/** One line for every file that has changed, `what` names the folder. */
export function digestDifferences(
  what: string,
  before: Digests | null | undefined,
  now: Digests | null,
): string[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(now ?? {})])].sort();
  return names.flatMap((name) => {
    const [old, fresh] = [before?.[name], now?.[name]];
    if (old === fresh) return [];
    return [
      `${what}: ${name} ${old === undefined ? 'is new' : fresh === undefined ? 'is gone' : 'has changed'}`,
    ];
  });
}
