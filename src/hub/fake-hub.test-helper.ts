// A hub on loopback for tests: listings, redirects to another port for large files, ranges, tokens, and faults on
// demand. It answers as the hub's own server does, headers included.
import { createHash } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRepository {
  /** `ORG/NAME`, or `datasets/ORG/NAME`. */
  readonly path: string;
  readonly commit: string;
  readonly branches: readonly string[];
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** Files that lie with the contents server and whose etag is their sha256. */
  readonly large?: readonly string[];
  readonly access?: 'open' | 'gated' | 'private';
}

export interface FakeHub {
  readonly endpoint: string;
  readonly repositories: FakeRepository[];
  /** Every request: "HEAD /x", with its headers. */
  readonly log: { readonly line: string; readonly headers: IncomingMessage['headers'] }[];
  /** Called before an answer; true if it answered itself. */
  fault: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
  /** Called with the content about to be sent. */
  tamper: ((content: Buffer, response: ServerResponse) => Buffer | null) | null;
  close(): Promise<void>;
}

export const token = 'hf_this-is-the-token';

export async function startFakeHub(): Promise<FakeHub> {
  const hub = { endpoint: '', repositories: [] as FakeRepository[], log: [] as FakeHub['log'] };
  const settable: Pick<FakeHub, 'fault' | 'tamper'> = { fault: null, tamper: null };

  const refuse = (response: ServerResponse, status: number, code: string): void => {
    response.writeHead(status, { 'x-error-code': code, 'x-error-message': 'no' }).end('{"error":"no"}');
  };
  const contentOf = (repository: FakeRepository, name: string): Buffer | undefined => {
    const content = Object.hasOwn(repository.files, name) ? repository.files[name] : undefined;
    return content === undefined ? undefined : Buffer.from(content);
  };
  const sendContent = (request: IncomingMessage, response: ServerResponse, content: Buffer): void => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from > 0 && from >= content.length) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': content.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    const body = content.subarray(from);
    const sent = settable.tamper && request.method === 'GET' ? settable.tamper(body, response) : body;
    if (sent) response.end(request.method === 'HEAD' ? undefined : sent);
  };

  const contents = createServer((request, response) => {
    const url = decodeURIComponent(request.url!);
    hub.log.push({ line: `${request.method} contents ${url}`, headers: request.headers });
    if (settable.fault?.(request, response)) return;
    const all = hub.repositories.flatMap((repository) =>
      (repository.large ?? []).map((name) => contentOf(repository, name)!),
    );
    const content = all.find((one) => url === `/${sha256(one)}`);
    if (content) sendContent(request, response, content);
    else response.writeHead(404).end();
  });
  const contentsUrl = await listen(contents);

  const server = createServer((request, response) => {
    hub.log.push({ line: `${request.method} ${decodeURIComponent(request.url!)}`, headers: request.headers });
    if (settable.fault?.(request, response)) return;
    const parts =
      /^\/(api\/)?((?:models\/|datasets\/)?[^/]+\/[^/]+)\/(?:revision|resolve)\/([^/]+)(?:\/(.*))?$/.exec(
        request.url!,
      ) ?? [];
    const [, api, path, revision, name] = parts.map((part) => part && decodeURIComponent(part));
    const wanted = path?.replace(/^models\//, '');
    const repository = hub.repositories.find((one) => one.path === wanted);
    const mayRead = request.headers.authorization === `Bearer ${token}`;
    if (!repository || (repository.access === 'private' && !mayRead)) {
      return refuse(response, mayRead ? 404 : 401, 'RepoNotFound');
    }
    const { commit, branches, files, large = [], access } = repository;
    if (revision !== commit && !branches.includes(revision!))
      return refuse(response, 404, 'RevisionNotFound');
    if (api) {
      const siblings = Object.keys(files).map((rfilename) => ({ rfilename }));
      response.end(JSON.stringify({ id: path, sha: commit, private: false, siblings }));
      return;
    }
    if (access === 'gated' && !mayRead) return refuse(response, 401, 'GatedRepo');
    const content = contentOf(repository, name ?? '');
    if (!content) return refuse(response, 404, 'EntryNotFound');
    response.setHeader('x-repo-commit', commit);
    if (!large.includes(name!)) {
      response.setHeader('etag', `"${gitHash(content)}"`);
      sendContent(request, response, content);
      return;
    }
    response.writeHead(302, {
      location: `${contentsUrl}/${sha256(content)}`,
      'x-linked-etag': `"${sha256(content)}"`,
      'x-linked-size': content.length,
      etag: '"of the redirect"',
    });
    response.end();
  });
  hub.endpoint = await listen(server);
  return Object.assign(settable, hub, {
    close: async () => {
      for (const each of [server, contents]) {
        each.closeAllConnections();
        await new Promise((resolve) => each.close(resolve));
      }
    },
  });
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const sha256 = (content: string | Buffer): string =>
  createHash('sha256').update(content).digest('hex');

/** git's name for a blob, which is the hub's etag for small files. */
export const gitHash = (content: string | Buffer): string =>
  createHash('sha1')
    .update(`blob ${Buffer.byteLength(content)}\0`)
    .update(content)
    .digest('hex');
