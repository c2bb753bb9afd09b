// A hub on loopback that takes uploads: repositories, branches, preupload, the batch of git LFS with one and many parts on
// another port, verify, commits. It answers as the hub's own server does to huggingface_hub.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { gitHash, listen, sha256, token } from './fake-hub.test-helper.ts';

type Files = Map<string, { readonly content: Buffer; readonly large: boolean }>;

export interface Repo {
  private: boolean;
  readonly branches: Map<string, { head: string; files: Files }>;
}

export interface WritableHub {
  readonly endpoint: string;
  readonly repos: Map<string, Repo>;
  /** Contents of the large store by sha256. */
  readonly store: Map<string, Buffer>;
  /** "POST /api/..." with its headers and the bytes of its body. */
  readonly log: {
    readonly line: string;
    readonly headers: IncomingMessage['headers'];
    readonly bytes: number;
  }[];
  /** Called with the whole request before an answer; true if it answered itself. */
  fault: ((line: string, response: ServerResponse, request: IncomingMessage) => boolean) | null;
  /** Contents larger than this go in parts of so many bytes. */
  chunk: number;
  close(): Promise<void>;
}

export async function startWritableHub(): Promise<WritableHub> {
  const hub: Omit<WritableHub, 'close' | 'endpoint'> & { endpoint: string } = {
    ...{ endpoint: '', repos: new Map(), store: new Map(), log: [], fault: null, chunk: 1 << 30 },
  };
  const parts = new Map<string, Buffer>();
  let commits = 0;
  const nextCommit = (): string => createHash('sha1').update(`commit ${++commits}`).digest('hex');
  const json = (response: ServerResponse, status: number, value: object): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const serve =
    (
      name: string,
      answer: (line: string, body: Buffer, request: IncomingMessage, response: ServerResponse) => void,
    ) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      const line = `${request.method} ${name}${decodeURIComponent(request.url!)}`;
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('error', () => undefined);
      request.on('end', () => {
        const body = Buffer.concat(pieces);
        hub.log.push({ line, headers: request.headers, bytes: body.length });
        if (hub.fault?.(line, response, request)) return;
        answer(line, body, request, response);
      });
    };

  const contents = createServer(
    serve('store', (line, body, request, response) => {
      if (request.headers['content-length'] !== String(body.length)) return json(response, 411, {});
      const [, oid = '', part] = /^PUT store\/([0-9a-f]{64})(?:\/(\d+))?$/.exec(line) ?? [];
      if (part === undefined) hub.store.set(oid, body);
      else parts.set(`${oid}/${part}`, body);
      response.writeHead(200, { etag: `"${sha256(body).slice(0, 32)}"` }).end();
    }),
  );
  const place = await listen(contents);

  const server = createServer(
    serve('', (line, body, request, response) => {
      // Parts are joined at an address that is a secret of its own.
      if (!line.includes('/complete/') && request.headers.authorization !== `Bearer ${token}`)
        return json(response, 401, { error: 'Invalid token' });
      const read = (): Record<string, unknown> => JSON.parse(body.toString()) as Record<string, unknown>;
      if (line === 'POST /api/repos/create') {
        const { name, organization, visibility } = read();
        const id = `${String(organization)}/${String(name)}`;
        if (organization !== 'ink')
          return json(response, 403, { error: `no right to write to ${String(organization)}` });
        if (hub.repos.has(id)) return json(response, 409, { error: 'You already created this model repo' });
        const branch = { head: nextCommit(), files: new Map() };
        hub.repos.set(id, { private: visibility === 'private', branches: new Map([['main', branch]]) });
        return json(response, 200, { url: `${hub.endpoint}/${id}` });
      }
      const [, id = '', what, revision = 'main'] =
        /^\w+ \/(?:api\/models\/)?([^/]+\/[^/.]+)(?:\.git\/info\/lfs\/objects)?\/(\w+)(?:\/([^/]+))?/.exec(
          line,
        ) ?? [];
      const repo = hub.repos.get(id);
      if (!repo) return json(response, 404, { error: 'Repository not found' });
      if (what === 'branch') {
        repo.branches.set(revision, {
          ...repo.branches.get('main')!,
          files: new Map(repo.branches.get('main')!.files),
        });
        return json(response, 200, {});
      }
      if (what === 'batch') {
        const { objects } = read() as { objects: { oid: string; size: number }[] };
        const answer = objects.map(({ oid, size }) => {
          if (hub.store.has(oid)) return { oid, size };
          const many = Array.from({ length: Math.ceil(size / hub.chunk) }, (_, i) => [
            `${i + 1}`,
            `${place}/${oid}/${i + 1}`,
          ]);
          const upload =
            size > hub.chunk
              ? {
                  href: `${hub.endpoint}/${id}/complete/${oid}`,
                  header: { chunk_size: String(hub.chunk), ...(Object.fromEntries(many) as object) },
                }
              : { href: `${place}/${oid}` };
          return { oid, size, actions: { upload, verify: { href: `${hub.endpoint}/${id}/verify` } } };
        });
        return json(response, 200, { transfer: 'basic', objects: answer });
      }
      if (what === 'complete') {
        const told = read() as { oid: string; parts: { partNumber: number; etag: string }[] };
        const all = told.parts.map(({ partNumber }) => parts.get(`${told.oid}/${partNumber}`)!);
        const right = told.parts.every(({ etag }, i) => etag === `"${sha256(all[i]!).slice(0, 32)}"`);
        if (right) hub.store.set(told.oid, Buffer.concat(all));
        return json(response, right ? 200 : 400, {});
      }
      if (what === 'verify') {
        const { oid, size } = read() as { oid: string; size: number };
        const content = hub.store.get(oid);
        const right = content !== undefined && sha256(content) === oid && content.length === size;
        return json(response, right ? 200 : 422, {});
      }
      const branch =
        repo.branches.get(revision) ?? [...repo.branches.values()].find(({ head }) => head === revision);
      if (!branch) return json(response, 404, { error: 'Revision not found' });
      if (what === 'revision')
        return json(response, 200, {
          ...{ id, sha: branch.head, private: repo.private },
          siblings: [...branch.files.keys()].map((rfilename) => ({ rfilename })),
        });
      if (what === 'resolve') return void response.end(branch.files.get(line.split('/').at(-1)!)?.content);
      if (what === 'preupload') {
        const { files } = read() as { files: { path: string; size: number }[] };
        const modes = files.map(({ path }) => {
          const there = branch.files.get(path);
          return {
            path,
            uploadMode: path.endsWith('.safetensors') ? 'lfs' : 'regular',
            shouldIgnore: path === 'ignored.txt',
            ...(there && { oid: there.large ? sha256(there.content) : gitHash(there.content) }),
          };
        });
        return json(response, 200, { files: modes });
      }
      const lines = body
        .toString()
        .trimEnd()
        .split('\n')
        .map((each) => JSON.parse(each) as { key: string; value: Record<string, string> });
      if (lines[0]!.value['parentCommit'] !== undefined && lines[0]!.value['parentCommit'] !== branch.head)
        return json(response, 412, { error: 'A commit has happened since. Please refresh and try again.' });
      for (const { key, value } of lines.slice(1)) {
        const content =
          key === 'file' ? Buffer.from(value['content']!, 'base64') : hub.store.get(value['oid']!);
        if (content === undefined) return json(response, 400, { error: 'the object is not there' });
        branch.files.set(value['path']!, { content, large: key === 'lfsFile' });
      }
      branch.head = nextCommit();
      json(response, 200, {
        commitOid: branch.head,
        commitUrl: `${hub.endpoint}/${id}/commit/${branch.head}`,
      });
    }),
  );
  hub.endpoint = await listen(server);
  return Object.assign(hub, {
    close: async () => {
      for (const each of [server, contents]) {
        each.closeAllConnections();
        await new Promise((resolve) => each.close(resolve));
      }
    },
  });
}
