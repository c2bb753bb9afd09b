// Scoring by a server that answers as it is told: batches, failures that pass, servers without log-probs.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { byteLevel } from '../../tokens/test-tokenizers.ts';
import type { LikelihoodResult, SubjectSource } from './subject.ts';
import { serverSubject } from './server-subject.ts';
import type { Note } from '../../words/note.ts';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-server-subject-'));
beforeAll(() => {
  for (const [name, content] of Object.entries(byteLevel()))
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Asked {
  readonly path: string;
  readonly body: { readonly prompt: readonly (readonly number[] | string)[] } & Record<string, unknown>;
  readonly key: string | undefined;
}
let server: Server | undefined;
afterEach(() => new Promise((done) => (server ? server.close(done) : done(null))));

/** `answer` gives status, body and headers of each call. */
type Answer = readonly [number, unknown, Record<string, string>?];

async function start(answer: (asked: Asked, call: number) => Answer): Promise<string> {
  let calls = 0;
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (piece: Buffer) => (text += piece.toString()));
    request.on('end', () => {
      const asked = {
        path: request.url!,
        body: JSON.parse(text) as unknown,
        key: request.headers.authorization,
      } as Asked;
      const [status, body, headers = {}] = answer(asked, calls++);
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

/** Each token's log-prob is minus its id over 1000. */
const scored = ({ body }: Asked): readonly [number, unknown] => [
  200,
  {
    choices: body.prompt.map((prompt, index) => ({
      index,
      logprobs: {
        token_logprobs: [...[prompt].flat().map((id, i) => (i === 0 ? null : -Number(id) / 1000)), -7],
      },
    })),
  },
];

const open = (url: string, more: object = {}): Promise<SubjectSource> =>
  serverSubject({
    name: 's',
    address: { url, model: 'm', key: 'a-secret-key', timeout: 5, retries: 2 },
    tokenizer: folder,
    prompts: 'ids',
    maxLength: 64,
    concurrency: 2,
    ...more,
  });

const requests = [
  { context: 'Where does the rain go?', continuations: [' Into the sea.', ' Away.', ' Into the sea.'] },
  { context: 'Name three rivers', continuations: [' no'] },
];

async function likelihoods(source: SubjectSource): Promise<LikelihoodResult[]> {
  const results: LikelihoodResult[] = [];
  const subject = await source.open();
  await subject.logLikelihoods(requests, {
    signal: new AbortController().signal,
    onResult: (index, result) => void (results[index] = result),
  });
  return results;
}

describe('a server that scores prompts', () => {
  it('is asked once for each context, with equal continuations once', async () => {
    const asked: Asked[] = [];
    const url = await start((each) => {
      asked.push(each);
      return scored(each);
    });
    const results = await likelihoods(await open(url));
    expect(results.map(({ logLikelihoods }) => logLikelihoods.length)).toEqual([3, 1]);
    expect(results[0]!.logLikelihoods[0]).toBe(results[0]!.logLikelihoods[2]);
    expect(results[0]!.logLikelihoods[1]).not.toBe(results[0]!.logLikelihoods[0]);
    const first = asked.find(({ body }) => body.prompt.length > 1)!;
    expect(first).toMatchObject({
      path: '/v1/completions',
      key: 'Bearer a-secret-key',
      body: { model: 'm', echo: true, logprobs: 1, max_tokens: 1, temperature: 0 },
    });
    expect(first.body.prompt).toHaveLength(2);
    expect(asked).toHaveLength(2);
  });

  it('is given room for the token that it has to generate', async () => {
    const lengths: number[] = [];
    const url = await start((each) => {
      lengths.push(...each.body.prompt.map(({ length }) => length));
      return scored(each);
    });
    const results = await likelihoods(await open(url, { maxLength: 10 }));
    expect(Math.max(...lengths)).toBe(9);
    expect(results[0]!.truncated).toBeGreaterThan(0);
  });

  it('may be busy for a while', async () => {
    const url = await start((each, call) =>
      call === 0 ? [503, { error: { message: 'busy' } }] : scored(each),
    );
    expect(await likelihoods(await open(url))).toHaveLength(2);
  }, 10_000);

  it.each<[string, readonly [number, unknown], string, string]>([
    [
      'tells none',
      [200, { choices: [{ index: 0, text: 'x', logprobs: null }] }],
      'NO_LOG_PROBS',
      'token_logprobs',
    ],
    ['has no such endpoint', [404, { error: { message: 'not found' } }], 'NO_LOG_PROBS', 'not found'],
    ['refuses to', [400, { error: { message: 'echo is not supported' } }], 'NO_LOG_PROBS', 'echo'],
    ['wants another key', [401, { error: { message: 'bad key a-secret-key' } }], 'SERVER_REFUSED', '[key]'],
  ])('is told apart from one that %s', async (_, answer, code, words) => {
    const url = await start(() => answer);
    const failure = await likelihoods(await open(url)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words) as string });
    expect(String(failure)).not.toContain('a-secret-key');
  });

  it('may not send more than prompts of that length need, and the words say so', async () => {
    const url = await start((each) => [
      200,
      { ...(scored(each)[1] as object), padding: ' '.repeat(5 << 20) },
    ]);
    const address = { url, model: 'm', key: null, timeout: 5, retries: 0 };
    await expect(likelihoods(await open(url, { address }))).rejects.toMatchObject({
      code: 'SERVER_FAILED',
      message: expect.stringMatching(/m at 127\.0\.0\.1:\d+ does not answer: .*larger than 4 MiB/) as string,
      place: { file: `${url}/completions` },
    });
  });

  it('is waited for as long as it asks, and a note says so', async () => {
    const notes: Note[] = [];
    const url = await start((each, call) =>
      call === 0 ? [429, { error: { message: 'later' } }, { 'retry-after-ms': '1200' }] : scored(each),
    );
    const began = performance.now();
    const source = await open(url, { concurrency: 1, onNote: (note: Note) => void notes.push(note) });
    expect(await likelihoods(source)).toHaveLength(2);
    expect(performance.now() - began).toBeGreaterThan(1200);
    expect(notes).toEqual([
      { code: 'RETRYING', text: expect.stringMatching(/^429: later; again in /) as string },
    ]);
  });

  it('needs a tokenizer, and prompts that fit where they go as text', async () => {
    const url = await start(scored);
    await expect(likelihoods(await open(url, { tokenizer: null }))).rejects.toThrow('option `tokenizer`');
    // The row that fits is asked about meanwhile, and would be again.
    const away = await start(() => [500, {}]);
    await expect(likelihoods(await open(away, { prompts: 'text', maxLength: 10 }))).rejects.toMatchObject({
      code: 'PROMPT_TOO_LONG',
    });
  });

  it('has a fingerprint of what decides the results', async () => {
    const of = async (more: object): Promise<string> => (await open('http://x/v1', more)).fingerprint;
    const base = await of({});
    expect(await of({ concurrency: 1 })).toBe(base);
    expect(new Set([base, await of({ maxLength: 9 }), await of({ prompts: 'text' })]).size).toBe(3);
  });
});
