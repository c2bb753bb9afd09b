// What a chat server can do wrong, done by a real one on loopback.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ask, hurriedClock, row, rows } from './ask.ts';
import { apiError, completion, json, startChatServer } from './chat-server.ts';
import type { ChatServer, Script } from './chat-server.ts';

let server: ChatServer | null = null;
let folder: string | null = null;
afterEach(async () => {
  await server?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
  server = folder = null;
});
const start = async (script: Script, port?: number): Promise<string> =>
  (server = await startChatServer(script, port)).url;
const temporary = async (): Promise<string> => (folder = await mkdtemp(join(tmpdir(), 'whetstone-judges-')));

const judged = { r0: { id: 'r0', judgment: 'It is wrong.' } };
const fine: Script = (_, response) => json(response, 200, completion('It is wrong.'));
/** `faults` for the first requests, one each, then a good answer. */
const after =
  (...faults: Script[]): Script =>
  (request, response, index) =>
    (faults[index] ?? fine)(request, response, index);

describe('what passes is tried again', () => {
  const faults: readonly [string, Script][] = [
    ['429 without Retry-After', (_, r) => json(r, 429, apiError('Too many requests'))],
    ['500', (_, r) => json(r, 500, apiError('Boom'))],
    [
      '503 with a page',
      (_, r) => void r.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Away</h1>'),
    ],
    ['408', (_, r) => json(r, 408, apiError('Too slow'))],
    ['a cut connection before any answer', (_, r) => void r.destroy()],
    [
      'a connection cut in the middle of the body',
      (_, r) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
        r.write('{"choices": [', () => r.destroy());
      },
    ],
    [
      'half-written JSON',
      (_, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{"choices": [{'),
    ],
    ['an empty body', (_, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end()],
    ['JSON that is no completion', (_, r) => json(r, 200, { hello: 'there' })],
    ['content that is a number', (_, r) => json(r, 200, completion(7))],
    [
      'a wrong content type',
      (_, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in first'),
    ],
    [
      'JSON called plain text',
      (_, r) => void r.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(completion('x'))),
    ],
    ['an error inside a 200', (_, r) => json(r, 200, { error: { message: 'Upstream is away', code: 502 } })],
  ];
  it.each(faults)('%s', async (_, fault) => {
    const url = await start(after(fault));
    const { outcomes, usage, error } = await ask(url, rows(1));
    expect([outcomes, error]).toEqual([judged, null]);
    expect(usage.calls).toBe(2);
  });

  it('a slow answer, and a slow body', async () => {
    const url = await start(
      after(
        () => {},
        (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"cho'),
      ),
    );
    const { outcomes, notes, usage } = await ask(url, rows(1), { timeout: 0.4, bodyTimeout: 0.4 });
    expect(outcomes).toEqual(judged);
    expect(usage.calls).toBe(3);
    expect(notes).toEqual([
      expect.stringMatching(/^no answer within 0\.4 s; again in /),
      expect.stringMatching(/^the answer did not end within 0\.4 s; again in /),
    ]);
  });

  it('a huge body, which is not read to its end', async () => {
    let sent = 0;
    const url = await start(
      after((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const piece = Buffer.alloc(1 << 20, ' ');
        const more = (): void => {
          if (response.destroyed || sent > 64) return;
          sent++;
          response.write(piece, more);
        };
        more();
      }),
    );
    const { outcomes, usage } = await ask(url, rows(1), { inputPrice: 1, outputPrice: 1 });
    expect(outcomes['r0']).toMatchObject({
      unscored: expect.stringContaining('larger than 4 MiB') as string,
    });
    expect(sent).toBeLessThan(64);
    // It would be as large, and be paid, the next time.
    expect(usage.calls).toBe(1);
    expect(usage.cost).toBeGreaterThan(0);
  });

  it('a storm of 429 over many rows, with waits that grow and stay apart', async () => {
    const clock = hurriedClock();
    const refusals = new Map<string, number>();
    const url = await start((request, response) => {
      const before = refusals.get(request.text) ?? 0;
      refusals.set(request.text, before + 1);
      if (before < 3) json(response, 429, apiError('Rate limit reached'));
      else json(response, 200, completion('It is wrong.'));
    });
    const { outcomes, usage, notes } = await ask(url, rows(20), { clock });
    expect(Object.keys(outcomes)).toHaveLength(20);
    expect(usage.calls).toBe(80);
    expect(clock.sleeps).toHaveLength(60);
    expect(Math.max(...clock.sleeps)).toBeLessThan(4000);
    expect(Math.max(...clock.sleeps)).toBeGreaterThan(2000);
    expect(new Set(clock.sleeps).size).toBe(60);
    expect(notes[0]).toMatch(/^429: Rate limit reached; again in /);
    expect(notes.length).toBeLessThan(60);
  });

  it.each<[string, (now: number) => Record<string, string>, number]>([
    ['seconds', () => ({ 'retry-after': '70' }), 70_000],
    ['milliseconds', () => ({ 'retry-after-ms': '25000', 'retry-after': '600' }), 25_000],
    ['a date', (now) => ({ 'retry-after': new Date(now + 300_000).toUTCString() }), 260_000],
  ])('Retry-After in %s is waited for', async (_, headers, least) => {
    const clock = hurriedClock();
    const url = await start(after((_, r) => json(r, 429, apiError('Wait'), headers(clock.now()))));
    const began = clock.now();
    const { outcomes } = await ask(url, rows(1), { clock });
    expect(outcomes).toEqual(judged);
    expect(clock.sleeps[0]).toBeGreaterThanOrEqual(least);
    expect(clock.sleeps[0]).toBeLessThan(least + 45_000);
    expect(clock.now() - began).toBeGreaterThanOrEqual(least);
  });

  it('but not for ever: a server that is away stops the call, and no row is called unscored', async () => {
    const url = await start((_, response) => json(response, 503, apiError('Down for maintenance')));
    const { outcomes, error, usage } = await ask(url, rows(10), { retries: 2, concurrency: 2 });
    expect(outcomes).toEqual({});
    expect(error?.code).toBe('JUDGE_UNAVAILABLE');
    expect(error?.message).toContain('Down for maintenance');
    expect(usage.calls).toBeLessThanOrEqual(12);
  });

  it('a server that asks for a wait of hours is not waited for', async () => {
    const url = await start((_, r) =>
      json(r, 429, apiError('Come back tomorrow'), { 'retry-after': '86400' }),
    );
    const { outcomes, error, usage } = await ask(url, rows(3), { concurrency: 1 });
    expect([outcomes, error?.code, usage.calls]).toEqual([{}, 'JUDGE_UNAVAILABLE', 1]);
    expect(error?.message).toContain('Come back tomorrow (it asks to wait for 24.0 hours)');
  });

  it('a server that nobody runs', async () => {
    const url = await start(fine);
    await server!.close();
    const { error } = await ask(url, rows(1), { retries: 1 });
    expect(error?.code).toBe('JUDGE_UNAVAILABLE');
    expect(error?.message).toContain('cannot be reached');
  });

  it('a single row that always fails is unscored, the others are judged', async () => {
    const url = await start((request, response, index) =>
      request.text.includes('r3?')
        ? json(response, 500, apiError('Cannot say'))
        : fine(request, response, index),
    );
    const { outcomes, error } = await ask(url, rows(8), { retries: 1, concurrency: 2 });
    expect(error).toBeNull();
    expect(Object.keys(outcomes)).toHaveLength(8);
    expect(outcomes['r3']).toEqual({ id: 'r3', unscored: 'no answer after 2 calls: 500: Cannot say' });
  });
});

describe('what will not pass stops at once, with the words of the server', () => {
  it.each([
    [400, apiError('Unknown field: judge')],
    [401, apiError('Incorrect API key provided: key-of-the-test-123')],
    [403, apiError('Your country is not supported')],
    [404, apiError('The model m does not exist')],
    [422, { detail: 'temperature: must be positive' }],
    [429, apiError('You exceeded your current quota', 'insufficient_quota')],
  ])('%i', async (status, body) => {
    const url = await start((_, response) => json(response, status, body));
    const key = 'key-of-the-test-123';
    const { outcomes, error, usage, notes } = await ask(url, rows(5), {
      concurrency: 1,
      env: { OPENAI_API_KEY: key },
    });
    const words = 'detail' in body ? body.detail : (body as { error: { message: string } }).error.message;
    expect(outcomes).toEqual({});
    expect(usage.calls).toBe(1);
    expect(error?.code).toBe('JUDGE_REFUSED');
    expect(error?.message).toContain(`m at 127.0.0.1:`);
    expect(error?.message).toContain(`${status}: ${(words as string).replace(key, '[key]')}`);
    expect(JSON.stringify([error, notes])).not.toContain(key);
    expect(server!.received[0]!.headers.authorization).toBe(`Bearer ${key}`);
  });

  it('a redirect is not followed', async () => {
    const url = await start(
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    );
    const { error } = await ask(url, rows(1));
    expect(error).toMatchObject({ code: 'JUDGE_REFUSED' });
    expect(error?.message).toContain('http://127.0.0.1:9/');
  });

  it('a server that has answered and is gone is waited for; one that never was there is not', async () => {
    const clock = hurriedClock();
    const first = await start(fine);
    const port = Number(new URL(first).port);
    let answers = 0;
    let calls = 0;
    // Away for twenty calls after its first answer.
    const patient: typeof clock = {
      ...clock,
      sleep: async (milliseconds, signal) => {
        if (++calls === 20) await start(fine, port);
        return clock.sleep(milliseconds, signal);
      },
    };
    const { outcomes, error } = await ask(first, rows(3), {
      ...{ clock: patient, concurrency: 1, retries: 2 },
      onOutcome: async () => {
        if (++answers === 1) await server!.close();
      },
    });
    expect([error, Object.keys(outcomes)]).toEqual([null, ['r0', 'r1', 'r2']]);
    expect(calls).toBe(20);
    await server!.close();
    const never = await ask(first, rows(1), { clock: hurriedClock(), retries: 2 });
    expect([never.error?.code, never.usage.calls]).toEqual(['JUDGE_UNAVAILABLE', 3]);
  });

  it('a redirect that repeats the key does not tell it', async () => {
    const key = 'key-of-the-test-123';
    const url = await start(
      (_, response) => void response.writeHead(302, { location: `http://127.0.0.1:9/?key=${key}` }).end(),
    );
    const { error, notes } = await ask(url, rows(1), { env: { OPENAI_API_KEY: key } });
    expect(error).toMatchObject({ code: 'JUDGE_REFUSED' });
    expect(JSON.stringify([error?.message, notes])).not.toContain(key);
  });

  it('judgments that were under way are kept', async () => {
    const url = await start((request, response, index) => {
      if (request.text.includes('r0?')) setTimeout(() => void fine(request, response, index), 100);
      else json(response, 401, apiError('No'));
    });
    const { outcomes, error } = await ask(url, rows(4), { concurrency: 2 });
    expect(error?.code).toBe('JUDGE_REFUSED');
    expect(outcomes).toEqual(judged);
    expect(server!.received).toHaveLength(2);
  });

  it.each(['context_length_exceeded', 'content_filter'])('400 %s concerns one row only', async (code) => {
    const url = await start((request, response, index) =>
      request.text.includes('r1?')
        ? json(response, 400, apiError('Not this one', code))
        : fine(request, response, index),
    );
    const { outcomes, error } = await ask(url, rows(3));
    expect(error).toBeNull();
    expect(outcomes['r1']).toEqual({ id: 'r1', unscored: '400: Not this one' });
    expect(outcomes['r2']).toMatchObject({ judgment: 'It is wrong.' });
  });
});

describe('replies', () => {
  it('that cannot be read are asked for once more, with a reminder', async () => {
    const url = await start(after((_, response) => json(response, 200, completion('  '))));
    const { outcomes, usage } = await ask(url, rows(1));
    expect(outcomes).toEqual(judged);
    expect(usage.calls).toBe(2);
    const [first, second] = server!.received;
    expect(second!.text.startsWith(first!.text)).toBe(true);
    expect(second!.text).toContain('Reply in plain text');
  });

  it.each<[string, Script, string]>([
    ['the prompt', (q, r) => json(r, 200, completion(q.text)), 'repeats the prompt'],
    ['the response', (_, r) => json(r, 200, completion('Response r0.')), 'repeats the prompt'],
    ['nothing', (_, r) => json(r, 200, completion('')), 'the reply is empty, twice'],
    ['no content', (_, r) => json(r, 200, completion(null)), 'the reply is empty, twice'],
    ['a refusal', (_, r) => json(r, 200, completion("I'm sorry, but I can't assist with that.")), 'refuses'],
    [
      'thoughts without end',
      (_, r) => json(r, 200, completion('<think>Let me see', {}, { finish_reason: 'length' })),
      'thoughts',
    ],
    [
      'filtered words',
      (_, r) => json(r, 200, completion('It is', {}, { finish_reason: 'content_filter' })),
      'content filter',
    ],
  ])('that say %s twice leave the row unscored', async (_, script, reason) => {
    const url = await start(script);
    const { outcomes, error, usage } = await ask(url, rows(1));
    expect(error).toBeNull();
    expect(usage.calls).toBe(2);
    expect(outcomes['r0']).toMatchObject({ id: 'r0' });
    expect((outcomes['r0'] as { unscored: string }).unscored).toContain(reason);
  });

  it('with content in parts, and without usage', async () => {
    const parts = [
      { type: 'text', text: 'Per' },
      { type: 'text', text: 'fect.' },
    ];
    const url = await start((_, response) => json(response, 200, completion(parts, { usage: undefined })));
    const { outcomes, usage } = await ask(url, rows(1), { inputPrice: 1, outputPrice: 2 });
    expect(outcomes['r0']).toEqual({ id: 'r0', judgment: 'Perfect.' });
    expect(usage.outputTokens).toBe(2);
    expect(usage.inputTokens).toBeGreaterThan(100);
    expect(usage.cost).toBeCloseTo((usage.inputTokens + 2 * usage.outputTokens) / 1e6, 12);
  });

  it.each<[string, unknown]>([
    ['0 of both', { prompt_tokens: 0, completion_tokens: 0 }],
    ['0 of a reply with words', { prompt_tokens: 90, completion_tokens: 0 }],
    ['less than nothing', { prompt_tokens: -5, completion_tokens: 3 }],
    ['texts', { prompt_tokens: '90', completion_tokens: '3' }],
    ['fractions', { prompt_tokens: 90.5, completion_tokens: 3 }],
    ['NaN, which JSON has as null', { prompt_tokens: NaN, completion_tokens: NaN }],
    ['more than any model reads', { prompt_tokens: 1e15, completion_tokens: 3 }],
    ['nothing', undefined],
    ['something else', 'free of charge'],
  ])('with a usage of %s, which is estimated, and said once', async (_, usage) => {
    const url = await start((_request, response) =>
      json(response, 200, completion('It is wrong.', { usage })),
    );
    const asked = await ask(url, rows(3), { inputPrice: 1000, outputPrice: 1000 });
    expect(asked.usage.outputTokens).toBe(3 * 3);
    expect(asked.usage.inputTokens).toBeGreaterThan(300);
    expect(asked.usage.cost).toBeCloseTo((asked.usage.inputTokens + asked.usage.outputTokens) / 1000, 12);
    expect(asked.notes).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+: the tokens .* are estimated/)]);
  });

  it('without usage reach a budget, thoughts beside the text included', async () => {
    const message = { role: 'assistant', content: 'Wrong.', reasoning_content: 'Hm. '.repeat(200) };
    const url = await start((_, response) =>
      json(response, 200, completion('', { usage: { prompt_tokens: 0, completion_tokens: 0 } }, { message })),
    );
    const prices = { inputPrice: 0, outputPrice: 1000, maxTokens: 300, budget: 1 };
    const { usage, error } = await ask(url, rows(50), { ...prices, concurrency: 1 });
    expect(error?.code).toBe('BUDGET_REACHED');
    expect(usage.calls).toBeLessThanOrEqual(5);
  });

  it('that are longer than asked for are cut, kept so, and said once', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const long = `${'It is wrong. '.repeat(100_000)}`;
    const url = await start((_, response) =>
      json(response, 200, completion(long, { logprobs: 'x'.repeat(1e6) })),
    );
    const first = await ask(url, rows(3), { cache, maxTokens: 20 });
    const judgment = (first.outcomes['r0'] as { judgment: string }).judgment;
    expect(judgment.length).toBeLessThanOrEqual(1024 + 32 * 20);
    expect(judgment).toMatch(/^It is wrong\.[^]*wrong\.$/);
    expect(first.notes).toEqual([expect.stringContaining('longer than the 20 tokens asked for')]);
    expect((await readFile(cache)).length).toBeLessThan(3 * 3000);
    const second = await ask(url, rows(3), { cache, maxTokens: 20 });
    expect(second.usage).toMatchObject({ calls: 0, cached: 3 });
    expect(second.outcomes).toEqual(first.outcomes);
  });

  it.each<[string, object]>([
    ['a refusal', { content: null, refusal: 'No. '.repeat(1e5) }],
    ['thoughts beside the text', { content: 'It is wrong.', reasoning_content: 'Hm. '.repeat(1e5) }],
    ['a field that nobody asked for', { content: 'It is wrong.', audio: 'x'.repeat(1e6) }],
  ])('with %s of megabytes are kept without it', async (_, message) => {
    const cache = join(await temporary(), 'replies.jsonl');
    const url = await start((_request, response) => json(response, 200, completion('', {}, { message })));
    const first = await ask(url, rows(1), { cache, maxTokens: 20 });
    expect((await readFile(cache)).length).toBeLessThan(6000);
    expect((await ask(url, rows(1), { cache, maxTokens: 20 })).outcomes).toEqual(first.outcomes);
  });

  it('that praise without "perfect", or blame with it, are marked', async () => {
    const url = await start((request, response) =>
      json(
        response,
        200,
        completion(
          request.text.includes('r0?')
            ? 'The response is excellent.'
            : 'Perfect, but it should name the year.',
        ),
      ),
    );
    const { outcomes } = await ask(url, rows(2));
    expect(outcomes['r0']).toMatchObject({ suspicious: 'praise' });
    expect(outcomes['r1']).toMatchObject({ suspicious: 'criticism' });
  });
});

describe('limits', () => {
  it('no more requests are under way than were allowed', async () => {
    const url = await start(
      (request, response, index) => void setTimeout(() => void fine(request, response, index), 10),
    );
    await ask(url, rows(30), { concurrency: 3 });
    expect(server!.most()).toBe(3);
    expect(server!.received).toHaveLength(30);
  });

  // Which minute sees how many is tested beside the limits, with a clock that stands still between requests.
  it('requests per minute are kept to', async () => {
    const clock = hurriedClock();
    const url = await start(fine);
    const began = clock.now();
    const { notes } = await ask(url, rows(12), { clock, requestsPerMinute: 5 });
    expect(clock.now() - began).toBeGreaterThanOrEqual(120_000);
    expect(notes[0]).toMatch(/^waiting \d+ s for the limit of requests per minute$/);
  });

  it('tokens per minute are kept to, by what the server counts once it has counted', async () => {
    // Estimates are above 300 a call, so that a second would have to wait if the first were not corrected to 110.
    const settings = { tokensPerMinute: 600, maxTokens: 150, concurrency: 1 };
    const clock = hurriedClock();
    const url = await start(fine);
    await ask(url, rows(3), { ...settings, clock });
    expect(clock.sleeps).toEqual([]);
    await server!.close();
    const usage = { prompt_tokens: 390, completion_tokens: 10 };
    const dear = await start((_, response) => json(response, 200, completion('It is wrong.', { usage })));
    await ask(dear, rows(2), { ...settings, clock });
    expect(clock.sleeps[0]).toBeGreaterThan(10_000);
  });

  it('a budget is never exceeded, whatever is under way', async () => {
    // 100 + 10 tokens at 1000 and 10000 a million: 0.2 a call.
    const url = await start(
      (request, response, index) => void setTimeout(() => void fine(request, response, index), 5),
    );
    const { outcomes, error, usage } = await ask(url, rows(50), {
      inputPrice: 1000,
      outputPrice: 10_000,
      maxTokens: 20,
      budget: 5,
      concurrency: 8,
    });
    expect(error?.code).toBe('BUDGET_REACHED');
    expect(error?.message).toContain('5.00 USD');
    expect(usage.cost).toBeLessThanOrEqual(5);
    // It goes on while even a long reply would still fit.
    expect(usage.cost).toBeGreaterThan(5 - 2);
    expect(Object.keys(outcomes)).toHaveLength(usage.calls);
    expect(server!.received).toHaveLength(usage.calls);
  });

  it('calls that were cut off count in full, because the server may bill them', async () => {
    const url = await start(
      (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    );
    const { error, usage } = await ask(url, rows(1), {
      inputPrice: 1000,
      outputPrice: 10_000,
      maxTokens: 20,
      budget: 5,
      retries: 50,
    });
    expect(error?.code).toBe('BUDGET_REACHED');
    expect(usage.calls).toBeLessThan(6);
    expect(usage.cost).toBeLessThanOrEqual(5);
  });

  it('an abort begins nothing, and keeps the answers of the calls under way', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const abort = new AbortController();
    const url = await start((request, response, index) => {
      if (index === 15) abort.abort();
      setTimeout(() => void fine(request, response, index), 100 + 10 * (index % 4));
    });
    const { outcomes, error } = await ask(url, rows(40), { concurrency: 16, signal: abort.signal, cache });
    expect(error?.code).toBe('STOPPED');
    expect(server!.received).toHaveLength(16);
    expect(Object.keys(outcomes)).toHaveLength(16);
    expect((await readFile(cache, 'utf8')).trimEnd().split('\n')).toHaveLength(16);
  });

  it.each<[string, Script]>([
    ['a call that fails in a way that may pass', (_, r) => json(r, 500, apiError('Boom'))],
    ['a reply that would be asked for once more', (_, r) => json(r, 200, completion(''))],
    ['a call that is never answered', () => {}],
  ])('an abort repeats nothing: %s', async (_, script) => {
    const abort = new AbortController();
    const url = await start((request, response, index) => {
      abort.abort();
      void script(request, response, index);
    });
    const settings = { concurrency: 1, signal: abort.signal, timeout: 0.3 };
    const { outcomes, error } = await ask(url, rows(3), settings);
    expect([outcomes, error?.code]).toEqual([{}, 'STOPPED']);
    expect(server!.received).toHaveLength(1);
  });
});

describe('the cache', () => {
  it('answers without a call, also for rows that ask the same', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const url = await start(fine);
    const first = await ask(url, [...rows(3), row('twin', 'Response r0.')], { cache });
    expect(first.usage).toMatchObject({ calls: 4, cached: 0 });
    const same = [row('a'), row('a')].map((one, i) => ({ ...one, id: `a${i}` }));
    const second = await ask(url, [...rows(3), ...same], { cache });
    expect(second.usage).toMatchObject({ calls: 1, cached: 4 });
    expect(Object.keys(second.outcomes)).toHaveLength(5);
    expect(second.outcomes['r0']).toEqual(judged.r0);
  });

  it('keeps no failure, and no key', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const key = 'key-of-the-test-123';
    const url = await start((_, response, index) => {
      if (index === 0) json(response, 500, apiError('Boom'));
      else if (index === 1) response.writeHead(200, { 'content-type': 'application/json' }).end('{"a');
      else json(response, 200, completion(`It is wrong. (Asked with ${key}.)`));
    });
    const { outcomes } = await ask(url, rows(1), { cache, env: { OPENAI_API_KEY: key } });
    expect(outcomes['r0']).toMatchObject({ judgment: 'It is wrong. (Asked with [key].)' });
    const text = await readFile(cache, 'utf8');
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(text).not.toContain(key);
  });

  it('is asked by the whole request: other words, models and sampling are other questions', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const url = await start(fine);
    await ask(url, rows(1), { cache });
    for (const other of [
      { temperature: 0.5 },
      { prompt: 'paper' },
      { maxTokens: 9 },
      { extraBody: { top_p: 0.5 } },
    ]) {
      const { usage } = await ask(url, rows(1), { cache, ...other });
      expect(usage).toMatchObject({ calls: 1, cached: 0 });
    }
    expect((await ask(url, rows(1), { cache, concurrency: 2 })).usage.calls).toBe(0);
  });

  it('answers within an occasion only, where one is named', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const url = await start(fine);
    for (const [occasion, calls] of [
      ['round 1', 2],
      ['round 1', 0],
      ['round 2', 2],
      [undefined, 2],
      [undefined, 0],
    ] as const)
      expect((await ask(url, rows(2), { cache, ...(occasion && { occasion }) })).usage.calls).toBe(calls);
  });

  it('does not hold on to a reply that could not be read', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const url = await start(
      after(
        (_, r) => json(r, 200, completion('')),
        (_, r) => json(r, 200, completion('')),
      ),
    );
    const first = await ask(url, rows(1), { cache });
    expect(first.outcomes['r0']).toHaveProperty('unscored');
    const second = await ask(url, rows(1), { cache });
    expect(second.outcomes).toEqual(judged);
    expect(second.usage).toMatchObject({ calls: 1, cached: 0 });
  });

  it('counts what was spent before towards the budget', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const url = await start(fine);
    const prices = { inputPrice: 1000, outputPrice: 10_000, maxTokens: 20, cache };
    await ask(url, rows(10), prices);
    const { error, usage } = await ask(url, [row('more')], { ...prices, budget: 2.1 });
    expect(error?.code).toBe('BUDGET_REACHED');
    expect(error?.message).toContain('2.00 USD spent');
    expect(usage.calls).toBe(0);
  });

  it('counts what earlier processes may have spent in vain: calls that were cut off, and those that a kill did', async () => {
    const cache = join(await temporary(), 'replies.jsonl');
    const prices = { inputPrice: 1000, outputPrice: 10_000, maxTokens: 20, cache, budget: 5 };
    const half = await start(
      (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    );
    const first = await ask(half, rows(1), { ...prices, retries: 0 });
    expect(first.error?.code).toBe('JUDGE_UNAVAILABLE');
    expect(first.usage.cost).toBeGreaterThan(0.5);
    const second = await ask(half, rows(1), { ...prices, retries: 50 });
    expect(second.error?.code).toBe('BUDGET_REACHED');
    expect(first.usage.cost! + second.usage.cost!).toBeLessThanOrEqual(5);
    expect(second.error?.message).toContain(
      `${(first.usage.cost! + second.usage.cost!).toFixed(2)} USD spent`,
    );

    const killed = `${cache}.killed`;
    const [announced] = (await readFile(cache, 'utf8')).split('\n');
    expect(announced).toContain('"announced":1');
    await writeFile(killed, `${announced}\n`);
    const url = await start(fine);
    const third = await ask(url, rows(1), { ...prices, cache: killed, budget: first.usage.cost! + 0.1 });
    expect(third.error?.code).toBe('BUDGET_REACHED');
    expect(third.usage.calls).toBe(0);
    // What cost nothing counts for nothing.
    const away = join(await temporary(), 'replies.jsonl');
    const refusing = await start((_, response) => json(response, 429, apiError('Slow down')));
    await ask(refusing, rows(1), { ...prices, cache: away, retries: 20 });
    const fourth = await ask(url, rows(1), { ...prices, cache: away, budget: 2 });
    expect(fourth.outcomes).toEqual(judged);
  });
});
