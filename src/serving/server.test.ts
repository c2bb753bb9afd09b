// The server over a model without weights: clients that leave or do not read, draining, ports.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fakeModel } from './fake-model.test-helper.ts';
import type { FakeModel } from './fake-model.test-helper.ts';
import { chat, ownServers, raw, until } from './own-servers.test-helper.ts';
import { startServer } from './server.ts';

const start = ownServers();

describe('comings and goings', () => {
  const slow = (): FakeModel => fakeModel('fake', { delay: 10 });
  const long = 'a'.repeat(90);

  it.each([true, false])('a client that leaves frees its slots (stream: %s)', async (stream) => {
    const model = slow();
    const { post, log } = await start(model);
    const leave = new AbortController();
    const asked = post('/v1/chat/completions', chat(long, { stream, n: 3 }), { signal: leave.signal });
    await until(() => model.active() === 3);
    leave.abort();
    await expect(asked).rejects.toThrow();
    await until(() => model.active() === 0 && log.length === 1);
    expect(log[0]).toMatch(/ 499 /);
    expect(model.requests.every(({ signal }) => signal!.aborted)).toBe(true);
  });

  it('connections may break at any moment', async () => {
    const model = fakeModel('fake', { delay: 1 });
    const { server, post, log } = await start(model);
    const body = JSON.stringify(chat('a'.repeat(20), { n: 4 }));
    const streamed = JSON.stringify(chat('a'.repeat(20), { n: 4, stream: true }));
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const text = i % 2 ? body : streamed;
        const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n`;
        const socket = connect(server.port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.write((head + text).slice(0, i % 3 ? undefined : 40 + 5 * i));
        await sleep(i);
        if (i % 4) socket.resetAndDestroy();
        else socket.destroy();
      }),
    );
    await until(() => model.active() === 0);
    expect((await post('/v1/chat/completions', chat('there'))).body.choices[0]!.message.content).toBe(
      'there',
    );
    expect(log.join('\n')).not.toMatch(/fault/);
    expect(log.some((line) => line.includes(' 499 '))).toBe(true);
  });

  it('a client that does not read is cut off, and nobody waits for it', async () => {
    const model = fakeModel('fake', { delay: 1 });
    const { server, post, log } = await start(model, { maxUnsentBytes: 2 ** 18 });
    const text = JSON.stringify(
      chat('\u{1f642}'.repeat(90), { n: 128, stream: true, logprobs: true, top_logprobs: 20 }),
    );
    const socket = connect(server.port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
    await until(() => model.active() === 128);
    expect((await post('/v1/chat/completions', chat('there'))).status).toBe(200);
    await until(() => log.some((line) => / 499 .* stream /.test(line)));
    expect(model.active()).toBe(0);
    socket.destroy();
  });

  it('a failing choice gives up the others of its request', async () => {
    const model = fakeModel('fake', { delay: 100 });
    const { post } = await start(model);
    const began = performance.now();
    expect(
      (await post('/v1/completions', { model: 'fake', prompt: [long, 'fail'], max_tokens: 90 })).status,
    ).toBe(500);
    expect(performance.now() - began).toBeLessThan(4000);
    expect(model.active()).toBe(0);
  });

  it('drains: what is under way ends well, what is new gets 503', async () => {
    const model = slow();
    const { post, url, server } = await start(model);
    const asked = post('/v1/chat/completions', chat('a'.repeat(30)));
    await until(() => model.active() === 1);
    let drained = false;
    const draining = server.drain().then(() => (drained = true));
    const refused = await post('/v1/chat/completions', chat('b'));
    expect([refused.status, refused.body.error.type]).toEqual([503, 'server_error']);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await fetch(`${url}/health`)).status).toBe(503);
    expect(drained).toBe(false);
    expect((await asked).body.choices[0]!.message.content).toBe('a'.repeat(30));
    await draining;
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it.each([
    ['half a head', 'POST /v1/completions HTTP/1.1\r\nHost: loc', ''],
    [
      'a head',
      'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n',
      '503',
    ],
    [
      'half a body',
      'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"model":',
      '503',
    ],
    [
      'half of chunks',
      'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n',
      '503',
    ],
    ['a request that was answered', 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n', '200'],
  ])('does not wait for who has sent %s', async (_, bytes, status) => {
    const { server } = await start();
    const found = raw(server, bytes);
    await sleep(100);
    const began = performance.now();
    expect(await server.drain()).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
    expect((await found).slice(9, 12)).toBe(status);
  });

  it.each([
    ['a long generation', { max_tokens: 90 }],
    ['a stream to a client that reads nothing', { max_tokens: 90, stream: true }],
  ])('cuts off %s when the time is up', async (_, fields) => {
    const model = slow();
    const { server } = await start(model, { shutdownTimeout: 0.2 });
    const body = JSON.stringify({ model: 'fake', prompt: long, ...fields });
    const socket = connect(server.port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until(() => model.active() === 1);
    const began = performance.now();
    expect(await server.drain()).toBe(1);
    expect(performance.now() - began).toBeLessThan(4000);
    await until(() => model.active() === 0);
    socket.destroy();
  });

  it('does not wait for an engine that does not hear', async () => {
    const deaf = fakeModel();
    const never = (): Promise<never> => new Promise(() => undefined);
    const model = { ...deaf, engine: { ...deaf.engine, generate: never } };
    const server = await startServer({ models: [model], shutdownTimeout: 0.1 });
    const asked = fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model":"fake","prompt":"a"}',
    });
    asked.catch(() => undefined);
    await until(() => server.underWay() === 1);
    await sleep(50);
    expect(await server.drain()).toBe(1);
    await expect(asked).rejects.toThrow();
  });

  it('close ends what is under way', async () => {
    const model = slow();
    const { post, server } = await start(model);
    const asked = post('/v1/chat/completions', chat(long));
    await until(() => model.active() === 1);
    const ended = expect(asked).rejects.toThrow();
    await server.close();
    await ended;
    expect(model.active()).toBe(0);
  });

  it('a port that is taken is refused in words', async () => {
    const { server } = await start();
    await expect(startServer({ models: [fakeModel()], port: server.port })).rejects.toThrow(
      /something else listens there/,
    );
  });
});
