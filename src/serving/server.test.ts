// The server over a model without weights: what requests get, what is refused and how, who may ask, disconnects,
// draining.
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { readJsonEvents } from '../openai/stream.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { fakeModel } from './fake-model.test-helper.ts';
import type { FakeModel } from './fake-model.test-helper.ts';
import { hostTest } from './access.ts';
import { startServer } from './server.ts';
import type { RunningServer, ServerOptions } from './server.ts';
import { tokenTexts } from './token-text.ts';

let running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  running = [];
});

/** Bodies and events, as far as tests look into them. */
interface Body {
  readonly object: string;
  readonly choices: readonly Choice[];
  readonly usage: object | null;
  readonly error: { readonly message: string; readonly type: string; readonly code: string | null };
  readonly data: readonly { readonly id: string }[];
}
interface Choice {
  readonly index: number;
  readonly text: string;
  readonly message: { readonly content: string };
  readonly delta: object;
  readonly finish_reason: string | null;
  readonly logprobs: Readonly<Record<string, readonly unknown[]>> | null;
}
interface Replied {
  readonly status: number;
  readonly body: Body;
  readonly headers: Headers;
}
interface Started {
  readonly url: string;
  readonly server: RunningServer;
  readonly log: string[];
  readonly post: (path: string, body: unknown, init?: RequestInit) => Promise<Replied>;
}

async function start(model: FakeModel = fakeModel(), options: Partial<ServerOptions> = {}): Promise<Started> {
  const log: string[] = [];
  const server = await startServer({ models: [model], log: (line) => void log.push(line), ...options });
  running.push(server);
  return {
    ...{ url: server.url, server, log },
    post: async (path, body, init = {}) => {
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
      });
      return { status: response.status, body: (await response.json()) as Body, headers: response.headers };
    },
  };
}
const chat = (content: string, more: object = {}): object => ({
  ...{ model: 'fake', messages: [{ role: 'user', content }], temperature: 0 },
  ...more,
});
/** The events of a stream; it has to end with "[DONE]". */
async function events(response: Response): Promise<Body[]> {
  const { values, done } = await readJsonEvents(response.body!);
  expect(done).toBe(true);
  return values as Body[];
}
const until = async (test: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !test(); i++) await sleep(5);
  expect(test()).toBe(true);
};

describe('completions', () => {
  it('answers a chat, with usage, and says why it ended', async () => {
    const { post, log } = await start();
    const { status, body, headers } = await post('/v1/chat/completions', chat('Höre 🙂'));
    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(body).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/) as string,
      object: 'chat.completion',
      created: expect.any(Number) as number,
      model: 'fake',
      system_fingerprint: 'fp_fake',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Höre 🙂', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 8, completion_tokens: 7, total_tokens: 15 },
    });
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/Z POST \/v1\/chat\/completions 200 model=fake prompt=8 completion=7 \d+ms$/);
    const cut = await post('/v1/chat/completions', chat('Listen', { max_tokens: 3 }));
    expect(cut.body.choices[0]).toMatchObject({ message: { content: 'Lis' }, finish_reason: 'length' });
    const stopped = await post('/v1/chat/completions', chat('Listen', { stop: ['x', 'st'] }));
    expect(stopped.body.choices[0]).toMatchObject({ message: { content: 'Li' }, finish_reason: 'stop' });
  });

  it('streams what it would have answered at once', async () => {
    const { url } = await start();
    const ask = async (body: object): Promise<Body[]> => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
      const response = await fetch(`${url}/v1/chat/completions`, { ...init, body: JSON.stringify(body) });
      expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      return events(response);
    };
    const all = await ask(
      chat('ab🙂', { stream: true, n: 2, logprobs: true, stream_options: { include_usage: true } }),
    );
    expect(all.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 5, completion_tokens: 8, total_tokens: 13 },
    });
    for (const index of [0, 1]) {
      const own = all.slice(0, -1).map(({ choices: [choice], usage, object }) => {
        expect([usage, object]).toEqual([null, 'chat.completion.chunk']);
        return choice!;
      });
      const mine = own.filter((choice) => choice.index === index);
      expect(mine.map(({ delta }) => delta)).toEqual([
        { role: 'assistant', content: '', refusal: null },
        { content: 'a' },
        { content: 'b' },
        { content: '🙂' },
        {},
      ]);
      expect(mine.map(({ finish_reason }) => finish_reason)).toEqual([null, null, null, null, 'stop']);
      expect(mine[3]!.logprobs!['content']).toMatchObject([{ token: '🙂', bytes: [240, 159, 153, 130] }]);
    }
    expect((await ask(chat('a', { stream: true }))).some((event) => 'usage' in event)).toBe(false);
  });

  it('continues texts and token lists, several at once, in the order of the prompts', async () => {
    const { post } = await start();
    const ask = async (more: object): Promise<Body> =>
      (await post('/v1/completions', { model: 'fake', temperature: 0, ...more })).body;
    const both = await ask({ prompt: ['ab', 'c'], n: 2, echo: true });
    expect(both.choices.map(({ text, index }) => [index, text])).toEqual([
      [0, 'abab'],
      [1, 'abab'],
      [2, 'cc'],
      [3, 'cc'],
    ]);
    expect(both.usage).toEqual({ prompt_tokens: 3, completion_tokens: 10, total_tokens: 13 });
    expect((await ask({ prompt: [97, 98] })).choices[0]!.text).toBe('ab');
    expect((await ask({ prompt: [[97], [98]] })).choices.map(({ text }) => text)).toEqual(['a', 'b']);
    const long = await ask({ prompt: 'abcdefghijklmnopqrstuvwxyz' });
    expect(long.choices[0]).toMatchObject({ text: 'abcdefghijklmnop', finish_reason: 'length' });
  });

  it('scores an echoed text: the lists run in parallel, the first token has nothing before it', async () => {
    const { post, url } = await start();
    const request = { model: 'fake', prompt: 'aé🙂', echo: true, logprobs: 2, max_tokens: 0 };
    const { body } = await post('/v1/completions', request);
    expect(body.choices[0]).toEqual({
      text: 'aé🙂',
      index: 0,
      finish_reason: 'length',
      logprobs: {
        tokens: ['a', 'é', '🙂'],
        token_logprobs: [null, -(0xe9 % 7), -(0x1f642 % 7)],
        top_logprobs: [null, { é: -(0xe9 % 7) }, { '🙂': -(0x1f642 % 7) }],
        text_offset: [0, 1, 2],
      },
    });
    const more = (await post('/v1/completions', { ...request, max_tokens: 2 })).body.choices[0]!;
    expect(more.text).toBe('aé🙂aé');
    expect(more.logprobs!['tokens']).toEqual(['a', 'é', '🙂', 'a', 'é']);
    expect(more.logprobs!['text_offset']).toEqual([0, 1, 2, 3, 4]);
    expect(more.logprobs!['top_logprobs']![3]).toEqual({ a: -6, b: 0, c: -1 });
    const streamed = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, max_tokens: 2, stream: true }),
    });
    const parts = await events(streamed);
    expect(parts.map(({ choices }) => choices[0]!.text).join('')).toBe('aé🙂aé');
    for (const list of ['tokens', 'token_logprobs', 'text_offset', 'top_logprobs'])
      expect(parts.flatMap(({ choices }) => choices[0]!.logprobs?.[list] ?? [])).toEqual(
        more.logprobs![list],
      );
  });

  it('log-probs of a chat name each token, its bytes, and the likeliest in its place', async () => {
    const { post } = await start();
    const { body } = await post('/v1/chat/completions', chat('é', { logprobs: true, top_logprobs: 1 }));
    expect(body.choices[0]!.logprobs).toEqual({
      content: [
        {
          token: 'é',
          logprob: -(0xe9 % 7),
          bytes: [195, 169],
          top_logprobs: [{ token: 'ê', logprob: -(0xea % 7), bytes: [195, 170] }],
        },
      ],
      refusal: null,
    });
  });

  it('passes on sampling, with a stream of random numbers for each choice', async () => {
    const model = fakeModel();
    const { post } = await start(model, { maxNewTokens: 50 });
    const sampling = { temperature: 0.5, top_p: 0.9, top_k: 7, repetition_penalty: 1.2, seed: 3, n: 2 };
    await post('/v1/chat/completions', chat('a', sampling));
    await post('/v1/chat/completions', chat('a', sampling));
    await post('/v1/chat/completions', chat('a', { temperature: null, seed: null, top_k: -1 }));
    await post(
      '/v1/chat/completions',
      chat('a', { frequency_penalty: 0, logit_bias: {}, tools: [], user: 'me' }),
    );
    const seen = model.requests.map((request) => request.sampling);
    expect(seen[0]).toMatchObject({ temperature: 0.5, topP: 0.9, topK: 7, repetitionPenalty: 1.2 });
    expect(seen[0]!.maxNewTokens).toBe(50);
    expect(seen[0]!.seed).not.toBe(seen[1]!.seed);
    expect([seen[2]!.seed, seen[3]!.seed]).toEqual([seen[0]!.seed, seen[1]!.seed]);
    expect(seen[4]).toMatchObject({ temperature: 1, topK: 0 });
    expect(seen).toHaveLength(6);
  });

  it('turns a conversation into instructions, each answer closed by the end token', async () => {
    const model = fakeModel();
    const { post } = await start(model);
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'One?' }] },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'Two?' },
    ];
    await post('/v1/chat/completions', { model: 'fake', messages });
    const prompt = String.fromCodePoint(...model.requests[0]!.prompt);
    expect(prompt).toBe('<Be brief.\n\nOne?>Yes.\0<Two?>');
  });
});

describe('when a response ends', () => {
  it.each([
    ['at the end token', {}, 'ab', 'stop', 3],
    ['not at the end token', { ignore_eos: true, max_tokens: 7 }, 'ababa', 'length', 7],
    ['at another token', { stop_token_ids: [98] }, 'a', 'stop', 2],
    [
      'at another token, which is told',
      { stop_token_ids: [98], include_stop_str_in_output: true },
      'ab',
      'stop',
      2,
    ],
    ['at another token only', { ignore_eos: true, stop_token_ids: [98] }, 'a', 'stop', 2],
    ['not before so many tokens', { min_tokens: 5, max_tokens: 9 }, 'ababab', 'stop', 7],
    ['at a stop string', { stop: 'b' }, 'a', 'stop', 2],
    ['at a stop string, which is told', { stop: 'b', include_stop_str_in_output: true }, 'ab', 'stop', 2],
    [
      'not at a stop string that comes too early',
      { stop: 'b', min_tokens: 2, max_tokens: 9, ignore_eos: true },
      'aba',
      'stop',
      5,
    ],
    [
      'with its special tokens',
      { skip_special_tokens: false, ignore_eos: true, max_tokens: 4 },
      'ab</s>a',
      'length',
      4,
    ],
  ])('%s', async (_, fields, text, reason, tokens) => {
    const { post, url } = await start();
    const limit = 'max_tokens' in fields ? {} : { max_tokens: 5 };
    const body = { model: 'fake', prompt: 'ab', ...limit, ...fields };
    const { status, body: found } = await post('/v1/completions', body);
    expect(status).toBe(200);
    expect(found.choices[0]).toMatchObject({ text, finish_reason: reason });
    expect(found.usage).toMatchObject({ completion_tokens: tokens });
    const streamed = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: true }),
    });
    const told = await events(streamed);
    expect(told.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe(found.choices[0]!.text);
  });

  it('hands sampling on to the engine as it was asked', async () => {
    const model = fakeModel();
    const { post } = await start(model);
    await post('/v1/completions', {
      ...{ model: 'fake', prompt: 'a', min_p: 0.1, frequency_penalty: 0.5, presence_penalty: -1 },
      ...{ logit_bias: { 5: -100, 6: 1.5 }, min_tokens: 1 },
    });
    expect(model.requests[0]!.sampling).toMatchObject({
      ...{ minP: 0.1, frequencyPenalty: 0.5, presencePenalty: -1, minTokens: 1 },
      logitBias: new Map([
        [5, -100],
        [6, 1.5],
      ]),
    });
  });
});

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
function raw(server: RunningServer, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => (text += data.toString())).on('close', () => resolve(text));
  });
}

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
    const model = slow();
    const { post } = await start(model);
    const began = performance.now();
    expect(
      (await post('/v1/completions', { model: 'fake', prompt: [long, 'fail'], max_tokens: 90 })).status,
    ).toBe(500);
    expect(performance.now() - began).toBeLessThan(500);
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
    expect(performance.now() - began).toBeLessThan(1500);
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

it('lists models, and tells of one', async () => {
  const other = { ...fakeModel('my run'), parent: 'fake' };
  const { url } = await start(fakeModel(), { models: [other, fakeModel()] });
  const list = (await (await fetch(`${url}/v1/models`)).json()) as Body;
  expect(list.data.map(({ id }) => id)).toEqual(['my run', 'fake']);
  const one = (await (await fetch(`${url}/v1/models/my%20run`)).json()) as Body;
  expect(one).toMatchObject({ id: 'my run', object: 'model', owned_by: 'whetstone', parent: 'fake' });
  expect((await fetch(`${url}/v1/models/none`)).status).toBe(404);
});
