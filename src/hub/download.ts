// One content from the hub into a file: gone on with where it broke off, checked, and visible only when whole.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { explainWriting } from '../durable/explain.ts';
import { WhetstoneError } from '../errors.ts';
import type { RemoteFile } from './listing.ts';
import type { Repository } from './repository.ts';
import type { HubSettings } from './settings.ts';
import { accept, pieces, retry, send, unreachable } from './request.ts';

export interface DownloadTarget {
  readonly settings: HubSettings;
  readonly repository: Repository;
  readonly file: RemoteFile;
  /** Where the content goes. */
  readonly path: string;
  /** Told how many bytes of the file are here, at every piece. */
  readonly onBytes: (here: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads to `path`. What is here of it lies at `path.whetstone.incomplete` (huggingface_hub's own unfinished files
 * are not touched), and is gone on with by a later call. Only one process may do so at a time.
 *
 * No more is read than the size that was announced, and no more than three times that in all tries together. Throws
 * WhetstoneError `HUB_UNREACHABLE` after 5 failures in which the file hardly grew, `HUB_CORRUPT` where the content twice
 * was not what its etag says, `HUB_ANSWER` where it breaks off over and over, and as `explainWriting`.
 */
export async function download(target: DownloadTarget): Promise<void> {
  const { settings, file, path, signal } = target;
  const partial = `${path}.whetstone.incomplete`;
  const allowance = allowanceOf(file);
  await explainWriting(
    path,
    async () => {
      for (let attempt = 1; ; attempt++) {
        const found = await retry(settings, 5, signal, (alive) =>
          fetchRest(target, partial, { allowance, alive }),
        );
        if (isSha256(file.etag) ? found === file.etag : await isGitBlob(partial, file.etag)) break;
        await rm(partial, { force: true });
        if (attempt === 2) {
          const what = isSha256(file.etag) ? `Its sha256 is ${found}, where the hub says ${file.etag}. ` : '';
          throw new WhetstoneError('HUB_CORRUPT', `${file.name} arrived damaged twice`, {
            hint: `${what}A proxy on the way may change files.`,
          });
        }
      }
      await rename(partial, path);
    },
    { until: partial },
  );
}

/** Bytes of a file whose size nobody tells. */
const mostUnannounced = 1 << 30;
const enoughGrowth = 1 << 20;

/** What all tries of a file may fetch together, and when tries are given back. */
interface Allowance {
  /** Counts a piece; true where the file has now grown enough to give tries back. Throws `HUB_ANSWER`. */
  count(this: void, bytes: number, here: number): boolean;
}

function allowanceOf({ name, size }: RemoteFile): Allowance {
  const most = size === null ? mostUnannounced : 3 * size + enoughGrowth;
  const step = Math.max(1, Math.min(enoughGrowth, (size ?? enoughGrowth) / 64));
  let fetched = 0;
  let furthest = 0;
  return {
    count: (bytes, here) => {
      fetched += bytes;
      if (fetched > most) {
        const of = size === null ? 'of unknown size' : `of ${size} bytes`;
        throw new WhetstoneError('HUB_ANSWER', `${fetched} bytes came of ${name}, ${of}, and no end`, {
          hint: 'The server, or a proxy on the way, breaks off or goes on for ever. Try later, or another HF_ENDPOINT.',
        });
      }
      if (here < furthest + step) return false;
      furthest = here;
      return true;
    },
  };
}

const isSha256 = (etag: string): boolean => /^[0-9a-f]{64}$/.test(etag);

/** False where the etag is a SHA-1, and neither git's of the file nor, as with some mirrors, the content's own. */
async function isGitBlob(path: string, etag: string): Promise<boolean> {
  if (!/^[0-9a-f]{40}$/.test(etag)) return true;
  const { size } = await stat(path);
  const git = await addFile(createHash('sha1').update(`blob ${size}\0`), path);
  if (git.digest('hex') === etag) return true;
  return (await addFile(createHash('sha1'), path)).digest('hex') === etag;
}

interface Try {
  readonly allowance: Allowance;
  readonly alive: () => void;
}

/** Appends what is missing; the sha256 of all of it, or "" where the etag is not one. */
async function fetchRest(
  { settings, repository, file, onBytes, signal }: DownloadTarget,
  partial: string,
  { allowance, alive }: Try,
): Promise<string> {
  const { url, size, name, etag } = file;
  let here = await stat(partial).then(
    (info) => info.size,
    () => 0,
  );
  if (size !== null && here > size) here = 0;
  let hash = isSha256(etag) ? createHash('sha256') : null;
  const output = await open(partial, here > 0 ? 'r+' : 'w');
  try {
    if (size === null || here < size) {
      const answer = await send(settings, url, { method: 'GET', from: here, elsewhere: 'follow', signal });
      if (answer.status === 416) {
        await answer.body?.cancel();
        await output.truncate(0);
        throw unreachable(new URL(url).host, { message: 'HTTP 416' });
      }
      const { headers, status } = await accept(settings, repository, answer, name);
      if (status === 206 && !headers.get('content-range')?.startsWith(`bytes ${here}-`)) {
        await answer.body?.cancel();
        await output.truncate(0);
        throw unreachable(new URL(url).host, { message: 'another range than was asked for' });
      }
      if (status !== 206) here = 0;
      await output.truncate(here);
      if (hash && here > 0) await addFile(hash, partial);
      for await (const whole of pieces(answer, settings, signal)) {
        // What goes beyond the announced size is not the file's.
        const piece = size === null ? whole : whole.subarray(0, size - here);
        await writeAt(output, piece, here);
        hash?.update(piece);
        here += piece.byteLength;
        onBytes(here);
        if (allowance.count(piece.byteLength, here)) alive();
        if (piece.byteLength < whole.byteLength) break;
      }
      if (size !== null && here !== size) {
        throw unreachable(new URL(url).host, { message: `${here} of ${size} bytes of ${name}` });
      }
    } else {
      hash = hash && (await addFile(hash, partial));
      onBytes(here);
    }
    await output.sync();
  } finally {
    await output.close();
  }
  return hash?.digest('hex') ?? '';
}

async function writeAt(output: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  const { bytesWritten } = await output.write(piece, 0, piece.byteLength, position);
  if (bytesWritten < piece.byteLength)
    await writeAt(output, piece.subarray(bytesWritten), position + bytesWritten);
}

async function addFile(hash: Hash, path: string): Promise<Hash> {
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash;
}
