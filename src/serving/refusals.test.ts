// What the server refuses, and how: fields, bodies, what is no good HTTP.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import { chat, ownServers, raw } from './own-servers.test-helper.ts';
import type { Body } from './own-servers.test-helper.ts';
import { tokenTexts } from './token-text.ts';

const start = ownServers();

describe('what is refused', () => {
  const cases: [string, string, object, number, string | null, string | null][] = [
    ['an unknown model', 'chat', { model: 'gpt' }, 404, 'model', 'model_not_found'],
    ['no model', 'chat', { model: null }, 400, 'model', 'missing_required_parameter'],
    ['no messages', 'chat', { messages: null }, 400, 'messages', 'missing_required_parameter'],
    ['empty messages', 'chat', { messages: [] }, 400, 'messages', 'empty_array'],
    [
      'an unknown role',
      'chat',
      { messages: [{ role: 'tool', content: 'x' }] },
      400,
      'messages[0].role',
      'invalid_value',
    ],
    ['no content', 'chat', { messages: [{ role: 'user' }] }, 400, 'messages[0].content', 'invalid_type'],
    [
      'an image',
      'chat',
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      ...[400, 'messages[0].content[0].type', 'invalid_value'],
    ] as never,
    ['half a character', 'chat', { messages: [{ role: 'user', content: '\ud83d' }] }, 400, 'messages', null],
    [
      "an answer of the assistant's last",
      'chat',
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
      ...[400, 'messages[1].role', null],
    ] as never,
    ['heat', 'chat', { temperature: 2.5 }, 400, 'temperature', 'decimal_above_max_value'],
    ['text for a number', 'chat', { top_p: 'x' }, 400, 'top_p', 'invalid_type'],
    ['too many choices', 'chat', { n: 129 }, 400, 'n', 'integer_above_max_value'],
    ['half a token', 'chat', { max_tokens: 1.5 }, 400, 'max_tokens', 'invalid_type'],
    [
      'no token',
      'chat',
      { max_completion_tokens: 0 },
      400,
      'max_completion_tokens',
      'integer_below_min_value',
    ],
    ['two limits', 'chat', { max_tokens: 1, max_completion_tokens: 1 }, 400, 'max_tokens', null],
    ['more than the server gives', 'chat', { max_tokens: 101 }, 400, 'max_tokens', 'invalid_value'],
    ['five stop strings', 'chat', { stop: ['a', 'b', 'c', 'd', 'e'] }, 400, 'stop', 'array_above_max_length'],
    ['an empty stop string', 'chat', { stop: '' }, 400, 'stop', 'invalid_value'],
    ['top without logprobs', 'chat', { top_logprobs: 2 }, 400, 'top_logprobs', null],
    [
      'too many top',
      'chat',
      { logprobs: true, top_logprobs: 21 },
      400,
      'top_logprobs',
      'integer_above_max_value',
    ],
    ['stream options alone', 'chat', { stream_options: {} }, 400, 'stream_options', null],
    [
      'a heavy penalty',
      'chat',
      { frequency_penalty: 2.5 },
      400,
      'frequency_penalty',
      'decimal_above_max_value',
    ],
    ...[1e-308, 5e-324, 0, 1e-3, -1, 101, 1e308].map(
      (penalty): (typeof cases)[number] =>
        [
          `a penalty for repetition of ${penalty}`,
          'text',
          { repetition_penalty: penalty },
          ...[400, 'repetition_penalty'],
          ...[penalty > 1 ? 'decimal_above_max_value' : 'decimal_below_min_value'],
        ] as never,
    ),
    ['a bias for no token', 'chat', { logit_bias: { x: 1 } }, 400, 'logit_bias', 'invalid_value'],
    [
      'a bias beyond the vocabulary',
      'chat',
      { logit_bias: { 1114112: 1 } },
      400,
      'logit_bias',
      'invalid_value',
    ],
    ['a bias without bounds', 'chat', { logit_bias: { 5: 101 } }, 400, 'logit_bias', 'invalid_value'],
    ['min_p above 1', 'text', { min_p: 1.1 }, 400, 'min_p', 'decimal_above_max_value'],
    ['more tokens than there may be', 'text', { min_tokens: 17 }, 400, 'min_tokens', 'invalid_value'],
    ['stop tokens that are none', 'text', { stop_token_ids: [1.5] }, 400, 'stop_token_ids', 'invalid_value'],
    ['a long stop string', 'chat', { stop: 'x'.repeat(1001) }, 400, 'stop', 'invalid_value'],
    ['an unknown field', 'chat', { temprature: 1 }, 400, 'temprature', 'unknown_parameter'],
    ['a field of the other kind', 'text', { messages: [] }, 400, 'messages', 'unknown_parameter'],
    ['a grammar', 'text', { guided_json: {} }, 400, 'guided_json', 'unsupported_value'],
    [
      ...['an unknown field of a message', 'chat'],
      { messages: [{ role: 'user', content: 'a', reasoning_content: 'b' }] },
      ...[400, 'messages[0].reasoning_content', 'unknown_parameter'],
    ] as never,
    [
      ...['two openings', 'chat'],
      { add_generation_prompt: true, continue_final_message: true },
      ...[400, 'continue_final_message', null],
    ] as never,
    ['tools', 'chat', { tools: [{}] }, 400, 'tools', 'unsupported_value'],
    [
      'JSON mode',
      'chat',
      { response_format: { type: 'json_object' } },
      400,
      'response_format',
      'unsupported_value',
    ],
    [
      'a prompt too long',
      'chat',
      { messages: [{ role: 'user', content: 'x'.repeat(198) }] },
      ...[400, 'messages', 'context_length_exceeded'],
    ] as never,
    ['a suffix', 'text', { suffix: 'x' }, 400, 'suffix', 'unsupported_value'],
    ['best_of', 'text', { best_of: 2 }, 400, 'best_of', 'unsupported_value'],
    ['six log-probs', 'text', { logprobs: 6 }, 400, 'logprobs', 'integer_above_max_value'],
    ['too many texts', 'text', { prompt: Array(20).fill('a'), n: 128 }, 400, 'prompt', 'invalid_value'],
    ['a mixed prompt', 'text', { prompt: ['a', 1] }, 400, 'prompt', 'invalid_type'],
    ['an empty list', 'text', { prompt: [] }, 400, 'prompt', 'invalid_value'],
    ['unknown tokens', 'text', { prompt: [-1] }, 400, 'prompt', 'invalid_value'],
    [
      'prompt and response too long',
      'text',
      { prompt: 'x'.repeat(150), max_tokens: 51 },
      400,
      'prompt',
      'context_length_exceeded',
    ],
  ];
  it.each(cases)('%s', async (_, kind, fields, status, param, code) => {
    const { post, log } = await start(fakeModel(), { maxNewTokens: 100 });
    const [path, body] =
      kind === 'chat'
        ? ['/v1/chat/completions', chat('hello', fields)]
        : ['/v1/completions', { model: 'fake', prompt: 'hello', ...fields }];
    const found = await post(path, body);
    expect(found.status).toBe(status);
    expect(found.body).toEqual({
      error: {
        message: expect.stringMatching(/.{10}/) as string,
        type: 'invalid_request_error',
        param,
        code,
      },
    });
    expect(log.join()).not.toMatch(/fault/);
    // A stream is refused in the same way, before it begins.
    if (!('stream_options' in fields))
      expect((await post(path, { ...body, stream: true })).status).toBe(status);
  });

  it('what is no JSON object, too large, or of another type', async () => {
    const { post, url } = await start(fakeModel(), { maxBodyBytes: 1000 });
    const path = '/v1/chat/completions';
    expect((await post(path, '{"model": ')).body.error.message).toMatch(/could not parse the JSON body/);
    expect((await post(path, '[]')).body.error.message).toMatch(/must be a JSON object/);
    expect((await post(path, '', { body: Buffer.from([0xff]) })).status).toBe(400);
    const large = await post(path, 'x'.repeat(1001));
    expect([large.status, large.body.error.code]).toEqual([413, 'request_too_large']);
    // Without a length in its header.
    const chunks = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 50; i++) controller.enqueue(new Uint8Array(100));
        controller.close();
      },
    });
    const sent = await post(path, '', { body: chunks, duplex: 'half' });
    expect(sent.status).toBe(413);
    const plain = await post(path, chat('x'), { headers: { 'content-type': 'text/plain' } });
    expect(plain.status).toBe(415);
    expect((await post('/v1/completion', {})).status).toBe(404);
    const wrong = await fetch(`${url}/v1/completions`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await post(path, chat('still there'))).status).toBe(200);
  });

  it('a fault of its own: no inner words to the client, all of them in the log', async () => {
    const { post, log, url } = await start();
    const { status, body } = await post('/v1/chat/completions', chat('fail'));
    expect([status, body.error.type]).toEqual([500, 'server_error']);
    expect(JSON.stringify(body)).not.toContain('broken');
    expect(log[0]).toMatch(/fault Error: the engine is broken/);
    const streamed = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chat('fail', { stream: true })),
    });
    const last = (await streamed.text()).split('\n\n').at(-2)!.slice(6);
    expect((JSON.parse(last) as Body).error.type).toBe('server_error');
  });
});

describe('bodies that are far too much', () => {
  const fill = (part: string): string => part.repeat(4e6 / Buffer.byteLength(part));
  const list = <T>(value: T, length: number): T[] => new Array<T>(length).fill(value);
  const user = (content: unknown): object => ({ model: 'fake', messages: [{ role: 'user', content }] });
  const kinds: readonly [string, string, object][] = [
    ['short words', 'completions', { model: 'fake', prompt: fill('to be or ') }],
    ['emoji', 'completions', { model: 'fake', prompt: fill('🙂') }],
    ['white space', 'completions', { model: 'fake', prompt: fill(' ') }],
    ['a chat', 'chat/completions', user(fill('a bc '))],
    ['parts of a message', 'chat/completions', user(list({ type: 'text', text: 'x y' }, 1e5))],
    ['messages', 'chat/completions', { model: 'fake', messages: list({ role: 'user', content: 'a' }, 5e4) }],
    ['token ids', 'completions', { model: 'fake', prompt: list(100, 1e6) }],
    ['texts', 'completions', { model: 'fake', prompt: list('a', 1e6) }],
    ['stop strings', 'completions', { model: 'fake', prompt: 'a', stop: list('a', 1e6) }],
    [
      'biases',
      'completions',
      { model: 'fake', logit_bias: Object.fromEntries(list(0, 2e5).map((_, i) => [i, 1])) },
    ],
  ];
  const nested = (open: string, close: string): string =>
    `{"model":"fake","prompt":${open.repeat(5e5)}1${close.repeat(5e5)}}`;

  it.each([
    ...kinds.map(([name, path, body]) => [name, path, JSON.stringify(body)] as const),
    ['lists in lists', 'completions', nested('[', ']')] as const,
    ['objects in objects', 'completions', nested('{"a":', '}')] as const,
  ])('%s: refused, while others are answered', async (_, path, body) => {
    const tokenizer = await loadTokenizer(fileURLToPath(new URL('../../models/world-64', import.meta.url)));
    const { post, url } = await start({
      ...fakeModel(),
      tokenizer,
      vocabSize: 1097,
      textOf: tokenTexts(tokenizer),
    });
    const began = performance.now();
    const sent = list(0, 8).map(() => post(`/v1/${path}`, body));
    let over = false;
    let slowest = 0;
    const watching = (async () => {
      while (!over) {
        const asked = performance.now();
        expect((await fetch(`${url}/health`)).status).toBe(200);
        slowest = Math.max(slowest, performance.now() - asked);
        await sleep(10);
      }
    })();
    const honest = post('/v1/completions', { model: 'fake', prompt: 'Hello', max_tokens: 1 });
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    expect((await honest).status).toBe(200);
    over = true;
    await watching;
    expect(new Set(statuses)).toEqual(new Set([400]));
    // This process sends them as well; bench/overload.bench.ts measures the server alone.
    expect(slowest).toBeLessThan(5000);
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});

describe('what is no good HTTP', () => {
  const post = 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  it.each([
    ['garbage', '\u{0}\u{1}\u{2}nonsense\r\n\r\n', 400],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 400],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['two lengths', `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`, 400],
    ['a length and chunks', `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a length that is none', `${post}Content-Length: -1\r\n\r\n`, 400],
    ['a folded header', `${post}X: a\r\n b\r\nContent-Length: zero\r\n\r\n`, 400],
    ['a head without end', `${post}X: ${'x'.repeat(20_000)}`, 431],
    ['a flood of headers', post + 'X-Some: header\r\n'.repeat(5000), 431],
  ])('%s: refused in the shape of the API', async (_, bytes, status) => {
    const { server, url, log } = await start();
    const found = await raw(server, bytes);
    expect(found).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (!bytes.startsWith('GET'))
      expect(JSON.parse(found.split('\r\n\r\n')[1]!)).toHaveProperty('error.message');
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(log.join()).not.toMatch(/fault/);
  });

  it.each([
    ['chunks without a size', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['a chunk longer than it says', `${post}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`],
  ])('%s: the connection is closed, and nothing else suffers', async (_, bytes) => {
    const { server, url, log } = await start();
    await raw(server, bytes);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(log.join()).not.toMatch(/fault/);
  });
});
