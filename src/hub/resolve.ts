// From a repository's name to a folder with its files: out of the standard cache, and from the hub into that cache.
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../durable/pool.ts';
import { makeFolder } from '../durable/files.ts';
import type { Lock } from '../durable/lock.ts';
import { lockFile } from '../durable/lock.ts';
import { editDistance } from '../options/suggest.ts';
import { WhetstoneError } from '../errors.ts';
import { bytesInWords, plural } from '../words/numbers.ts';
import type { CacheFolder } from './cache.ts';
import {
  blobPath,
  cacheFolder,
  cachedCommit,
  isFile,
  place,
  rememberCommit,
  snapshotFiles,
  snapshotPath,
} from './cache.ts';
import { download } from './download.ts';
import type { Listing, RemoteFile } from './listing.ts';
import { findFile, listRepository } from './listing.ts';
import type { HubKind, Repository } from './repository.ts';
import { checkRepository, fits, isCommit, isSafePath, words } from './repository.ts';
import type { HubSettings } from './settings.ts';
import { hubSettings } from './settings.ts';

export interface HubRequest {
  readonly kind: HubKind;
  /** `ORG/NAME`. */
  readonly id: string;
  /** A branch, a tag or a commit's full hash; default "main". */
  readonly revision?: string;
  /** Paths that have to be there. */
  readonly files?: readonly string[];
  /**
   * Paths wanted if they are there, at least one: `*` stands for text within a folder's name, `**` across folders.
   * With neither files nor patterns: everything.
   */
  readonly patterns?: readonly string[];
}

export interface HubProgress {
  /** The file that a piece of has just arrived. */
  readonly file: string;
  /** Bytes here of all files that were missing, those of earlier, broken downloads included. */
  readonly received: number;
  /** Bytes of all files that were missing; null where the hub does not say. */
  readonly total: number | null;
}

/** What is about to be downloaded. */
export interface HubPlan {
  readonly kind: HubKind;
  readonly id: string;
  readonly revision: string;
  readonly files: number;
  /** Null where the hub does not say. */
  readonly bytes: number | null;
  /** Address of the hub. */
  readonly from: string;
  /** Folder of the repository in the cache. */
  readonly to: string;
}

export interface HubOptions {
  /** Default: from the environment (`hubSettings`). */
  readonly settings?: HubSettings;
  readonly onProgress?: (progress: HubProgress) => void;
  /** Hears, before the first byte, what is going to be downloaded. */
  readonly onPlan?: (plan: HubPlan) => void;
  readonly signal?: AbortSignal;
}

export interface HubFolder {
  /** The folder of the commit: .../snapshots/COMMIT. Files in it may be links. */
  readonly path: string;
  readonly commit: string;
  /** The files asked for, sorted; all are in `path`. */
  readonly files: readonly string[];
  /** Whether the hub said what the revision has, or only the cache, which may lack some of what fits the patterns. */
  readonly from: 'hub' | 'cache';
}

/**
 * The local folder of a repository with the files asked for.
 *
 * A revision that is a commit, with `files` that are all in the cache, needs no server. Otherwise the hub is asked
 * what the revision stands for now and only what is missing is downloaded. Offline, or where the hub cannot be
 * reached or refuses, the cache's last answer is used if it has the files.
 *
 * Throws WhetstoneError: `HUB_NAME` (not an id, revision or path), `HUB_OFFLINE` (not in the cache, and the hub may
 * not be asked), `HUB_UNREACHABLE`, `HUB_ACCESS` (gated or private), `HUB_NOT_FOUND` (repository, revision or file),
 * `HUB_ANSWER` (not a hub's answer), `HUB_CORRUPT`, `HUB_BUSY` (another process has been downloading for very long),
 * `DISK_FULL`; and the signal's reason.
 */
export async function resolveHub(request: HubRequest, options: HubOptions = {}): Promise<HubFolder> {
  const { kind, id, revision = 'main', files = [] } = request;
  const patterns = request.patterns ?? (request.files ? [] : ['**']);
  const repository: Repository = { kind, id, revision };
  checkRepository(repository);
  const unsafe = files.find((file) => !isSafePath(file));
  if (unsafe !== undefined) {
    throw new WhetstoneError(
      'HUB_NAME',
      `${JSON.stringify(unsafe)} is not the path of a file in a repository`,
    );
  }
  const settings = options.settings ?? (await hubSettings());
  const folder = cacheFolder(settings, repository);
  const wanted = { files, patterns };

  const cached = await fromCache(folder, revision, wanted);
  if (cached && isCommit(revision) && patterns.length === 0) return cached;
  if (settings.offline) {
    if (cached) return cached;
    throw notCached(settings, repository, wanted);
  }
  let listing: Listing;
  try {
    listing = await listRepository(settings, repository, options.signal);
  } catch (error) {
    if (cached && error instanceof WhetstoneError && error.code !== 'HUB_NOT_FOUND') return cached;
    throw error;
  }
  const names = select(listing.files, repository, wanted);
  await fetchMissing(settings, repository, folder, listing.commit, names, options);
  await inTurn(folder.root, () => rememberCommit(folder, revision, listing.commit));
  return { path: snapshotPath(folder, listing.commit), commit: listing.commit, files: names, from: 'hub' };
}

/**
 * The paths of a revision's files: what the hub lists, or offline what the cache has. Throws as `resolveHub`.
 */
export async function hubFiles(
  { kind, id, revision = 'main' }: Pick<HubRequest, 'kind' | 'id' | 'revision'>,
  options: HubOptions = {},
): Promise<readonly string[]> {
  const repository: Repository = { kind, id, revision };
  checkRepository(repository);
  const settings = options.settings ?? (await hubSettings());
  if (!settings.offline) return (await listRepository(settings, repository, options.signal)).files;
  const wanted = { files: [], patterns: ['**'] };
  const cached = await fromCache(cacheFolder(settings, repository), revision, wanted);
  if (cached) return cached.files;
  throw notCached(settings, repository, wanted);
}

const notCached = (settings: HubSettings, repository: Repository, wanted: Wanted): WhetstoneError =>
  new WhetstoneError('HUB_OFFLINE', `${describe(repository, wanted)} is not in the cache`, {
    file: cacheFolder(settings, repository).root,
    hint: 'HF_HUB_OFFLINE is set, so the hub is not asked. Unset it, or put the files into the cache.',
  });

interface Wanted {
  readonly files: readonly string[];
  readonly patterns: readonly string[];
}

/** What the cache has of a revision; null unless it has every file and something for the patterns. */
async function fromCache(
  folder: CacheFolder,
  revision: string,
  { files, patterns }: Wanted,
): Promise<HubFolder | null> {
  const commit = await cachedCommit(folder, revision);
  if (commit === null) return null;
  const here = await snapshotFiles(folder, commit);
  const matching = here.filter((name) => files.includes(name) || fits(name, patterns));
  if (!files.every((file) => matching.includes(file))) return null;
  if (matching.length === 0) return null;
  return { path: snapshotPath(folder, commit), commit, files: matching, from: 'cache' };
}

/** Names that are compared with a missing one. */
const mostCompared = 500;

function select(there: readonly string[], repository: Repository, { files, patterns }: Wanted): string[] {
  const missing = files.find((file) => !there.includes(file));
  const at = `the ${words[repository.kind]} ${repository.id} at ${repository.revision}`;
  if (missing !== undefined) {
    const distances = there.slice(0, mostCompared).map((name) => ({ name, by: editDistance(missing, name) }));
    const near = distances.sort((a, b) => a.by - b.by)[0]?.name;
    throw new WhetstoneError('HUB_NOT_FOUND', `${at} has no file ${JSON.stringify(missing)}`, {
      ...(near !== undefined && { hint: `The nearest is ${JSON.stringify(near)}.` }),
    });
  }
  const found = there.filter((name) => files.includes(name) || fits(name, patterns));
  if (found.length === 0) {
    throw new WhetstoneError('HUB_NOT_FOUND', `${at} has no file that fits ${patterns.join(', ')}`, {
      hint: `It has: ${there.slice(0, 8).join(', ')}${there.length > 8 ? ', …' : ''}`,
    });
  }
  return found;
}

function describe({ kind, id, revision }: Repository, { files, patterns }: Wanted): string {
  return `the ${words[kind]} ${id} at ${revision} (${[...new Set([...files, ...patterns])].join(', ')})`;
}

const atOnce = 4;

async function fetchMissing(
  settings: HubSettings,
  repository: Repository,
  folder: CacheFolder,
  commit: string,
  names: readonly string[],
  options: HubOptions,
): Promise<void> {
  const pathOf = (name: string): string => join(snapshotPath(folder, commit), name);
  const missing = async (): Promise<string[]> => {
    const there = await Promise.all(names.map((name) => isFile(pathOf(name))));
    return names.filter((_, i) => !there[i]);
  };
  if ((await missing()).length === 0) return;
  await alone(folder, options.signal, async () => {
    const left = await missing(); // another process may have fetched them meanwhile
    const { signal } = options;
    const remote: RemoteFile[] = [];
    const find = async (at: number, stop: AbortSignal): Promise<void> => {
      remote[at] = await findFile(settings, repository, commit, left[at]!, stop);
    };
    await inParallel([...left.keys()], atOnce, find, { signal });
    const blobs = [...new Map(remote.map((file) => [file.etag, file])).values()];
    const isHere = await Promise.all(blobs.map((file) => isFile(blobPath(folder, file.etag))));
    const needed = blobs.filter((_, i) => !isHere[i]);
    await makeFolder(join(folder.root, 'blobs'));
    await checkSpace(folder, needed);
    if (needed.length > 0) options.onPlan?.(planOf(needed, settings, repository, folder));
    const report = progressOf(needed, options.onProgress);
    const fetchOne = (file: RemoteFile, stop: AbortSignal): Promise<void> => {
      const path = blobPath(folder, file.etag);
      const onBytes = (here: number): void => report(file, here);
      return download({ settings, repository, file, path, signal: stop, onBytes });
    };
    await inParallel(needed, atOnce, fetchOne, { signal });
    const placed = new Map<string, string>(); // etag -> where its content is, which without links has moved
    for (const { name, etag } of remote) {
      const blob = placed.get(etag) ?? blobPath(folder, etag);
      const isNew = !placed.has(etag) && needed.some((file) => file.etag === etag);
      await place(blob, pathOf(name), { isNew, symlinks: settings.symlinks });
      if (!placed.has(etag)) placed.set(etag, (await isFile(blob)) ? blob : pathOf(name));
    }
  });
}

/** Bytes of all; null where one's are not known. */
const sizeOf = (files: readonly RemoteFile[]): number | null =>
  files.reduce<number | null>((sum, { size }) => (sum === null || size === null ? null : sum + size), 0);

const planOf = (
  files: readonly RemoteFile[],
  { endpoint }: HubSettings,
  { kind, id, revision }: Repository,
  { root }: CacheFolder,
): HubPlan => ({ kind, id, revision, files: files.length, bytes: sizeOf(files), from: endpoint, to: root });

/** "downloading 3 files, 270.1 MB, of the model ink/well (main) from https://huggingface.co to ~/.cache/...". */
export function describePlan({ kind, id, revision, files, bytes, from, to }: HubPlan): string {
  const size = bytes === null ? 'of a size that the hub does not tell' : `${(bytes / 1e6).toFixed(1)} MB`;
  return `downloading ${plural(files, 'file')}, ${size}, of the ${words[kind]} ${id} (${revision}) from ${from} to ${to}`;
}

function progressOf(
  files: readonly RemoteFile[],
  onProgress: HubOptions['onProgress'],
): (file: RemoteFile, here: number) => void {
  const here = new Map<string, number>();
  const total = sizeOf(files);
  return ({ name, etag }, bytes) => {
    here.set(etag, bytes);
    const received = [...here.values()].reduce((sum, each) => sum + each, 0);
    onProgress?.({ file: name, received, total });
  };
}

/** Throws before a download that cannot end well, rather than when the disk is full. */
async function checkSpace(folder: CacheFolder, files: readonly RemoteFile[]): Promise<void> {
  const needed = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const space = await statfs(folder.root).catch(() => null);
  if (space === null || needed <= space.bavail * space.bsize) return;
  throw new WhetstoneError(
    'DISK_FULL',
    `${bytesInWords(needed)} are to be downloaded, and ${bytesInWords(space.bavail * space.bsize)} are free`,
    { file: folder.root, hint: 'Free some space, or let HF_HUB_CACHE name a folder on another disk.' },
  );
}

/** Per repository: what this process is doing in it. */
const underWay = new Map<string, Promise<void>>();

/** Runs `work` when whatever else this process does in the repository at `root` has ended. */
async function inTurn(root: string, work: () => Promise<void>): Promise<void> {
  const before = underWay.get(root) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(work);
  underWay.set(root, mine);
  try {
    await mine;
  } finally {
    if (underWay.get(root) === mine) underWay.delete(root);
  }
}

/** Runs `work` while no other call, of this or another process, does so for the same repository. */
function alone(
  { root, locks }: CacheFolder,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  return inTurn(root, async () => {
    await makeFolder(locks);
    const lock = await takeLock(join(locks, 'whetstone'), signal);
    try {
      await work();
    } finally {
      await lock.release();
    }
  });
}

const longestWait = 6 * 3600_000;

async function takeLock(path: string, signal: AbortSignal | undefined): Promise<Lock> {
  const began = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await lockFile(path);
    } catch (error) {
      if (!(error instanceof WhetstoneError) || error.code !== 'RUN_LOCKED') throw error;
      if (performance.now() - began > longestWait) {
        throw new WhetstoneError('HUB_BUSY', 'another process has been downloading this for hours', {
          ...(error.place.file !== undefined && { file: error.place.file }),
          cause: error,
          hint: 'If that process is gone, remove the file and try again.',
        });
      }
    }
    await sleep(200, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
  }
}
