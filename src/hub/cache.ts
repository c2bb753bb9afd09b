// The layout of the cache that Python's huggingface_hub reads and writes:
//   models--ORG--NAME/refs/main                  the commit that a branch or tag stood for when last asked
//   models--ORG--NAME/blobs/ETAG                 contents
//   models--ORG--NAME/snapshots/COMMIT/PATH      links into blobs
// Knows files only, nothing of servers.
import { copyFile, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { explainWriting } from '../durable/explain.ts';
import { hasCode, makeFolder, writeFileDurably } from '../durable/files.ts';
import { WhetstoneError } from '../errors.ts';
import type { HubSettings } from './settings.ts';
import type { Repository } from './repository.ts';
import { isCommit } from './repository.ts';

export interface CacheFolder {
  /** .../models--ORG--NAME */
  readonly root: string;
  /** A folder for locks, beside those of the repositories. */
  readonly locks: string;
}

export function cacheFolder({ cache }: Pick<HubSettings, 'cache'>, { kind, id }: Repository): CacheFolder {
  const name = [`${kind}s`, ...id.split('/')].join('--');
  return { root: join(cache, name), locks: join(cache, '.locks', name) };
}

export const snapshotPath = ({ root }: CacheFolder, commit: string): string =>
  join(root, 'snapshots', commit);
export const blobPath = ({ root }: CacheFolder, etag: string): string => join(root, 'blobs', etag);

/** `ORG/NAME` of the model whose snapshot a path is; null for any other path. The inverse of the layout above. */
export function modelOfSnapshot(path: string): string | null {
  const [, name] = /[/\\]models--([^/\\]+)[/\\]snapshots[/\\][0-9a-f]{40}[/\\]?$/.exec(path) ?? [];
  return name === undefined ? null : name.replace('--', '/');
}

/** `ORG/NAME` of the data set in whose snapshot a file is; null for any other path. */
export function dataSetOfFile(path: string): string | null {
  const [, name] = /[/\\]datasets--([^/\\]+)[/\\]snapshots[/\\][0-9a-f]{40}[/\\]/.exec(path) ?? [];
  return name === undefined ? null : name.replace('--', '/');
}

/** The commit that the cache knows for a revision; null where it knows none. */
export async function cachedCommit(folder: CacheFolder, revision: string): Promise<string | null> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(folder.root, 'refs', revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : null;
}

/** Remembers what a branch or tag stands for; in a cache that cannot be written, does nothing. */
export async function rememberCommit(folder: CacheFolder, revision: string, commit: string): Promise<void> {
  if (revision === commit || (await cachedCommit(folder, revision)) === commit) return;
  const file = join(folder.root, 'refs', revision);
  try {
    await makeFolder(dirname(file));
    await writeFileDurably(file, commit);
  } catch (error) {
    const cause = error instanceof WhetstoneError ? error.cause : error;
    if (!['EACCES', 'EPERM', 'EROFS'].some((code) => hasCode(cause, code))) throw error;
  }
}

/** The paths of all whole files of a snapshot, with "/" between folders, sorted. */
export async function snapshotFiles(folder: CacheFolder, commit: string): Promise<string[]> {
  const root = snapshotPath(folder, commit);
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const found: string[] = [];
  for (const name of names) if (await isFile(join(root, name))) found.push(name.split(sep).join('/'));
  return found.sort();
}

/** Whether there is a file, through links: a link whose blob is gone is none. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

/**
 * Puts a blob into a snapshot: a relative link; where links are not possible, the blob itself if it is new, else a
 * copy, as an older snapshot may need it.
 */
export async function place(
  blob: string,
  path: string,
  { isNew, symlinks }: { readonly isNew: boolean; readonly symlinks: boolean },
): Promise<void> {
  await makeFolder(dirname(path));
  await explainWriting(path, () => putInPlace(blob, path, isNew, symlinks));
}

async function putInPlace(blob: string, path: string, isNew: boolean, symlinks: boolean): Promise<void> {
  await rm(path, { force: true });
  if (symlinks) {
    try {
      await symlink(relative(dirname(path), blob), path);
      return;
    } catch (error) {
      const known = ['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'];
      if (!known.some((code) => hasCode(error, code))) throw error;
    }
  }
  if (isNew) {
    await rename(blob, path);
    return;
  }
  const beside = `${path}.copying-${process.pid}`;
  await copyFile(blob, beside);
  await rename(beside, path);
}
