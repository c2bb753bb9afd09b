// Whatever a hub, a mirror or a proxy sends: the file is whole in the cache, or an error says why not.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { gitHash, sha256, startFakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import type { FakeHub } from '../../src/hub/fake-hub.test-helper.ts';
import { resolveHub } from '../../src/hub/index.ts';
import type { HubFolder } from '../../src/hub/index.ts';
import { fuzz } from './fuzz.ts';
import { damaged, strange } from './inputs.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const weights = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 31) % 251));
const config = Buffer.from('{"model_type":"llama"}');
const files = { 'config.json': config, 'model.safetensors': weights };
const listing = {
  id: 'ink/well',
  sha: commit,
  siblings: Object.keys(files).map((rfilename) => ({ rfilename })),
};

let hub: FakeHub;
let folder: string;
let caches = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-hub-fuzz-'));
  hub = await startFakeHub();
  hub.repositories.push({
    path: 'ink/well',
    commit,
    branches: ['main'],
    files,
    large: ['model.safetensors'],
  });
});
afterAll(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

/** Into a cache of its own, with little patience. `lied` are the files whose etag the hub was made to lie about. */
async function resolve(lied: ReadonlySet<string> = new Set()): Promise<HubFolder> {
  const cache = join(folder, `cache-${caches++}`);
  const settings = { cache, endpoint: hub.endpoint, token: 'hf_x', offline: false, symlinks: true };
  try {
    const found = await resolveHub(
      { kind: 'model', id: 'ink/well', files: ['config.json'], patterns: ['*'] },
      { settings: { ...settings, answerTimeout: 200, stallTimeout: 40, retryDelay: 1 } },
    );
    for (const name of found.files) {
      const whole = (files as Readonly<Record<string, Buffer>>)[name];
      if (whole && !lied.has(name)) expect(whole.equals(await readFile(join(found.path, name)))).toBe(true);
    }
    return found;
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array;
  /** How a body ends: as it should, cut, never, or going on for ever. */
  readonly end: 'whole' | 'cut' | 'silent' | 'endless';
}

function say(response: ServerResponse, { status, headers, body, end }: Said): void {
  response.on('error', () => {});
  response.writeHead(status, headers);
  response.write(body, () => {
    if (end === 'whole') response.end();
    if (end === 'cut') response.destroy();
    let left = 2000;
    const more = (): void => {
      if (!response.destroyed && left-- > 0)
        response.write(Buffer.alloc(1 << 16, 7), () => setImmediate(more));
    };
    if (end === 'endless') more();
  });
}

const status = fc.constantFrom(
  200,
  200,
  200,
  200,
  204,
  206,
  301,
  302,
  304,
  401,
  403,
  404,
  416,
  429,
  500,
  503,
);
const end = fc.constantFrom<Said['end']>('whole', 'whole', 'whole', 'cut', 'silent', 'endless');
const header = fc.dictionary(
  fc.constantFrom(
    ...['etag', 'x-linked-etag', 'x-linked-size', 'location', 'content-range', 'content-length'],
    ...['x-error-code', 'x-error-message', 'content-encoding'],
  ),
  fc.constantFrom<string | number>(
    ...[
      '',
      '"x"',
      `"${gitHash(config)}"`,
      `"${sha256(weights)}"`,
      `W/"${'a'.repeat(32)}"`,
      '../../etc/passwd',
    ],
    ...[
      'file:///etc/passwd',
      'data:,x',
      '/',
      'http://',
      'ftp://x',
      'bytes 0-1/2',
      'bytes 5-9/10',
      '-1',
      '1e9',
      'NaN',
    ],
    ...['GatedRepo', 'gzip', 0, 1, 22, 5000, 9_000_000_000_000_000],
  ),
  { maxKeys: 3 },
);

const replaced = fc.record({
  names: fc.array(strange, { maxLength: 4 }),
  sha: fc.oneof(strange, fc.constant(commit)),
});
const listings = fc.oneof(
  damaged(JSON.stringify(listing)),
  replaced.map(({ names, sha }) =>
    Buffer.from(
      JSON.stringify({ sha, siblings: [...listing.siblings, ...names.map((rfilename) => ({ rfilename }))] }),
    ),
  ),
  replaced.map(({ names, sha }) =>
    Buffer.from(JSON.stringify({ sha, siblings: [null, ...listing.siblings, ...names] })),
  ),
  strange.map((value) => Buffer.from(JSON.stringify(value) ?? '')),
);

const isListing = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/api/');

describe('the hub', () => {
  fuzz('the hub: listings', {
    inputs: fc.record({ status, headers: header, body: listings, end }),
    runs: 100,
    readOneIn: 40,
    read: (said) => {
      hub.fault = (request, response) => {
        if (isListing(request)) say(response, said);
        return isListing(request);
      };
      return resolve();
    },
  });

  const answer = fc.record({
    // Which of a file's requests are answered so; the others as they should be.
    on: fc.constantFrom('HEAD', 'GET', 'GET', 'GET'),
    times: fc.constantFrom(1, 1, 2, 1000),
    of: fc.constantFrom('config.json', 'model.safetensors'),
    said: fc.record({
      status,
      headers: header,
      body: fc.oneof(
        damaged(weights),
        damaged(config),
        fc.constantFrom(weights, config, Buffer.alloc(0), Buffer.concat([weights, Buffer.alloc(100)])),
      ),
      end,
    }),
  });

  fuzz('the hub: downloads', {
    inputs: fc.array(answer, { minLength: 1, maxLength: 2 }),
    runs: 80,
    readOneIn: 40,
    read: (some) => {
      const left = some.map(({ times }) => times);
      hub.fault = (request, response) => {
        const { method, url = '' } = request;
        const named = isListing(request)
          ? ''
          : url.endsWith('config.json')
            ? 'config.json'
            : 'model.safetensors';
        const at = some.findIndex(({ on, of }, i) => on === method && of === named && left[i]! > 0);
        if (at < 0) return false;
        left[at]!--;
        say(response, some[at]!.said);
        return true;
      };
      return resolve(new Set(some.filter(({ on }) => on === 'HEAD').map(({ of }) => of)));
    },
  });
});
