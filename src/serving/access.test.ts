// Who may ask the server: keys, origins, hosts.
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { fakeModel } from './fake-model.test-helper.ts';
import { hostTest } from './access.ts';
import { ownServers, raw } from './own-servers.test-helper.ts';
import type { Body } from './own-servers.test-helper.ts';

const start = ownServers();

describe('who may ask', () => {
  it('those with the key, if there is one; nothing of it is logged', async () => {
    const { url, log } = await start(fakeModel(), { apiKey: 'sesame-123' });
    const ask = async (headers: Record<string, string>): Promise<[number, Body]> => {
      const response = await fetch(`${url}/v1/models`, { headers });
      return [response.status, (await response.json()) as Body];
    };
    const [none, without] = await ask({});
    expect([none, without.error.code]).toEqual([401, null]);
    const [wrong, told] = await ask({ authorization: 'Bearer sesame-12' });
    expect([wrong, told.error.code]).toEqual([401, 'invalid_api_key']);
    expect((await ask({ authorization: 'Bearer sesame-123' }))[0]).toBe(200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(log.join('\n')).not.toContain('sesame');
  });

  it('no page of another origin, unless allowed', async () => {
    const page = { origin: 'http://localhost:3000' };
    const closed = await start();
    expect((await fetch(`${closed.url}/v1/models`, { headers: page })).status).toBe(403);
    const preflight = {
      method: 'OPTIONS',
      headers: { ...page, 'access-control-request-headers': 'content-type' },
    };
    expect(
      (await fetch(`${closed.url}/v1/completions`, preflight)).headers.has('access-control-allow-origin'),
    ).toBe(false);
    const open = await start(fakeModel(), { corsOrigins: ['http://localhost:3000'] });
    const allowed = await fetch(`${open.url}/v1/completions`, preflight);
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, page.origin]);
    const response = await fetch(`${open.url}/v1/models`, { headers: page });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      200,
      page.origin,
    ]);
    expect((await fetch(`${open.url}/v1/models`, { headers: { origin: 'http://other' } })).status).toBe(403);
  });

  it('no page that came to this machine under a name of its own', async () => {
    const { server } = await start();
    const head = 'GET /v1/models HTTP/1.1\r\nHost: rebound.example:80\r\nConnection: close\r\n\r\n';
    expect(await raw(server, head)).toMatch(/^HTTP\/1\.1 403[^]*host_not_allowed/);
    expect((await fetch(`http://localhost:${server.port}/v1/models`)).status).toBe(200);
    const everywhere = await start(fakeModel(), { host: '0.0.0.0' });
    expect(await raw(everywhere.server, head)).toMatch(/^HTTP\/1\.1 403[^]*allowed_hosts/);
    const named = await start(fakeModel(), { host: '0.0.0.0', allowedHosts: ['rebound.example'] });
    expect(await raw(named.server, head)).toMatch(/^HTTP\/1\.1 200/);
  });

  it.each([
    [
      '127.0.0.1',
      [],
      false,
      ['localhost:1', '127.0.0.1', '[::1]:80', 'a.localhost'],
      ['evil.example', '', '10.0.0.1'],
    ],
    [
      '127.0.0.1',
      ['box.lan'],
      false,
      ['box.lan:8080', 'BOX.lan', 'localhost'],
      ['evil.example', 'box.lan.evil'],
    ],
    ['127.0.0.1', [], true, ['localhost'], ['evil.example']],
    [
      '0.0.0.0',
      [],
      false,
      ['10.0.0.1:80', '[fe80::1]:80', 'localhost', hostname(), ''],
      ['evil.example', 'evil'],
    ],
    ['0.0.0.0', ['box.lan'], true, ['box.lan', '10.0.0.1'], ['evil.example']],
    ['0.0.0.0', [], true, ['evil.example'], []],
    ['0.0.0.0', ['*'], false, ['evil.example', ''], []],
    ['box.lan', [], false, ['box.lan:80', '10.0.0.1'], ['evil.example']],
  ] as const)('listening on %s as %j, with a key: %s', (host, allowed, hasKey, good, bad) => {
    const isHost = hostTest({ host, allowed, hasKey });
    expect(good.filter((name) => !isHost(name))).toEqual([]);
    expect(bad.filter((name) => isHost(name))).toEqual([]);
  });

  it('tells at / what it is; HEAD is GET without a body; OPTIONS says what there is', async () => {
    const { url } = await start(fakeModel(), { apiKey: 'sesame-123' });
    const about = await fetch(url);
    expect([about.status, await about.json()]).toEqual([
      200,
      expect.objectContaining({ name: 'whetstone', version: expect.stringMatching(/^\d+\.\d+/) as string }),
    ]);
    for (const path of ['/', '/health']) {
      const head = await fetch(url + path, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
    }
    const options = await fetch(`${url}/v1/completions`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'OPTIONS, POST']);
    expect(options.headers.has('access-control-allow-origin')).toBe(false);
    expect((await fetch(`${url}/`, { method: 'POST' })).status).toBe(405);
  });
});

/** Sends bytes as they are; resolves with what came until the connection was closed. */
