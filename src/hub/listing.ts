// What the hub says of a repository and of a file in it. Knows the hub's answers, nothing of the cache.
import { WhetstoneError } from '../errors.ts';
import { mebibytes } from '../openai/body.ts';
import { isFields } from '../rows/fields.ts';
import type { Repository } from './repository.ts';
import { isCommit, isSafePath } from './repository.ts';
import type { HubSettings } from './settings.ts';
import { accept, pieces, retry, send, unreachable } from './request.ts';

export interface Listing {
  readonly commit: string;
  readonly files: readonly string[];
}

export interface RemoteFile {
  readonly name: string;
  readonly url: string;
  /** The content's name in the cache: its sha256 if it is a large file, else git's name for it. */
  readonly etag: string;
  /** Bytes; null where the hub does not say. */
  readonly size: number | null;
}

const folders = { model: 'models', dataset: 'datasets' } as const;

/** The commit that a revision stands for, with its files. */
export async function listRepository(
  settings: HubSettings,
  repository: Repository,
  signal?: AbortSignal,
): Promise<Listing> {
  const { kind, id, revision } = repository;
  const url = `${settings.endpoint}/api/${folders[kind]}/${id}/revision/${encodeURIComponent(revision)}`;
  const json = await retry(settings, 2, signal, async () => {
    const answer = await send(settings, url, { method: 'GET', elsewhere: 'follow', signal });
    return parseListing(await readListing(settings, await accept(settings, repository, answer), signal));
  });
  const { sha: commit, siblings } = json;
  const names = Array.isArray(siblings)
    ? siblings.map((each: unknown) => (isFields(each) ? each['rfilename'] : null))
    : null;
  if (typeof commit !== 'string' || !isCommit(commit) || names === null) {
    throw new WhetstoneError('HUB_ANSWER', `${url} did not answer with a commit and its files`, {
      hint: 'Check HF_ENDPOINT; it has to name a hub or a mirror of it.',
    });
  }
  return {
    commit,
    files: names.filter((name): name is string => typeof name === 'string' && isSafePath(name)).sort(),
  };
}

/** A repository of a hundred thousand files has a listing of some ten MiB. */
const mostBytes = 64 << 20;

/** A server that sends a little of it now and then is not waited for longer than so many silences. */
const mostSilences = 12;

async function readListing(
  settings: HubSettings,
  answer: Response,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { host } = new URL(answer.url);
  const late = performance.now() + mostSilences * settings.stallTimeout;
  const all: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces(answer, settings, signal)) {
    size += piece.byteLength;
    if (size > mostBytes) {
      throw new WhetstoneError(
        'HUB_ANSWER',
        `the listing that ${host} sends is larger than ${mebibytes(mostBytes)}`,
        {
          hint: 'Check HF_ENDPOINT; it has to name a hub or a mirror of it.',
        },
      );
    }
    if (performance.now() > late) throw unreachable(host, { message: 'a listing that does not end' });
    all.push(piece);
  }
  return Buffer.concat(all).toString('utf8');
}

/** Nothing where the text is no JSON object. */
function parseListing(text: string): { readonly sha?: unknown; readonly siblings?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

/** Where a file's content is, how large and under what name. */
export async function findFile(
  settings: HubSettings,
  repository: Repository,
  commit: string,
  name: string,
  signal?: AbortSignal,
): Promise<RemoteFile> {
  const { kind, id } = repository;
  const path = name.split('/').map(encodeURIComponent).join('/');
  const url = `${settings.endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${id}/resolve/${commit}/${path}`;
  const { headers, status } = await retry(settings, 5, signal, async () =>
    accept(
      settings,
      repository,
      await send(settings, url, { method: 'HEAD', elsewhere: 'return', signal }),
      name,
    ),
  );
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replace(/"/g, '');
  if (!/^[\w.-]{8,}$/.test(etag)) {
    throw new WhetstoneError('HUB_ANSWER', `the hub gives no usable etag for ${name}`, {
      hint: 'Check HF_ENDPOINT; a mirror has to pass on the headers ETag and X-Linked-ETag.',
    });
  }
  const length = headers.get('x-linked-size') ?? (status < 300 ? headers.get('content-length') : null);
  return { name, url, etag, size: length !== null && /^\d+$/.test(length) ? Number(length) : null };
}
