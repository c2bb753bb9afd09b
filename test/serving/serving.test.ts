// The server from outside: the real process with real models, through the official client of OpenAI's API.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import { createRandom } from '../../src/random.ts';
import { encodePrompt, loadTemplate, loadTokenizer } from '../../src/tokens/index.ts';
import { buildCli } from '../cli/command.ts';
import type { Cli, Finished } from '../cli/command.ts';
import { serve } from './serve.ts';
import type { Serving } from './serve.ts';

const model = fileURLToPath(new URL('../../models/world-64', import.meta.url));
const template = join(model, 'template.json');
const question = 'Say river three times.';
const user = (content: string): { role: 'user'; content: string }[] => [{ role: 'user', content }];

let dir: string;
let cli: Cli;
let process_: Serving;

/** An adapter that changes the model, made without training. */
async function writeAdapter(to: string, seed: number): Promise<void> {
  await mkdir(to, { recursive: true });
  const lora = {
    rank: 4,
    alpha: 8,
    dropout: 0,
    rankStabilized: false,
    targetModules: ['up_proj', 'down_proj'],
  };
  const engine = await openEngine({ modelDir: model, lora, seed, threads: 1 });
  const state = engine.trainingState();
  const random = createRandom(seed);
  await Promise.resolve(
    engine.restore({ ...state, parameters: state.parameters.map(() => random.float() - 0.5) }),
  );
  await engine.saveAdapter(to);
  await engine.dispose();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-serving-'));
  await writeAdapter(join(dir, 'tuned', 'adapter'), 1);
  await writeAdapter(join(dir, 'other'), 2);
  cli = await buildCli('real');
  const adapters = ['--adapter', join(dir, 'tuned', 'adapter'), '--adapter', `second=${join(dir, 'other')}`];
  process_ = await serve(
    cli,
    [
      '--model',
      model,
      '--template',
      template,
      ...adapters,
      '--api_key_env',
      'TEST_KEY',
      '--max_body_bytes',
      '50000',
    ],
    { TEST_KEY: 'sesame' },
  );
});
afterAll(async () => {
  process_?.child.kill('SIGKILL');
  await cli?.remove();
  await rm(dir, { recursive: true, force: true });
});

describe('the official client', () => {
  it('lists the adapters and the model', async () => {
    const { client } = process_;
    const found = await client.models.list();
    expect(found.data.map(({ id }) => id)).toEqual(['tuned', 'second', 'world-64']);
    expect(await client.models.retrieve('world-64')).toMatchObject({ id: 'world-64', owned_by: 'whetstone' });
    await expect(client.models.retrieve('none')).rejects.toThrow(NotFoundError);
  });

  it('chats, streamed or not, each adapter as a model of its own', async () => {
    const { client } = process_;
    const texts: string[] = [];
    for (const name of ['world-64', 'tuned', 'second']) {
      const request = { model: name, messages: user(question), temperature: 0, max_tokens: 30 };
      const whole = await client.chat.completions.create(request);
      const [choice] = whole.choices;
      expect(whole.usage!.total_tokens).toBe(whole.usage!.prompt_tokens + whole.usage!.completion_tokens);
      const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
      let text = '';
      stream.on('content', (delta) => (text += delta));
      const final = await stream.finalChatCompletion();
      expect(text).toBe(choice!.message.content);
      expect(final.choices[0]!.message.content).toBe(text);
      expect(final.choices[0]!.finish_reason).toBe(choice!.finish_reason);
      expect(final.usage).toEqual(whole.usage);
      texts.push(text);
    }
    expect(texts[0]).toMatch(/river, river/);
    expect(new Set(texts).size).toBe(3);
  });

  it('gives the text that the engine gives', async () => {
    const { client } = process_;
    const tokenizer = await loadTokenizer(model);
    const prompt = await encodePrompt(tokenizer, await loadTemplate(template, tokenizer), {
      instruction: question,
    });
    const engine = await openEngine({ modelDir: model, adapterDir: join(dir, 'other'), threads: 1 });
    const [made] = await engine.generate([{ prompt, sampling: { maxNewTokens: 20, temperature: 0 } }]);
    await engine.dispose();
    const { choices, usage } = await client.chat.completions.create({
      ...{ model: 'second', messages: user(question), temperature: 0, max_completion_tokens: 20 },
    });
    expect(choices[0]!.message.content).toBe(await tokenizer.decode(made!.ids, { skipSpecialTokens: true }));
    expect(usage).toMatchObject({ prompt_tokens: prompt.length, completion_tokens: made!.ids.length });
  });

  it('many requests at once get what each gets alone, sampled or greedy', async () => {
    const { client } = process_;
    const words = ['river', 'stone', 'lamp', 'garden', 'bread', 'cloud'];
    const ask = async (i: number): Promise<string> => {
      const { choices } = await client.chat.completions.create({
        model: i % 2 ? 'world-64' : 'tuned',
        messages: user(`Say ${words[i % words.length]!} ${i % 3 ? 'three times' : 'twice'}.`),
        ...{ temperature: i % 4 < 2 ? 0 : 1.2, seed: i, max_tokens: 5 + 3 * i },
      });
      return choices[0]!.message.content!;
    };
    const numbers = Array.from({ length: 12 }, (_, i) => i);
    const together = await Promise.all(numbers.map(ask));
    for (const i of numbers) expect(await ask(i)).toBe(together[i]);
  });

  it('stops at stop strings, and tells of log-probs that belong to the text', async () => {
    const { client } = process_;
    const request = { model: 'world-64', messages: user(question), temperature: 0 } as const;
    const { choices } = await client.chat.completions.create({
      ...request,
      ...{ stop: [', river'], logprobs: true, top_logprobs: 3 },
    });
    const { message, logprobs, finish_reason } = choices[0]!;
    expect(finish_reason).toBe('stop');
    expect(message.content).toMatch(/river$/);
    expect(logprobs!.content!.map(({ token }) => token).join('')).toBe(message.content);
    for (const { token, bytes, logprob, top_logprobs } of logprobs!.content!) {
      expect(Buffer.from(bytes!).toString()).toBe(token);
      expect(top_logprobs).toHaveLength(3);
      expect(top_logprobs[0]).toMatchObject({ token, logprob }); // greedy
      expect(top_logprobs[0]!.logprob).toBeGreaterThanOrEqual(top_logprobs[1]!.logprob);
    }
  });

  it('scores texts as evaluation tools do: what was generated has the same log-probs when it is echoed', async () => {
    const { client } = process_;
    const made = await client.completions.create({
      ...{ model: 'second', prompt: 'The river is', max_tokens: 8, temperature: 0, logprobs: 2 },
    });
    const { text, logprobs } = made.choices[0]!;
    const scored = await client.completions.create({
      ...{ model: 'second', prompt: `The river is${text}`, max_tokens: 0, echo: true, logprobs: 1 },
    });
    const echoed = scored.choices[0]!;
    expect(echoed.text).toBe(`The river is${text}`);
    const start = echoed.logprobs!.text_offset!.indexOf('The river is'.length);
    expect(echoed.logprobs!.tokens!.slice(start)).toEqual(logprobs!.tokens);
    for (const [i, logProb] of echoed.logprobs!.token_logprobs!.slice(start).entries())
      expect(logProb).toBeCloseTo(logprobs!.token_logprobs![i]!, 3);
    expect(echoed.logprobs!.token_logprobs![0]).toBeNull();
    const stream = await client.completions.create({
      ...{ model: 'second', prompt: 'The river is', max_tokens: 8, temperature: 0, stream: true },
    });
    let streamed = '';
    for await (const { choices } of stream) streamed += choices[0]!.text;
    expect(streamed).toBe(text);
  });

  it('gets errors in the shape that it knows', async () => {
    const { client, url } = process_;
    const ask = (more: object): Promise<unknown> =>
      client.chat.completions.create({ model: 'world-64', messages: user('Hello'), ...more } as never);
    const error = async (more: object): Promise<APIError> => {
      const found: unknown = await ask(more).catch((caught: unknown) => caught);
      expect(found).toBeInstanceOf(APIError);
      return found as APIError;
    };
    expect(await error({ temperature: 9 })).toBeInstanceOf(BadRequestError);
    expect(await error({ temperature: 9 })).toMatchObject({
      param: 'temperature',
      type: 'invalid_request_error',
    });
    expect(await error({ messages: user('long '.repeat(900)) })).toMatchObject({
      code: 'context_length_exceeded',
    });
    expect(await error({ messages: user('long '.repeat(90_000)) })).toMatchObject({ status: 413 });
    const stranger = new OpenAI({ baseURL: url, apiKey: 'guess', maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toThrow(AuthenticationError);
  });

  it('may leave: its slots are free for others', async () => {
    const { client } = process_;
    // As many as run side by side, so that the next request has to wait for one of them.
    const long = { model: 'tuned', prompt: 'The', max_tokens: 120, temperature: 2, n: 64, seed: 1 } as const;
    const began = performance.now();
    const whole = await client.completions.create(long);
    const alone = performance.now() - began;
    expect(whole.usage!.completion_tokens).toBeGreaterThan(1000);
    const stream = await client.completions.create({ ...long, stream: true });
    await stream[Symbol.asyncIterator]().next();
    stream.controller.abort();
    const left = performance.now();
    await client.completions.create({ model: 'tuned', prompt: 'The', max_tokens: 2 });
    expect(performance.now() - left).toBeLessThan(alone / 2);
  });
});

/** Posts half of a completion's body, and never the other half. Resolves with the reply. */
function slowlyAsk(url: string, body: object): { reply: Promise<string> } {
  const text = JSON.stringify(body);
  const head = `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(head + text.slice(0, 9)));
  let found = '';
  const reply = new Promise<string>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('data', (part) => (found += part.toString())).on('close', () => resolve(found));
  });
  return { reply };
}

describe('the process', () => {
  it('finishes what is under way at SIGTERM, refuses the rest and what has not come whole, and ends with 0', async () => {
    const { child, finished, client, url } = await serve(cli, ['--model', model, '--template', template]);
    const { reply } = slowlyAsk(url, { model: 'world-64', prompt: 'The', max_tokens: 3 });
    // Long enough that it is under way still when the test has had its turn on a busy machine.
    const request = { model: 'world-64', prompt: 'The', max_tokens: 400, temperature: 2, ignore_eos: true };
    const stream = await client.completions.create({ ...request, n: 12, stream: true });
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    child.kill('SIGTERM');
    await sleep(100);
    await expect(client.models.list()).rejects.toMatchObject({ status: 503 });
    let ended = 0;
    for (let next = await chunks.next(); !next.done; next = await chunks.next())
      if (next.value.choices[0]!.finish_reason !== null) ended++;
    expect(ended).toBe(12);
    expect(await reply).toMatch(/^HTTP\/1\.1 503[^]*shutting_down/);
    const { code, stderr } = await finished;
    expect(code).toBe(0);
    expect(stderr).toMatch(/SIGTERM: [12] requests? under way/);
    expect(stderr).toMatch(
      /POST \/v1\/completions 200 model=world-64 prompt=\d+ completion=\d+ stream \d+ms/,
    );
  });

  const unbroken = { model: 'world-64', prompt: 'x'.repeat(4e6), max_tokens: 1 };
  const long = { model: 'world-64', prompt: 'The', max_tokens: 400, n: 128, ignore_eos: true };
  /** Asks for something, and is not surprised when it does not come. */
  const ask = (url: string, body: object): void =>
    void fetch(`${url}/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).catch(() => undefined);
  const closed = (child: ChildProcess): Promise<unknown> => once(child, 'exit');

  it.each([
    ['a long text is tokenized', unbroken],
    ['much is generated', long],
    ['a stream is sent', { ...long, stream: true }],
  ])('a second signal ends it at once, also while %s', async (_, body) => {
    const { child, url } = await serve(cli, ['--model', model]);
    ask(url, body);
    await sleep(300);
    const ended = closed(child);
    let heard = '';
    child.stderr!.on('data', (part: string) => (heard += part));
    child.kill('SIGTERM');
    while (!heard.includes('under way')) await sleep(10);
    await sleep(400); // sooner, it would pass for an echo of the first
    const began = performance.now();
    child.kill('SIGTERM');
    expect(await ended).toEqual([null, 'SIGTERM']);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it.each([
    ['a long text is tokenized', unbroken],
    ['much is generated', long],
    ['a stream is sent', { ...long, stream: true }],
  ])('ends within --shutdown_timeout, also while %s', async (_, body) => {
    const { child, finished, url } = await serve(cli, ['--model', model, '--shutdown_timeout', '0.5']);
    ask(url, body);
    await sleep(300);
    const ended = closed(child);
    const began = performance.now();
    child.kill('SIGTERM');
    await ended;
    expect(performance.now() - began).toBeLessThan(3000);
    expect((await finished).stderr).toMatch(/1 request under way[^]*1 request cut off after 0\.5 s/);
  });

  it('ends at once while the model is opened', async () => {
    const { child } = cli.start(['serve', '--port', '0', '--model', model]);
    // As soon as signals are heard; before that they end any process.
    await sleep(700);
    const ended = closed(child);
    const began = performance.now();
    child.kill('SIGTERM');
    await ended;
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it('warns where others can reach it without a key; refuses a missing key, adapter or name', async () => {
    const { child, finished } = await serve(cli, ['--model', model, '--host', '0.0.0.0', '--quiet']);
    child.kill('SIGINT');
    const { code, stderr } = await finished;
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning Anyone who reaches 0\.0\.0\.0 can use this server/);
    const refused = async (...args: string[]): Promise<Finished> =>
      cli.run(['serve', '--model', model, ...args]);
    expect(await refused('--api_key_env', 'NOT_SET_HERE')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/NOT_SET_HERE is not set/) as string,
    });
    const missing = await refused('--adapter', join(dir, 'nowhere'));
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/nowhere/);
    expect((await refused('--adapter', `world-64=${join(dir, 'other')}`)).stderr).toMatch(
      /two models[^]*"world-64"/,
    );
  });
});
