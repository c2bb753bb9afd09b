// Files and folders that appear whole or not at all: written beside their place, synced, then renamed.
// Knows nothing of what is in them.
import { open, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { explainRemoving, explainWriting } from './explain.ts';
import type { About } from './explain.ts';
import { requireHeld } from './held.ts';

const chunkBytes = 1 << 26;

/** Writes all of `bytes` at the handle's position, in pieces that every platform's write call accepts. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(chunkBytes, bytes.byteLength - at));
    at += bytesWritten;
  }
}

/** Where what goes to `path` is written until it is whole: hidden beside it, and swept there where a kill leaves it. */
export const beside = (path: string): string => join(dirname(path), `.${basename(path)}.tmp-${process.pid}`);

/** Makes a rename or a new file in `dir` survive a power cut; where a platform cannot, does nothing. */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes the folder and those above it that are not there; false where it is there already. Throws as `explainWriting`,
 * and WhetstoneError `LOCK_LOST`.
 */
export async function makeFolder(path: string): Promise<boolean> {
  await requireHeld(path);
  return explainWriting(path, () => make(path));
}

/**
 * A folder above it that is not there is made unless it had been locked, and was taken away. Where the system says that
 * none is there when it is, as in /proc, once more is enough.
 */
async function make(path: string, more = true): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (!more || !hasCode(error, 'ENOENT') || dirname(path) === path) {
      if (hasCode(error, 'EEXIST') && (await stat(path)).isDirectory()) return false;
      throw error;
    }
    await requireHeld(path);
    await make(dirname(path));
    return make(path, false);
  }
}

/** Takes a file or folder away that may be there. Throws as `explainRemoving`. */
export async function remove(path: string): Promise<void> {
  await explainRemoving(path, () => rm(path, { recursive: true, force: true }));
}

/** Replaces `path` by `bytes` in one step. Throws as `explainWriting`, and WhetstoneError `LOCK_LOST`; the old file is then untouched. */
export async function writeFileDurably(
  path: string,
  bytes: string | Uint8Array,
  about: About = {},
): Promise<void> {
  await replaceFile(path, (append) => append(bytes), rename, about);
}

/**
 * Replaces `path` by all that `fill` appends, in one step; on failure the old file is untouched. `put` gives the finished
 * file its name, where renaming is not enough. Throws as `writeFileDurably`, and what `fill` and `put` throw.
 */
export async function replaceFile(
  path: string,
  fill: (append: (bytes: string | Uint8Array) => Promise<void>) => Promise<void>,
  put: (from: string, to: string) => Promise<void> = rename,
  about: About = {},
): Promise<void> {
  const temporary = beside(path);
  const write = async (): Promise<void> => {
    try {
      const file = await open(temporary, 'w');
      try {
        await fill((bytes) => writeAll(file, typeof bytes === 'string' ? Buffer.from(bytes) : bytes));
        await file.sync();
      } finally {
        await file.close();
      }
      await requireHeld(path);
      await put(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncDirectory(dirname(path));
  };
  await explainWriting(path, write, about);
}

/**
 * Makes the folder `target` with what `fill` writes into the path it is given. Until everything is on disk
 * nothing is visible at `target`; a folder that is already there is replaced. On failure what was there before
 * stays, the half-written folder is removed, and what the system has against it is thrown as `explainWriting` does.
 */
export async function writeDirectoryDurably(
  target: string,
  fill: (dir: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(target);
  const temporary = beside(target);
  const replaced = join(parent, `.${basename(target)}.replaced-${process.pid}`);
  await requireHeld(target);
  await explainWriting(target, async () => {
    try {
      await rm(temporary, { recursive: true, force: true });
      await make(temporary);
      await fill(temporary);
      await syncTree(temporary);
      await requireHeld(target);
      await rm(replaced, { recursive: true, force: true });
      await rename(target, replaced).catch(ignore('ENOENT'));
      await rename(temporary, target);
    } catch (error) {
      await rename(replaced, target).catch(() => undefined); // where it had been moved already
      await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
    await syncDirectory(parent);
    await rm(replaced, { recursive: true, force: true });
  });
}

/** Removes what killed writers left in `dir`, or of `file` there alone. Call only while holding the lock on it. */
export async function removeLeftovers(dir: string, file?: string): Promise<void> {
  const prefix = file === undefined ? '.' : `.${basename(file)}.`;
  for (const name of await readdir(dir).catch(() => [])) {
    if (name.startsWith(prefix) && /^\..*\.(tmp|replaced)-\d+$/.test(name)) await remove(join(dir, name));
  }
}

/** Whether there is anything at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** For `.catch`: swallows errors with this system code and passes on every other. */
export function ignore(code: string): (error: unknown) => void {
  return (error) => {
    if (!hasCode(error, code)) throw error;
  };
}

async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      await syncTree(path);
      continue;
    }
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await syncDirectory(dir);
}
