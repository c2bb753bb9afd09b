// What a hub, a mirror or a proxy on the way does wrong: how often and how long it is put up with, and what is said.
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WhetstoneError } from '../errors.ts';
import type { FakeHub, FakeRepository } from './fake-hub.test-helper.ts';
import { gitHash, sha256, startFakeHub, token } from './fake-hub.test-helper.ts';
import { describePlan, modelFolder, resolveHub } from './index.ts';
import type { HubPlan, HubSettings } from './index.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 251));
const model: FakeRepository = {
  path: 'ink/well',
  commit,
  branches: ['main'],
  files: { 'config.json': '{"model_type":"llama"}', 'model.safetensors': weights },
  large: ['model.safetensors'],
};

let hub: FakeHub;
let cache: string;
let settings: HubSettings;
beforeEach(async () => {
  hub = await startFakeHub();
  hub.repositories.push(model);
  cache = await mkdtemp(join(tmpdir(), 'whetstone-hub-faults-'));
  settings = {
    ...{ cache, endpoint: hub.endpoint, token: null, offline: false, symlinks: true },
    ...{ answerTimeout: 2000, stallTimeout: 150, retryDelay: 1 },
  };
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true, force: true });
});

const blobs = (): string => join(cache, 'models--ink--well/blobs');
const requests = (part: string): number => hub.log.filter(({ line }) => line.includes(part)).length;
const resolve = (files: string[] = ['model.safetensors'], more: object = {}): ReturnType<typeof resolveHub> =>
  resolveHub({ kind: 'model', id: 'ink/well', files }, { settings, ...more });
const failureOf = (work: Promise<unknown>): Promise<WhetstoneError> =>
  work.then(
    () => expect.fail('it was no failure'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(WhetstoneError);
      return error as WhetstoneError;
    },
  );

/** Sends without end; how many bytes went out is in the box. */
function endless(response: ServerResponse, box: { sent: number }): void {
  const piece = Buffer.alloc(1 << 18, 7);
  const more = (): void => {
    if (response.destroyed || box.sent > 1e9) return;
    box.sent += piece.length;
    response.write(piece, more);
  };
  more();
}

describe('a body', () => {
  it('that has more than its announced size is read to that size', async () => {
    let sent = 0;
    hub.tamper = (body, response) => {
      if (body.length < 1000) return body;
      response.removeHeader('content-length');
      sent++;
      return Buffer.concat([body, Buffer.alloc(100_000, 7)]);
    };
    hub.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url!.includes(sha256(weights))) return false;
      sent++;
      response.writeHead(200).end(Buffer.concat([weights, Buffer.alloc(100_000, 7)]));
      return true;
    };
    const { path } = await resolve();
    expect(weights.equals(await readFile(join(path, 'model.safetensors')))).toBe(true);
    expect(sent).toBe(1);
  });

  it('without end is read to the announced size, twice if its content is wrong', async () => {
    const box = { sent: 0 };
    hub.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url!.includes(sha256(weights))) return false;
      response.writeHead(200);
      endless(response, box);
      return true;
    };
    expect(await failureOf(resolve())).toMatchObject({ code: 'HUB_CORRUPT' });
    expect(box.sent).toBeLessThan(100e6);
    expect(await stat(join(blobs(), `${sha256(weights)}.whetstone.incomplete`)).catch(() => null)).toBeNull();
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'is cut at the same byte every time',
      (r) => void r.write(weights.subarray(0, 9), () => r.destroy()),
      /UNREACH/,
    ],
    ['has 0 bytes', (r) => void r.end(), /UNREACH/],
    ['is silent', (r) => void r.write('x'), /UNREACH/],
    [
      'grows by a byte at a time, ranges being ignored',
      (r) => void r.write(weights.subarray(0, 10 + hub.log.length), () => r.destroy()),
      /UNREACH/,
    ],
    [
      'breaks off half way, ranges being ignored',
      (r) => void r.write(weights.subarray(0, 150_000), () => setTimeout(() => r.destroy(), 20)),
      /UNREACH|ANSWER/,
    ],
  ])('that %s is given up after a few tries', async (_, answer, code) => {
    hub.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url!.includes(sha256(weights))) return false;
      response.writeHead(200, { 'content-length': weights.length });
      answer(response);
      return true;
    };
    expect((await failureOf(resolve())).code).toMatch(code);
    expect(requests('GET contents')).toBeLessThan(15);
  });

  it('that breaks again and again, and grows, is gone on with', async () => {
    hub.tamper = (body, response) => {
      if (body.length < 1000) return body;
      response.write(body.subarray(0, 21_000), () => setTimeout(() => response.destroy(), 20));
      return null;
    };
    const { path } = await resolve();
    expect(weights.equals(await readFile(join(path, 'model.safetensors')))).toBe(true);
    expect(requests('GET contents')).toBeGreaterThan(10);
  });

  it('of another range than was asked for is not taken', async () => {
    await mkdir(blobs(), { recursive: true });
    await writeFile(join(blobs(), `${sha256(weights)}.whetstone.incomplete`), weights.subarray(0, 1000));
    hub.fault = (request, response) => {
      if (!request.headers.range) return false;
      response
        .writeHead(206, { 'content-range': `bytes 2000-${weights.length - 1}/${weights.length}` })
        .end(weights.subarray(2000));
      return true;
    };
    const { path } = await resolve();
    expect(weights.equals(await readFile(join(path, 'model.safetensors')))).toBe(true);
  });

  it.each([
    ['other content', Buffer.from('{"model_type":"other"}')],
    ['nothing', Buffer.alloc(0)],
  ])('of a small file that is %s than git’s name for it says is refused', async (_, content) => {
    hub.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url!.endsWith('config.json')) return false;
      response.writeHead(200, { etag: `"${gitHash('another')}"` }).end(content);
      return true;
    };
    const { code } = await failureOf(resolve(['config.json']));
    expect(['HUB_CORRUPT', 'HUB_UNREACHABLE']).toContain(code);
  });

  it('of a size that nobody told is bounded', async () => {
    const box = { sent: 0 };
    hub.fault = (request, response) => {
      if (!request.url!.endsWith('config.json')) return false;
      if (request.method === 'HEAD') response.writeHead(200, { etag: '"0123456789abcdef"' }).end();
      else {
        response.writeHead(200);
        endless(response, box);
      }
      return true;
    };
    const stop = new AbortController();
    const seen: number[] = [];
    const going = resolve(['config.json'], {
      signal: stop.signal,
      onProgress: ({ received, total }: { received: number; total: number | null }) => {
        expect(total).toBeNull();
        seen.push(received);
        // A gigabyte is too much for a test.
        if (received > 20e6) stop.abort(new Error('enough'));
      },
    });
    await expect(going).rejects.toThrow('enough');
    expect(seen.at(-1)).toBeLessThan(30e6);
  });
});

describe('a redirect', () => {
  it.each([
    ['in a circle', '/api/models/ink/well/revision/main', /redirects without end/],
    ['to a file', 'file:///etc/passwd', /no web address/],
    ['to data', 'data:application/json,{}', /no web address/],
    ['to nothing that is an address', 'http://', /no web address/],
  ])('%s is told', async (_, location, message) => {
    hub.fault = (_request, response) => {
      response.writeHead(302, { location }).end();
      return true;
    };
    const error = await failureOf(resolve());
    expect(error.code).toBe('HUB_ANSWER');
    expect(error.message).toMatch(message);
  });
});

describe('a listing', () => {
  const list = (body: string, more?: (response: ServerResponse) => void): void => {
    hub.fault = (request, response) => {
      if (!request.url!.startsWith('/api')) return false;
      response.write(body, () => (more ? more(response) : response.end()));
      return true;
    };
  };
  const names = Object.keys(model.files).map((rfilename) => ({ rfilename }));

  it.each<[string, unknown[]]>([
    ['null', [null]],
    ['numbers, lists and texts', [3, [], 'x']],
    [
      'names that are none',
      [{ rfilename: null }, { rfilename: 7 }, {}, { rfilename: '../x' }, { rfilename: '\ud800' }],
    ],
  ])('with %s among its entries has the others', async (_, others) => {
    list(JSON.stringify({ sha: commit, siblings: [...others, ...names, ...others] }));
    expect((await resolve(['config.json'])).files).toEqual(['config.json']);
  });

  it('that hangs in the middle is given up', async () => {
    list('{"sha":', () => {});
    const error = await failureOf(resolve());
    expect([error.code, error.message]).toEqual([
      'HUB_UNREACHABLE',
      expect.stringContaining('silent for too long'),
    ]);
  });

  it('that comes a byte at a time is given up', async () => {
    list('{"sha":', (response) => {
      const timer = setInterval(() => response.destroyed || response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    });
    const error = await failureOf(resolve());
    expect(error.message).toContain('does not end');
  }, 20_000);

  it('that is far too large is read no further, and says so', async () => {
    const box = { sent: 0 };
    // A busy machine takes long for so much.
    settings = { ...settings, stallTimeout: 5000 };
    list('{"sha":', (response) => endless(response, box));
    const error = await failureOf(resolve());
    expect(error.code).toBe('HUB_ANSWER');
    expect(error.message).toMatch(/larger than 64 MiB/);
    expect(box.sent).toBeLessThan(200e6);
  }, 60_000);

  it('of a hundred thousand files is searched for a near name without a halt', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => ({ rfilename: `${'x'.repeat(200)}${i}` }));
    list(JSON.stringify({ sha: commit, siblings: many }));
    const began = process.cpuUsage();
    expect(await failureOf(resolve(['y'.repeat(200)]))).toMatchObject({ code: 'HUB_NOT_FOUND' });
    expect(process.cpuUsage(began).user / 1e6).toBeLessThan(3);
  });
});

describe('what is downloaded', () => {
  it('is told in one line before the first byte, and not where nothing is', async () => {
    const plans: { readonly plan: HubPlan; readonly asked: number }[] = [];
    const onPlan = (plan: HubPlan): void => void plans.push({ plan, asked: requests('GET contents') });
    await resolve(['config.json', 'model.safetensors'], { onPlan });
    expect(plans).toEqual([
      {
        plan: {
          ...{ kind: 'model', id: 'ink/well', revision: 'main', files: 2, bytes: 300_022 },
          ...{ from: hub.endpoint, to: join(cache, 'models--ink--well') },
        },
        asked: 0,
      },
    ]);
    expect(describePlan(plans[0]!.plan)).toBe(
      `downloading 2 files, 0.3 MB, of the model ink/well (main) from ${hub.endpoint} to ${join(cache, 'models--ink--well')}`,
    );
    await resolve(['config.json'], { onPlan });
    expect(plans).toHaveLength(1);
  });
});

describe('a mistyped path', () => {
  it.each([
    'src/hubb',
    'docs/judge',
    'node_modules/vitestt',
    './src/hubb',
    'src/hub/none',
    '../x/y',
    '~/x',
    'src\\hubb',
  ])('%s is not asked of the hub, and no token is sent', async (path) => {
    const work = modelFolder(path, { settings: { ...settings, token } });
    const found = await work.catch((error: unknown) => error);
    if (found instanceof WhetstoneError) {
      expect(found.code).toBe('NO_MODEL');
      expect(found.message).toContain(`hub:${path}`);
    } else expect(found).toEqual({ path, hub: null });
    expect(hub.log).toEqual([]);
  });

  it('says what is near, and how the hub’s model of that name is asked for', async () => {
    const error = await failureOf(modelFolder('src/hubb', { settings }));
    expect(error.message).toContain('did you mean src/hub?');
    hub.repositories.push({ ...model, path: 'src/hubb' });
    expect(await modelFolder('hub:src/hubb', { settings })).toMatchObject({
      hub: { id: 'src/hubb', commit },
    });
  });
});
