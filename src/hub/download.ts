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
import { accept, retry, send, unreachable } from './request.ts';

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
 * Throws WhetstoneError `HUB_UNREACHABLE` after 5 failures in a row without a byte between, `HUB_CORRUPT` where the
 * content twice did not have the sha256 that its etag is, and as `explainWriting`.
 */
export async function download(target: DownloadTarget): Promise<void> {
  const { settings, file, path, signal } = target;
  const partial = `${path}.whetstone.incomplete`;
  await explainWriting(
    path,
    async () => {
      for (let attempt = 1; ; attempt++) {
        const found = await retry(settings, 5, signal, (alive) => fetchRest(target, partial, alive));
        if (!isSha256(file.etag) || found === file.etag) break;
        await rm(partial, { force: true });
        if (attempt === 2) {
          throw new WhetstoneError('HUB_CORRUPT', `${file.name} arrived damaged twice`, {
            hint: `Its sha256 is ${found}, where the hub says ${file.etag}. A proxy on the way may change files.`,
          });
        }
      }
      await rename(partial, path);
    },
    { until: partial },
  );
}

const isSha256 = (etag: string): boolean => /^[0-9a-f]{64}$/.test(etag);

/** Appends what is missing; the sha256 of all of it, or "" where the etag is not one. */
async function fetchRest(
  { settings, repository, file, onBytes, signal }: DownloadTarget,
  partial: string,
  alive: () => void,
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
      const { headers, status, body } = await accept(settings, repository, answer, name);
      if (here > 0 && !(status === 206 && headers.get('content-range')?.startsWith(`bytes ${here}-`)))
        here = 0;
      await output.truncate(here);
      if (hash && here > 0) await addFile(hash, partial);
      for await (const piece of pieces(body, settings.stallTimeout, new URL(url).host, signal)) {
        await writeAt(output, piece, here);
        hash?.update(piece);
        here += piece.byteLength;
        alive();
        onBytes(here);
      }
      if (size !== null && here !== size) {
        if (here > size) await output.truncate(0);
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

/** The body piece by piece; a connection that breaks, or is silent for too long, throws `HUB_UNREACHABLE`. */
async function* pieces(
  body: ReadableStream<Uint8Array> | null,
  stallTimeout: number,
  host: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('silent for too long')), stallTimeout);
      });
      try {
        const { done, value } = await Promise.race([reader.read(), silence]);
        if (done) return;
        yield value;
      } catch (cause) {
        signal?.throwIfAborted();
        throw unreachable(host, cause);
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
