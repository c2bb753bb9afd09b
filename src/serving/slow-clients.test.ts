// Clients that take their time, on purpose or not: each is given up, nobody else waits for them, and nothing of theirs stays.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { fakeModel } from './fake-model.test-helper.ts';
import type { FakeModel } from './fake-model.test-helper.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './connections.ts';

const patience = {
  ...{ headersTimeout: 300, requestTimeout: 600, keepAliveTimeout: 200 },
  connectionsCheckingInterval: 20,
};
let server: RunningServer;
const log: string[] = [];
beforeAll(async () => {
  server = await startServer({ models: [fakeModel()], patience, log: (line) => void log.push(line) });
});
afterAll(() => server.close());

/** Sends `at once`, then the rest byte by byte without end; resolves with what came until the server closed, and after how long. */
function trickle(atOnce: string, rest = ''): Promise<{ found: string; milliseconds: number }> {
  return new Promise((resolve) => {
    const began = performance.now();
    let found = '';
    let sent = 0;
    const socket = connect(server.port, '127.0.0.1', () => atOnce && socket.write(atOnce));
    const drip = setInterval(() => rest && socket.write(rest[sent++ % rest.length]!), 25);
    socket.on('error', () => undefined);
    socket.on('data', (part) => (found += part.toString()));
    socket.on('close', () => {
      clearInterval(drip);
      resolve({ found, milliseconds: performance.now() - began });
    });
  });
}

const post = 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';

it.each<[string, string, string, RegExp, number]>([
  ['says nothing', '', '', /^$|^HTTP\/1\.1 408 /, patience.headersTimeout],
  [
    'sends its head byte by byte',
    'GET /health HTTP/1.1\r\n',
    'x-a: b\r\n',
    /^HTTP\/1\.1 408 /,
    patience.headersTimeout,
  ],
  ['never ends its head', `${post}x-a: `, 'b', /^HTTP\/1\.1 408 /, patience.headersTimeout],
  [
    'sends its body byte by byte',
    `${post}Content-Length: 100000\r\n\r\n{`,
    ' ',
    /^$/,
    patience.requestTimeout,
  ],
  [
    'never ends its chunks',
    `${post}Transfer-Encoding: chunked\r\n\r\n`,
    '1\r\n \r\n',
    /^$/,
    patience.requestTimeout,
  ],
  [
    'asks nothing more',
    'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
    '',
    /^HTTP\/1\.1 200 /,
    patience.keepAliveTimeout,
  ],
])('one that %s is given up', async (_, atOnce, rest, answer, least) => {
  const { found, milliseconds } = await trickle(atOnce, rest);
  expect(found).toMatch(answer);
  expect(milliseconds).toBeGreaterThan(0.9 * least);
  await vi.waitFor(() => expect(server.underWay()).toBe(0));
});

it('many of them keep nobody else waiting', async () => {
  const kinds: readonly (readonly [string, string])[] = [
    ['GET / HTTP/1.1\r\n', 'x: y\r\n'],
    [`${post}Content-Length: 99999\r\n\r\n`, '{'],
  ];
  const slow = Array.from({ length: 200 }, (_, i) => trickle(kinds[i % 2]![0], kinds[i % 2]![1]));
  await sleep(100);
  const asked = Array.from({ length: 5 }, async () => (await fetch(`${server.url}/health`)).status);
  expect(await Promise.all(asked)).toEqual([200, 200, 200, 200, 200]);
  await Promise.all(slow);
  await vi.waitFor(() => expect(server.underWay()).toBe(0));
  expect(log.filter((line) => line.includes('fault'))).toEqual([]);
});

it('an answer that takes longer than a request may is not cut off', async () => {
  const model: FakeModel = fakeModel('slow', { delay: 40 });
  const patient = await startServer({ models: [model], patience });
  try {
    const response = await fetch(`${patient.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'slow', prompt: 'a'.repeat(90), max_tokens: 25 }),
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ object: 'text_completion' });
  } finally {
    await patient.close();
  }
});
