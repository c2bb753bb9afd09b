// What requests to the server get, over a model without weights.
import { describe, expect, it } from 'vitest';
import { fakeModel } from './fake-model.test-helper.ts';
import { chat, events, ownServers } from './own-servers.test-helper.ts';
import type { Body } from './own-servers.test-helper.ts';

const start = ownServers();

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

it('lists models, and tells of one', async () => {
  const other = { ...fakeModel('my run'), parent: 'fake' };
  const { url } = await start(fakeModel(), { models: [other, fakeModel()] });
  const list = (await (await fetch(`${url}/v1/models`)).json()) as Body;
  expect(list.data.map(({ id }) => id)).toEqual(['my run', 'fake']);
  const one = (await (await fetch(`${url}/v1/models/my%20run`)).json()) as Body;
  expect(one).toMatchObject({ id: 'my run', object: 'model', owned_by: 'whetstone', parent: 'fake' });
  expect((await fetch(`${url}/v1/models/none`)).status).toBe(404);
});
