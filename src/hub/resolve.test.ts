// Against a server on loopback that answers as the hub does: what is asked, what is written, and what goes wrong.
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFile } from '../durable/lock.ts';
import type { FakeHub, FakeRepository } from './fake-hub.test-helper.ts';
import { gitHash, sha256, startFakeHub, token } from './fake-hub.test-helper.ts';
import { modelFolder, resolveHub } from './index.ts';
import type { HubProgress, HubSettings } from './index.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const later = '89abcdef0123456789abcdef0123456789abcdef';
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 251));

const model: FakeRepository = {
  path: 'ink/well',
  commit,
  branches: ['main', 'refs/pr/1'],
  files: {
    'config.json': '{"model_type":"llama"}',
    'tokenizer.json': '{}',
    'README.md': '# A page\n',
    'model.safetensors': weights,
    'onnx/model.onnx': 'not wanted',
    'sub folder/naïve name+.txt': 'odd',
  },
  large: ['model.safetensors'],
};

let hub: FakeHub;
let cache: string;
let settings: HubSettings;
const root = (): string => join(cache, 'models--ink--well');
const lines = (): string[] => hub.log.map(({ line }) => line);

beforeEach(async () => {
  hub = await startFakeHub();
  hub.repositories.push(model);
  cache = await mkdtemp(join(tmpdir(), 'whetstone-hub-'));
  settings = {
    cache,
    endpoint: hub.endpoint,
    token: null,
    offline: false,
    symlinks: true,
    answerTimeout: 5000,
    stallTimeout: 5000,
    retryDelay: 1,
  };
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true, force: true });
});

const files = ['config.json', 'model.safetensors'];
const resolve = (over: Partial<HubSettings> = {}, more: object = {}): ReturnType<typeof resolveHub> =>
  resolveHub({ kind: 'model', id: 'ink/well', files, ...more }, { settings: { ...settings, ...over } });

describe('resolveHub', () => {
  it('writes the layout of the standard cache', async () => {
    const found = await resolve();
    expect(found).toEqual({ path: join(root(), 'snapshots', commit), commit, files, from: 'hub' });
    expect(weights.equals(await readFile(join(found.path, 'model.safetensors')))).toBe(true);
    expect(await readlink(join(found.path, 'model.safetensors'))).toBe(`../../blobs/${sha256(weights)}`);
    const config = model.files['config.json']!;
    expect((await readdir(join(root(), 'blobs'))).sort()).toEqual([gitHash(config), sha256(weights)].sort());
    expect(await readFile(join(root(), 'refs/main'), 'utf8')).toBe(commit);
    expect(await readdir(join(cache, '.locks/models--ink--well'))).toEqual([]);
  });

  it('downloads nothing twice, and asks nothing where commit and files are known', async () => {
    await resolve();
    hub.log.length = 0;
    await resolve();
    expect(lines()).toEqual(['GET /api/models/ink/well/revision/main']);
    hub.log.length = 0;
    expect(await resolve({}, { revision: commit })).toMatchObject({ commit, from: 'cache' });
    expect(lines()).toEqual([]);
  });

  it('takes the files that fit patterns, folders and odd names included; without either, all', async () => {
    const names = async (patterns: string[]): Promise<readonly string[]> =>
      (await resolve({}, { files: [], patterns })).files;
    expect(await names(['*.json'])).toEqual(['config.json', 'tokenizer.json']);
    expect(await names(['onnx/*', 'model.*'])).toEqual(['model.safetensors', 'onnx/model.onnx']);
    expect(await names(['**/*.txt', '**model.onn?'])).toEqual([
      'onnx/model.onnx',
      'sub folder/naïve name+.txt',
    ]);
    const all = await resolveHub({ kind: 'model', id: 'ink/well' }, { settings });
    expect(all.files).toEqual(Object.keys(model.files).sort());
    expect(await readFile(join(all.path, 'sub folder/naïve name+.txt'), 'utf8')).toBe('odd');
    expect(await readlink(join(all.path, 'onnx/model.onnx'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
  });

  it('knows data sets and revisions with slashes', async () => {
    hub.repositories.push({ ...model, path: 'datasets/ink/rows', files: { 'data/train.jsonl': '{}\n' } });
    const found = await resolveHub(
      { kind: 'dataset', id: 'ink/rows', revision: 'refs/pr/1', patterns: ['data/*'] },
      { settings },
    );
    expect(found.path).toBe(join(cache, 'datasets--ink--rows/snapshots', commit));
    expect(lines()).toContain(`HEAD /datasets/ink/rows/resolve/${commit}/data/train.jsonl`);
    expect(await readFile(join(cache, 'datasets--ink--rows/refs/refs/pr/1'), 'utf8')).toBe(commit);
  });

  it('follows a branch that moved, and shares what stayed the same', async () => {
    await resolve();
    hub.repositories[0] = { ...model, commit: later, files: { ...model.files, 'config.json': '{"new":1}' } };
    hub.log.length = 0;
    const found = await resolve();
    expect(found.commit).toBe(later);
    expect(await readFile(join(found.path, 'config.json'), 'utf8')).toBe('{"new":1}');
    expect(await readFile(join(root(), 'snapshots', commit, 'config.json'), 'utf8')).toBe(
      model.files['config.json'],
    );
    expect(await readFile(join(root(), 'refs/main'), 'utf8')).toBe(later);
    expect(lines().filter((line) => line.includes('contents'))).toEqual([]);
  });

  it('is content with the cache when offline or when the hub is away', async () => {
    await expect(resolve({ offline: true })).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
    await resolve();
    hub.log.length = 0;
    expect(await resolve({ offline: true })).toMatchObject({ commit, from: 'cache', files });
    expect(lines()).toEqual([]);
    await hub.close();
    expect(await resolve()).toMatchObject({ commit, from: 'cache', files });
    await expect(resolve({}, { files: ['tokenizer.json'] })).rejects.toMatchObject({
      code: 'HUB_UNREACHABLE',
    });
    await expect(resolve({ offline: true }, { files: ['tokenizer.json'] })).rejects.toThrow(
      /HF_HUB_OFFLINE is set/,
    );
  });

  it('reads what huggingface_hub left, and repairs links without a blob', async () => {
    const snapshot = join(root(), 'snapshots', commit);
    const blobs = join(root(), 'blobs');
    for (const dir of [snapshot, blobs, join(root(), 'refs')]) await mkdir(dir, { recursive: true });
    await writeFile(join(root(), 'refs/main'), commit);
    await writeFile(join(blobs, sha256(weights)), weights);
    await symlink(`../../blobs/${sha256(weights)}`, join(snapshot, 'model.safetensors'));
    await symlink('../../blobs/gone', join(snapshot, 'config.json'));
    expect(await resolve({ offline: true }, { files: ['model.safetensors'] })).toMatchObject({ commit });
    await expect(resolve({ offline: true })).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
    const found = await resolve();
    expect(await readFile(join(found.path, 'config.json'), 'utf8')).toBe(model.files['config.json']);
    expect(lines().filter((line) => line.includes('contents'))).toEqual([]);
  });

  it('does without links where there are none', async () => {
    const twice: FakeRepository = {
      ...model,
      files: { ...model.files, 'tokenizer.json': model.files['config.json']! },
    };
    hub.repositories[0] = twice;
    const wanted = ['config.json', 'model.safetensors', 'tokenizer.json'];
    const found = await resolve({ symlinks: false }, { files: wanted });
    for (const name of wanted) {
      expect(Buffer.from(twice.files[name]!).equals(await readFile(join(found.path, name)))).toBe(true);
      expect((await stat(join(found.path, name))).isFile()).toBe(true);
      await expect(readlink(join(found.path, name))).rejects.toThrow();
    }
  });

  it('tells how far it is', async () => {
    const seen: HubProgress[] = [];
    await resolveHub(
      { kind: 'model', id: 'ink/well', files },
      { settings, onProgress: (progress) => seen.push(progress) },
    );
    const total = weights.length + Buffer.byteLength(model.files['config.json']!);
    expect(seen.at(-1)).toMatchObject({ received: total, total });
    const received = seen.map((progress) => progress.received);
    expect(received).toEqual([...received].sort((a, b) => a - b));
  });

  it('lets two calls at once download once', async () => {
    const [one, other] = await Promise.all([resolve(), resolve()]);
    expect(one).toEqual(other);
    expect(lines().filter((line) => line.startsWith('GET contents'))).toHaveLength(1);
  });

  it('waits for another process that downloads the same, and then need not', async () => {
    const locks = join(cache, '.locks/models--ink--well');
    await mkdir(locks, { recursive: true });
    const lock = await lockFile(join(locks, 'whetstone'));
    const waiting = resolve();
    const earlier = await Promise.race([waiting, sleep(300, 'still waiting')]);
    expect(earlier).toBe('still waiting');
    expect(lines()).toEqual(['GET /api/models/ink/well/revision/main']);
    const snapshot = join(root(), 'snapshots', commit);
    await mkdir(snapshot, { recursive: true });
    for (const name of files) await writeFile(join(snapshot, name), model.files[name]!);
    await lock.release();
    expect(await waiting).toMatchObject({ commit, files });
    expect(lines()).toHaveLength(1);
  });
});

describe('a download that breaks', () => {
  const contentRequests = (): (string | undefined)[] =>
    hub.log.filter(({ line }) => line.startsWith('GET contents')).map(({ headers }) => headers.range);

  it('goes on at the byte where the connection broke, and again after a kill', async () => {
    let cuts = 2;
    hub.tamper = (body, response) => {
      if (body.length < 1000 || cuts === 0) return body;
      cuts--;
      response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
      return null;
    };
    const found = await resolve();
    expect(contentRequests()).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
    expect(weights.equals(await readFile(join(found.path, 'model.safetensors')))).toBe(true);

    await rm(root(), { recursive: true });
    await mkdir(join(root(), 'blobs'), { recursive: true });
    await writeFile(join(root(), 'blobs', `${sha256(weights)}.whetstone.incomplete`), weights.subarray(0, 7));
    hub.log.length = 0;
    await resolve();
    expect(contentRequests()).toEqual(['bytes=7-']);
    expect(weights.equals(await readFile(join(found.path, 'model.safetensors')))).toBe(true);
  });

  it('begins anew where the server ignores ranges or the rest is another file’s', async () => {
    await mkdir(join(root(), 'blobs'), { recursive: true });
    const partial = join(root(), 'blobs', `${sha256(weights)}.whetstone.incomplete`);
    await writeFile(partial, Buffer.alloc(50_000, 1));
    const found = await resolve(); // the first 50,000 bytes are wrong: sha256 tells
    expect(contentRequests()).toEqual(['bytes=50000-', undefined]);
    expect(weights.equals(await readFile(join(found.path, 'model.safetensors')))).toBe(true);

    await rm(root(), { recursive: true });
    await mkdir(join(root(), 'blobs'), { recursive: true });
    await writeFile(partial, weights.subarray(0, 9));
    hub.fault = (request, response) => {
      if (!request.headers.range) return false;
      response.writeHead(200, { 'content-length': weights.length }).end(weights);
      return true;
    };
    await resolve();
    expect(weights.equals(await readFile(join(found.path, 'model.safetensors')))).toBe(true);
  });

  it('gives up on content that is wrong twice, and leaves nothing of it', async () => {
    hub.tamper = (body) => (body.length < 1000 ? body : Buffer.alloc(body.length, 7));
    await expect(resolve()).rejects.toMatchObject({ code: 'HUB_CORRUPT' });
    expect((await readdir(join(root(), 'blobs'))).filter((name) => name.startsWith(sha256(weights)))).toEqual(
      [],
    );
    expect(await stat(join(root(), 'refs')).catch(() => null)).toBeNull();
  });

  it('tries again after 429, 500 and silence, and not for ever', async () => {
    let left = 4;
    hub.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url!.includes(sha256(weights)) || left === 0) return false;
      left--;
      if (left === 3) response.writeHead(429, { 'retry-after': '0' }).end();
      else if (left === 2) response.writeHead(500).end();
      else if (left === 1) response.destroy();
      else response.writeHead(200, { 'content-length': weights.length }).write('x'); // and nothing more
      return true;
    };
    await resolve({ stallTimeout: 100 });
    expect(left).toBe(0);

    await rm(root(), { recursive: true });
    hub.fault = (request, response) => {
      if (request.method !== 'GET' || request.url!.startsWith('/api')) return false;
      response.writeHead(503).end();
      return true;
    };
    hub.log.length = 0;
    await expect(resolve({}, { files: ['config.json'] })).rejects.toThrow(/cannot be reached \(HTTP 503\)/);
    expect(lines().filter((line) => line.includes('resolve') && line.startsWith('GET'))).toHaveLength(5);
  });

  it('does not begin what the disk has no room for', async () => {
    hub.fault = (request, response) => {
      if (request.method !== 'HEAD' || !request.url!.endsWith('model.safetensors')) return false;
      response.writeHead(302, {
        'x-linked-etag': `"${sha256('x')}"`,
        'x-linked-size': 9_000_000_000_000_000,
        location: 'http://elsewhere.test/x',
      });
      response.end();
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(contentRequests()).toEqual([]);
  });

  it('stops when told to, and keeps what is here', async () => {
    const stop = new AbortController();
    hub.tamper = (body, response) => {
      if (body.length < 1000) return body;
      response.write(body.subarray(0, 50_000));
      return null;
    };
    const going = resolveHub(
      { kind: 'model', id: 'ink/well', files: ['model.safetensors'] },
      {
        settings,
        signal: stop.signal,
        onProgress: ({ received }) => received >= 50_000 && stop.abort(new Error('enough')),
      },
    );
    await expect(going).rejects.toThrow('enough');
    const [name] = await readdir(join(root(), 'blobs'));
    expect((await stat(join(root(), 'blobs', name!))).size).toBe(50_000);
  });
});

describe('refusals', () => {
  it('says what is not there', async () => {
    const missing = (more: object): Promise<unknown> => resolve({}, more);
    await expect(missing({ id: 'ink/wel' })).rejects.toMatchObject({ code: 'HUB_NOT_FOUND' });
    await expect(missing({ id: 'ink/wel' })).rejects.toThrow(
      /no model ink\/wel, or it is private.*\n.*HF_TOKEN/,
    );
    await expect(missing({ revision: 'v9' })).rejects.toThrow(/ink\/well has no revision "v9"/);
    await expect(missing({ files: ['confg.json'] })).rejects.toThrow(
      /no file "confg.json"\n {2}The nearest is "config.json"/,
    );
    await expect(missing({ files: [], patterns: ['*.bin'] })).rejects.toThrow(
      /fits \*\.bin\n {2}It has: README.md, config/,
    );
  });

  it('asks for terms to be accepted, and for a token that may', async () => {
    hub.repositories[0] = { ...model, access: 'gated' };
    await expect(resolve()).rejects.toMatchObject({ code: 'HUB_ACCESS' });
    await expect(resolve()).rejects.toThrow(/gated.*\n.*Accept its terms at http.*ink\/well.*Set HF_TOKEN/);
    await expect(resolve({ token: 'hf_wrong' })).rejects.toThrow(/token in use/);
    await expect(resolve({ token: 'hf_wrong' })).rejects.not.toThrow(/hf_wrong/);
    expect(await resolve({ token })).toMatchObject({ commit });
    hub.repositories[0] = { ...model, access: 'private', path: 'ink/own' };
    expect(await resolve({ token }, { id: 'ink/own' })).toMatchObject({ commit });
  });

  it('sends the token to the hub and to nobody else', async () => {
    await resolve({ token });
    const sent = hub.log.map(
      ({ line, headers }) => [line.includes('contents'), headers.authorization] as const,
    );
    expect(sent.filter(([elsewhere]) => elsewhere).map(([, value]) => value)).toEqual([undefined]);
    expect(sent.filter(([elsewhere]) => !elsewhere).every(([, value]) => value === `Bearer ${token}`)).toBe(
      true,
    );
  });

  it.each(['../well', 'ink/../../etc', 'ink/well/more', 'ink--well/x', '', '/etc', 'ink/.hidden', 'a b/c'])(
    'does not take %j for an id',
    async (id) => {
      await expect(resolve({}, { id })).rejects.toMatchObject({ code: 'HUB_NAME' });
      expect(lines()).toEqual([]);
    },
  );

  it('does not let names lead out of the cache', async () => {
    await expect(resolve({}, { revision: '../../x' })).rejects.toMatchObject({ code: 'HUB_NAME' });
    await expect(resolve({}, { files: ['../../../x'] })).rejects.toMatchObject({ code: 'HUB_NAME' });
    hub.repositories[0] = { ...model, files: { ...model.files, '../../evil.json': '{}' } };
    expect((await resolve({}, { files: [], patterns: ['**.json'] })).files).toEqual([
      'config.json',
      'tokenizer.json',
    ]);
    hub.fault = (request, response) => {
      if (request.method !== 'HEAD') return false;
      response.writeHead(200, { etag: '"../../../evil"' }).end();
      return true;
    };
    await expect(resolve({}, { files: ['README.md'] })).rejects.toMatchObject({ code: 'HUB_ANSWER' });
  });

  it('recognises a server that is no hub', async () => {
    hub.fault = (_, response) => {
      response.end('<html>welcome</html>');
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({ code: 'HUB_ANSWER' });
  });
});

describe('modelFolder', () => {
  it('prefers what exists, and leaves alone what cannot be a name on the hub', async () => {
    const options = { settings };
    expect(await modelFolder(cache, options)).toEqual({ path: cache, hub: null });
    for (const name of ['hub:', 'hub:ink/well@', 'hub:../etc'])
      await expect(modelFolder(name, options)).rejects.toMatchObject({ code: 'NO_MODEL' });
    for (const path of ['src/hub', './ink/well', '/ink/well', 'well', '../ink/well', 'a/b/c', '~/well']) {
      expect(await modelFolder(path, options)).toEqual({ path, hub: null });
    }
    expect(lines()).toEqual([]);
  });

  it('fetches what a model needs and says which commit it is', async () => {
    const { path, hub: from } = await modelFolder('ink/well@main', { settings });
    expect(from).toEqual({ id: 'ink/well', revision: 'main', commit });
    expect((await readdir(path)).sort()).toEqual([
      ...['README.md', 'config.json', 'model.safetensors', 'tokenizer.json'],
    ]);
  });

  it('says that the name was taken for a folder too', async () => {
    await expect(modelFolder('ink/wel', { settings })).rejects.toThrow(
      /no folder ink\/wel is here, and as a model of the hub/,
    );
    hub.repositories[0] = { ...model, files: { 'config.json': '{}', 'pytorch_model.bin': 'x' } };
    await expect(modelFolder('ink/well', { settings })).rejects.toMatchObject({ code: 'HUB_NO_WEIGHTS' });
    await expect(modelFolder('ink/well', { settings: { ...settings, offline: true } })).rejects.toMatchObject(
      {
        code: 'HUB_OFFLINE',
      },
    );
  });
});
