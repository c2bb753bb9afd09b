// Against a hub on loopback that takes uploads: what is sent, in which order and to whom; what is not sent twice; refusals.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WhetstoneError } from '../errors.ts';
import { token } from './fake-hub.test-helper.ts';
import { push } from './index.ts';
import type { HubSettings, PushRequest, Pushed } from './index.ts';
import { startWritableHub } from './writable-hub.test-helper.ts';
import type { WritableHub } from './writable-hub.test-helper.ts';

let hub: WritableHub;
let folder: string;
let settings: HubSettings;
const weights = Buffer.from(Array.from({ length: 250_000 }, (_, i) => (i * 37 + (i >> 7)) % 253));
const files: Readonly<Record<string, string | Buffer>> = {
  'README.md': '# Mine\n',
  'adapter_config.json': '{"r":16}',
  'adapter_model.safetensors': weights,
  'empty.safetensors': '',
  'sub/naïve name.txt': 'odd',
};

beforeEach(async () => {
  hub = await startWritableHub();
  folder = await mkdtemp(join(tmpdir(), 'whetstone-push-'));
  await mkdir(join(folder, 'sub'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  settings = {
    ...{ cache: '', endpoint: hub.endpoint, token, offline: false, symlinks: true },
    ...{ answerTimeout: 5000, stallTimeout: 5000, retryDelay: 1 },
  };
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

const send = (more: Partial<PushRequest> = {}, over: Partial<HubSettings> = {}): Promise<Pushed> =>
  push({ folder, id: 'ink/first', ...more }, { settings: { ...settings, ...over } });
const there = (branch = 'main'): Record<string, Buffer> =>
  Object.fromEntries(
    [...hub.repos.get('ink/first')!.branches.get(branch)!.files].map(([name, { content }]) => [
      name,
      content,
    ]),
  );
const puts = (): string[] => hub.log.map(({ line }) => line).filter((line) => line.startsWith('PUT'));
const error = async (work: Promise<unknown>): Promise<WhetstoneError> => {
  const found = await work.then(
    () => null,
    (each: unknown) => each,
  );
  expect(found).toBeInstanceOf(WhetstoneError);
  expect(`${String(found)} ${JSON.stringify(found)}`).not.toContain(token);
  return found as WhetstoneError;
};

describe('push', () => {
  it('makes the repository and commits every file, byte for byte, with the token for the hub alone', async () => {
    await writeFile(join(folder, '.secret'), 'x');
    await writeFile(join(folder, 'ignored.txt'), 'x');
    const pushed = await send({ private: true });
    expect(there()).toEqual(
      Object.fromEntries(Object.entries(files).map(([name, each]) => [name, Buffer.from(each)])),
    );
    expect(hub.repos.get('ink/first')!.private).toBe(true);
    expect(pushed).toMatchObject({
      ...{ commit: hub.repos.get('ink/first')!.branches.get('main')!.head, sentBytes: weights.length },
      leftOut: ['.secret', 'ignored.txt'],
    });
    for (const { line, headers } of hub.log)
      expect([line, headers.authorization]).toEqual([
        line,
        line.startsWith('PUT store') ? undefined : `Bearer ${token}`,
      ]);
  });

  it('sends what changed alone, and makes no commit of nothing', async () => {
    await send();
    expect(await send()).toMatchObject({ commit: null, sentBytes: 0 });
    await writeFile(join(folder, 'adapter_config.json'), '{"r":8}');
    expect(await send()).toMatchObject({ files: ['adapter_config.json'], sentBytes: 0 });
    expect(there()['adapter_config.json']!.toString()).toBe('{"r":8}');
    expect(puts()).toHaveLength(1);
  });

  it('sends large files in the parts that the hub asks for', async () => {
    hub.chunk = 100_000;
    await send();
    expect(there()['adapter_model.safetensors']!.equals(weights)).toBe(true);
    expect(hub.log.filter(({ line }) => line.startsWith('PUT')).map(({ bytes }) => bytes)).toEqual([
      1e5, 1e5, 5e4,
    ]);
  });

  it('goes on after it was ended before the commit, without sending again what is there', async () => {
    await writeFile(join(folder, 'second.safetensors'), 'small');
    hub.fault = (line, response) => line.includes('/commit/') && (response.destroy(), true);
    expect(await error(send())).toMatchObject({ code: 'HUB_UNREACHABLE' });
    hub.fault = null;
    expect(puts()).toHaveLength(2);
    expect(await send()).toMatchObject({ sentBytes: 0 });
    expect(puts()).toHaveLength(2);
    expect(Object.keys(there())).toContain('second.safetensors');
  });

  it('tries again where a connection breaks, a part as well', async () => {
    hub.chunk = 100_000;
    let faults = 0;
    hub.fault = (line, response) =>
      /PUT .*\/2$|verify/.test(line) && faults++ < 3 && (response.destroy(), true);
    await send();
    expect(faults).toBeGreaterThan(3);
    expect(there()['adapter_model.safetensors']!.equals(weights)).toBe(true);
  });

  it('goes to a branch, which is made', async () => {
    await send({ revision: 'round-2' });
    expect(Object.keys(there('round-2'))).toHaveLength(5);
    expect(Object.keys(there())).toEqual([]);
  });

  it('keeps a card that may not be replaced', async () => {
    await send();
    await writeFile(join(folder, 'README.md'), '# Other\n');
    const asked: string[][] = [];
    const pushed = await send({ mayReplaceCard: (...cards) => (asked.push(cards), false) });
    expect(asked).toEqual([['# Mine\n', '# Other\n']]);
    expect(pushed).toMatchObject({ commit: null, leftOut: ['README.md'] });
    await send({ mayReplaceCard: () => true });
    expect(there()['README.md']!.toString()).toBe('# Other\n');
  });
});

describe('a push that cannot be', () => {
  it('asks nobody without a token, a network or an owner', async () => {
    expect(await error(send({}, { token: null }))).toMatchObject({ code: 'HUB_ACCESS' });
    expect(await error(send({}, { offline: true }))).toMatchObject({ code: 'HUB_OFFLINE' });
    expect(await error(send({ id: 'first' }))).toMatchObject({ code: 'HUB_NAME' });
    expect(await error(send({ folder: join(folder, 'nowhere') }))).toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(hub.log).toEqual([]);
  });

  it('says whose right is missing', async () => {
    expect(await error(send({}, { token: 'hf_other' }))).toMatchObject({ code: 'HUB_ACCESS' });
    expect(await error(send({ id: 'pen/first' }))).toMatchObject({
      code: 'HUB_ACCESS',
      message: expect.stringContaining('no right to write to pen') as string,
    });
    expect(puts()).toEqual([]);
  });

  it('does not put into a public place what was to be private', async () => {
    await send();
    await writeFile(join(folder, 'adapter_config.json'), '{}');
    expect(await error(send({ private: true }))).toMatchObject({ code: 'HUB_PUBLIC' });
    expect(there()['adapter_config.json']!.toString()).toBe('{"r":16}');
  });

  it('overwrites nothing that came meanwhile', async () => {
    hub.fault = (line) => {
      if (line.includes('/batch')) hub.repos.get('ink/first')!.branches.get('main')!.head = 'f'.repeat(40);
      return false;
    };
    expect(await error(send())).toMatchObject({ code: 'HUB_CONFLICT' });
    expect(there()).toEqual({});
  });

  it.each([
    ['/commit/', 403, 'Private repository storage limit reached', 'HUB_QUOTA'],
    ['/batch', 413, 'too large', 'HUB_QUOTA'],
    ['/preupload/', 404, 'no', 'HUB_NOT_FOUND'],
    ['PUT store', 400, `denied to ${token}`, 'HUB_ANSWER'],
    ['/verify', 422, 'not what it was', 'HUB_ANSWER'],
    ['/batch', 503, 'busy', 'HUB_UNREACHABLE'],
    ['/batch', 302, '', 'HUB_ANSWER'],
  ])('says what a refusal at %s with %i means', async (where, status, words, code) => {
    hub.fault = (line, response) => {
      if (!line.includes(where)) return false;
      const to = status === 302 ? { location: 'http://localhost:1/elsewhere' } : {};
      response.writeHead(status, { 'x-error-message': words, ...to }).end();
      return true;
    };
    expect(await error(send())).toMatchObject({ code });
  });

  it('breaks off when told to', async () => {
    const stop = new AbortController();
    hub.fault = (line) => (line.includes('/batch') && stop.abort(new Error('enough')), false);
    await expect(push({ folder, id: 'ink/first' }, { settings, signal: stop.signal })).rejects.toThrow(
      'enough',
    );
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('# Mine\n');
  });
});
