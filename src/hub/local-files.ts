// The files of a folder that is to be pushed: their names, sizes and the names that contents have in git and LFS.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { WhetstoneError } from '../errors.ts';
import { isSafePath } from './repository.ts';

export interface LocalFile {
  /** With "/" between folders. */
  readonly name: string;
  readonly path: string;
  readonly size: number;
}

export interface HashedFile extends LocalFile {
  readonly sha256: string;
  /** git's name for it as a blob. */
  readonly sha1: string;
  /** The first 512 bytes, by which the hub tells texts from other files. */
  readonly sample: Buffer;
}

/**
 * All files, through links, sorted; hidden ones are left out but .gitattributes. Throws WhetstoneError `FILE_NOT_FOUND` for no
 * folder and for one without files, `HUB_NAME` for a name that cannot be one there.
 */
export async function localFiles(folder: string): Promise<{ files: LocalFile[]; leftOut: string[] }> {
  const names = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new WhetstoneError('FILE_NOT_FOUND', 'expected a folder to push', { file: folder, cause });
  });
  const files: LocalFile[] = [];
  const leftOut: string[] = [];
  for (const found of names.sort()) {
    const path = join(folder, found);
    const name = found.split(sep).join('/');
    const info = await stat(path).catch(() => null);
    if (info === null || !info.isFile()) continue;
    if (name !== '.gitattributes' && name.split('/').some((part) => part.startsWith('.'))) {
      leftOut.push(name);
      continue;
    }
    if (!isSafePath(name))
      throw new WhetstoneError(
        'HUB_NAME',
        `${JSON.stringify(name)} cannot be the name of a file on the hub`,
        {
          file: folder,
        },
      );
    files.push({ name, path, size: info.size });
  }
  if (files.length === 0)
    throw new WhetstoneError('FILE_NOT_FOUND', 'there is nothing to push', { file: folder });
  return { files, leftOut };
}

export async function hashFile(file: LocalFile, signal?: AbortSignal): Promise<HashedFile> {
  const [long, short] = [createHash('sha256'), createHash('sha1').update(`blob ${file.size}\0`)];
  let size = 0;
  for await (const piece of createReadStream(file.path, { highWaterMark: 1 << 20, signal })) {
    long.update(piece as Buffer);
    short.update(piece as Buffer);
    size += (piece as Buffer).length;
  }
  if (size !== file.size)
    throw new WhetstoneError('FILE_CHANGED', 'the file changes while it is pushed', {
      file: file.path,
      hint: 'Wait until whatever writes it is done.',
    });
  const handle = await open(file.path);
  const sample = Buffer.alloc(Math.min(512, file.size));
  await handle.read(sample, 0, sample.length, 0).finally(() => handle.close());
  return { ...file, sha256: long.digest('hex'), sha1: short.digest('hex'), sample };
}
