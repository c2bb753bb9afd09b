// Random requests over HTTP: bodies, fields, headers and raw bytes. Whatever comes, the server answers in time, never
// with a fault of its own, and goes on. The seed and the number of inputs are fixed; WHETSTONE_FUZZ multiplies them.
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { conversationTemplate, loadTemplate } from '../tokens/index.ts';
import { byteLevel, load } from '../tokens/test-tokenizers.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import { chatFields, completionFields } from './request-fields.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './connections.ts';
import { tokenTexts } from './token-text.ts';

const factor = Number(process.env['WHETSTONE_FUZZ'] ?? 1);
const [bodies, heads] = [600 * factor, 300 * factor];
/** Processor time of this process that a request may take, in seconds: a busy machine makes nothing slower by this clock. */
const secondsARequest = 2;
/** Milliseconds by the clock on the wall after which a request hangs. */
const patience = 10_000;

let server: RunningServer;
const log: string[] = [];
const statuses = new Map<string, number>();
beforeAll(async () => {
  const tokenizer = await loadTokenizer(fileURLToPath(new URL('../../models/world-64', import.meta.url)));
  const model = { ...fakeModel('fake'), tokenizer, vocabSize: 1097, textOf: tokenTexts(tokenizer) };
  const source =
    '{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}{{ eos_token }}{% endfor %}' +
    '{% if tone is defined %}{{ tone }}{% endif %}{% if add_generation_prompt %}[assistant] {% endif %}';
  const byBytes = await load(byteLevel(undefined, { chat_template: source }));
  const chat = {
    ...{ ...fakeModel('chat'), tokenizer: byBytes, vocabSize: 420, textOf: tokenTexts(byBytes) },
    template: await loadTemplate('chat', byBytes),
    renderChat: conversationTemplate(byBytes, () => new Date(0)),
  };
  server = await startServer({ models: [model, chat], log: (line) => void log.push(line) });
});
afterAll(() => server.close());

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('', 'hello', '</s>', '\u{0}', '\ud83d', 'x'.repeat(3000), '__proto__', '1e999', '🙂'),
);
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, 1, -1, 0.5, 1e-308, 5e-324, 1e308, 2 ** 53, -(2 ** 63), 16, 1096, 1097),
);
const leaf = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const json = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 6 }),
  fc.dictionary(text, leaf, { maxKeys: 4 }),
  fc.jsonValue({ maxDepth: 4 }),
);
const message = fc.record(
  {
    role: fc.oneof(fc.constantFrom('user', 'assistant', 'system', 'developer'), json),
    content: fc.oneof(text, fc.array(fc.record({ type: fc.constant('text'), text })), json),
    name: json,
    tool_calls: json,
  },
  { requiredKeys: [] },
);
/** Values that fit a field's name often enough to come through to the engine. */
const fitting: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  messages: fc.array(message, { maxLength: 5 }),
  prompt: fc.oneof(text, fc.array(text, { maxLength: 4 }), fc.array(fc.nat(1200), { maxLength: 9 })),
  logit_bias: fc.dictionary(fc.nat(1200).map(String), fc.double({ min: -101, max: 101 })),
  stop: fc.oneof(text, fc.array(text, { maxLength: 5 })),
  stop_token_ids: fc.array(fc.nat(1200), { maxLength: 4 }),
  stream_options: fc.dictionary(fc.constantFrom('include_usage', 'other'), fc.boolean()),
  chat_template_kwargs: fc.dictionary(text, json),
};
const switches = ['stream', 'echo', 'ignore_eos', 'include_stop_str_in_output', 'skip_special_tokens'];
const valueOf = (name: string): fc.Arbitrary<unknown> => {
  const often = fitting[name] ?? (switches.includes(name) ? fc.boolean() : number);
  return fc.oneof({ weight: 4, arbitrary: often }, { weight: 1, arbitrary: json });
};
const request = (names: readonly string[], first: string): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .tuple(fc.subarray([...names], { maxLength: 6 }), text, json, fc.boolean())
    .chain(([chosen, name, value, isOdd]) =>
      fc.record({
        model: fc.constantFrom('fake', 'chat'),
        max_tokens: fc.constant(5),
        [first]: valueOf(first),
        ...Object.fromEntries(chosen.map((each) => [each, valueOf(each)])),
        ...(isOdd && name === '' ? { [name]: fc.constant(value) } : {}),
      }),
    );
const typedBodies = fc.oneof(
  request(Object.keys(chatFields), 'messages').map(
    (body) => ['chat/completions', JSON.stringify(body)] as const,
  ),
  request(Object.keys(completionFields), 'prompt').map(
    (body) => ['completions', JSON.stringify(body)] as const,
  ),
);
const brokenBodies = fc
  .tuple(typedBodies, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }))
  .map(([[path, body], at, extra]) => {
    const place = at % (body.length + 1);
    return [path, body.slice(0, place) + extra + body.slice(place + 1)] as const;
  });

async function post(path: string, body: string): Promise<void> {
  const begun = process.cpuUsage();
  const response = await fetch(`${server.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(patience),
  });
  const found = await response.text();
  statuses.set(String(response.status), (statuses.get(String(response.status)) ?? 0) + 1);
  expectSoon(begun);
  expect([200, 400, 404, 413]).toContain(response.status);
  if (response.status === 200) expect(found).not.toContain('server_error');
  else
    expect(JSON.parse(found)).toMatchObject({
      error: { message: expect.stringMatching(/./) as string, type: 'invalid_request_error' },
    });
}

it(`answers ${bodies} bodies, well made and broken, and never with a fault`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: typedBodies }, brokenBodies), ([path, body]) =>
      post(path, body),
    ),
    { seed: 7, numRuns: bodies, endOnFailure: true },
  );
  expect(log.filter((line) => line.includes('fault'))).toEqual([]);
  expect([...statuses.values()].reduce((a, b) => a + b)).toBe(bodies);
  // Neither all refused nor all let through.
  expect(statuses.get('200') ?? 0).toBeGreaterThan(bodies / 50);
  expect(statuses.get('400') ?? 0).toBeGreaterThan(bodies / 4);
}, 300_000);

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.'), minLength: 1, maxLength: 12 });
const head = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'get', ''),
    fc.constantFrom(
      ...['/', '/health', '/v1/models', '/v1/models/fake', '/v1/models/%ff', '/v1/completions', '*', '//'],
      ...[
        '/v1/chat/completions?x=1',
        '/../etc/passwd',
        'http://evil.example/health',
        '/v1/models/' + 'a'.repeat(5000),
      ],
    ),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', ''),
    fc.array(
      fc.oneof(
        fc.tuple(token, fc.string({ maxLength: 20 })).map(([name, value]) => `${name}: ${value}`),
        fc.constantFrom(
          ...['Host: localhost', 'Host: evil.example', 'Content-Type: application/json', 'Content-Length: 2'],
          ...[
            'Content-Length: 99',
            'Content-Length: -1',
            'Transfer-Encoding: chunked',
            'Expect: 100-continue',
          ],
          ...[
            'Transfer-Encoding: gzip, chunked',
            'Connection: Upgrade',
            'Upgrade: websocket',
            'Content-Encoding: br',
          ],
          ...['Origin: http://evil.example', 'Authorization: Bearer x', 'Connection: close', ' folded'],
        ),
      ),
      { maxLength: 7 },
    ),
    fc.oneof(
      fc.constantFrom('{}', '2\r\n{}\r\n0\r\n\r\n', 'zz\r\n', ''),
      fc.string({ unit: 'binary', maxLength: 40 }),
    ),
  )
  .map(
    ([method, path, version, lines, body]) =>
      `${method} ${path} ${version}\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
  );

function expectSoon(begun: NodeJS.CpuUsage): void {
  const { user, system } = process.cpuUsage(begun);
  expect((user + system) / 1e6, 'seconds of processor time').toBeLessThan(secondsARequest);
}

/** Sends bytes, then its end; resolves with what came back until the connection was closed. */
const raw = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.end(bytes));
    let found = '';
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end to ${JSON.stringify(bytes)}; so far ${JSON.stringify(found)}`));
    }, patience);
    socket.on('error', () => undefined);
    socket.on('data', (part) => (found += part.toString()));
    socket.on('close', () => {
      clearTimeout(late);
      resolve(found);
    });
  });

it(`lives through ${heads} heads of requests that no client sends`, async () => {
  await fc.assert(
    fc.asyncProperty(head, async (bytes) => {
      const begun = process.cpuUsage();
      const found = await raw(bytes);
      expectSoon(begun);
      expect(found).not.toMatch(/^HTTP\/1\.1 5/);
    }),
    { seed: 8, numRuns: heads, endOnFailure: true },
  );
  expect(log.filter((line) => line.includes('fault'))).toEqual([]);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect(server.underWay()).toBe(0);
}, 300_000);
