// Online rounds whose responses come from a server that loads each round's adapter. The server here has vLLM's endpoints
// and words, and the engine behind them, so that a run with it must end as a run without.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { alignOnline } from '../../src/alignment/online/online.ts';
import type { OnlineOptions, OnlineResult } from '../../src/alignment/online/online.ts';
import { generateText, openModel } from '../../src/generation/index.ts';
import type { OpenedModel } from '../../src/generation/index.ts';
import { scriptedJudge } from '../../src/judges/scripted-judge.test-helper.ts';
import { judgedRows, writeJsonl, writeTinyModel } from '../cli/fixtures.ts';

interface Asked {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly key: string | undefined;
}

interface AdapterServer {
  readonly url: string;
  readonly asked: Asked[];
  readonly loaded: Map<string, string>;
  /** Most completions under way at once. */
  most: number;
  /** A status and words in place of the answer. */
  refuse: (asked: Asked) => readonly [number, string] | null;
  close(): Promise<void>;
}

async function startAdapterServer(model: string): Promise<AdapterServer> {
  const engines = new Map<string, Promise<OpenedModel>>();
  let underWay = 0;
  const opened = (name: string, adapter: string | null): Promise<OpenedModel> => {
    const known = engines.get(name) ?? openModel({ model, adapter, template: 'alpaca', threads: 1, seed: 0 });
    engines.set(name, known);
    return known;
  };
  const textOf = async (request: IncomingMessage): Promise<string> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    return Buffer.concat(parts).toString('utf8');
  };
  const found: AdapterServer = {
    url: '',
    asked: [],
    loaded: new Map(),
    most: 0,
    refuse: () => null,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      for (const engine of engines.values()) await (await engine).dispose();
    },
  };
  const answer = async (asked: Asked): Promise<readonly [number, string | object]> => {
    const refused = found.refuse(asked);
    if (refused)
      return [refused[0], { error: { message: refused[1], type: 'BadRequestError', code: refused[0] } }];
    const { path, body } = asked;
    if (path === '/v1/load_lora_adapter') {
      const [name, folder] = [String(body['lora_name']), String(body['lora_path'])];
      if (found.loaded.has(name))
        return [400, { error: { message: `The lora adapter '${name}' has already been loaded.` } }];
      if (!existsSync(join(folder, 'adapter_config.json')))
        return [404, { error: { message: `Loading lora ${name} failed: No adapter found for ${folder}` } }];
      found.loaded.set(name, folder);
      return [200, `Success: LoRA adapter '${name}' added successfully.`];
    }
    if (path === '/v1/unload_lora_adapter') {
      found.loaded.delete(String(body['lora_name']));
      return [200, 'Success'];
    }
    const name = String(body['model']);
    if (name !== 'base' && !found.loaded.has(name))
      return [404, { error: { message: `The model \`${name}\` does not exist.` } }];
    const speaker = await opened(name, found.loaded.get(name) ?? null);
    const prompt = Int32Array.from(body['prompt'] as number[]);
    const sampling = { maxNewTokens: Number(body['max_tokens']), temperature: Number(body['temperature']) };
    found.most = Math.max(found.most, ++underWay);
    const { text, finish, ids } = await generateText(speaker, { prompt, sampling, stop: [] });
    underWay--;
    const reason = finish === 'length' ? 'length' : 'stop';
    const usage = { prompt_tokens: prompt.length, completion_tokens: ids.length };
    return [200, { choices: [{ index: 0, text, finish_reason: reason }], usage }];
  };
  const server = createServer((request, response) => {
    void (async () => {
      const asked: Asked = {
        path: request.url!,
        body: JSON.parse(await textOf(request)) as Record<string, unknown>,
        key: request.headers.authorization,
      };
      found.asked.push(asked);
      const [status, body] = await answer(asked);
      // As there: words of success have no type.
      if (typeof body === 'string') response.writeHead(status).end(body);
      else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(found, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` });
}

let dir: string;
let server: AdapterServer;
let out: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whetstone-served-responses-'));
  await writeTinyModel(join(dir, 'model'));
  await writeJsonl(
    join(dir, 'tasks.jsonl'),
    judgedRows(30).map(({ instruction }) => ({ instruction })),
  );
});
afterAll(() => rm(dir, { recursive: true, force: true }));
beforeEach(async () => {
  out = join(dir, `run-${count++}`);
  server = await startAdapterServer(join(dir, 'model'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const options = (given: Partial<OnlineOptions> = {}): OnlineOptions => ({
  ...{ model: join(dir, 'model'), instructions: join(dir, 'tasks.jsonl'), judge: 'cmd:none', out },
  ...{
    rounds: 2,
    perRound: 8,
    evalSize: 3,
    batchSize: 2,
    maxNewTokens: 6,
    temperature: 0,
    threads: 1,
    loraR: 4,
  },
  template: 'alpaca',
  judgeWith: scriptedJudge(({ instruction }) =>
    Number(/\d+/.exec(instruction)![0]) % 3 === 0 ? null : 'It is wrong.',
  ),
  ...given,
});
const served = (given: Partial<OnlineOptions> = {}): OnlineOptions =>
  options({ responses: `openai:${server.url}#base`, judgeRetries: 0, ...given });
async function run(given: OnlineOptions): Promise<OnlineResult> {
  const online = alignOnline(given);
  try {
    return await online.run();
  } finally {
    await online.dispose();
  }
}
const completions = (): Asked[] => server.asked.filter(({ path }) => path === '/v1/completions');
const adapterOf = (path: string): Promise<Buffer> =>
  readFile(join(path, 'adapter', 'adapter_model.safetensors'));

describe('responses of a server', () => {
  it('are those of the model in this process, with the adapter of each round', async () => {
    const here = out;
    const local = await run(options());
    out = join(dir, `run-${count++}`);
    const there = await run(served({ concurrency: 5 }));
    const rowsOf = (path: string, name: string): Promise<string> =>
      readFile(join(path, 'rounds', name), 'utf8');
    for (const name of ['1/judged.jsonl', '2/judged.jsonl', '2/held-out.jsonl'])
      expect(await rowsOf(out, name)).toBe(await rowsOf(here, name));
    expect(there.rounds).toEqual(local.rounds);
    expect((await adapterOf(out)).equals(await adapterOf(here))).toBe(true);

    const loads = server.asked.filter(({ path }) => path === '/v1/load_lora_adapter');
    expect(loads.map(({ body }) => String(body['lora_path']).replace(out, ''))).toEqual([
      '/rounds/1/training/adapter',
      '/rounds/2/training/adapter',
    ]);
    // The base model before the first round; only the last adapter is left behind.
    expect([...new Set(completions().map(({ body }) => body['model']))]).toEqual([
      'base',
      ...loads.map(({ body }) => body['lora_name']),
    ]);
    expect([...server.loaded.keys()]).toEqual([loads[1]!.body['lora_name']]);
    expect(completions()).toHaveLength(2 * 8 + 3 * 3);
    expect(server.most).toBeGreaterThan(1);
    expect(server.most).toBeLessThanOrEqual(5);
  });

  it('are not asked for again when the run goes on', async () => {
    const stop = new AbortController();
    let heard = 0;
    const stopped = run(
      served({
        concurrency: 2,
        signal: stop.signal,
        on: (progress) => {
          if (progress.kind === 'responding' && progress.round === 2 && ++heard === 4) stop.abort();
        },
      }),
    );
    await expect(stopped).rejects.toMatchObject({ code: 'STOPPED' });
    const before = completions().length;
    expect(before).toBeLessThan(2 * 8 + 3 * 3);
    await run(served({ resume: true }));
    const asked = completions().map(({ body }) => JSON.stringify([body['model'], body['prompt']]));
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked).toHaveLength(2 * 8 + 3 * 3);
  });

  it('are drawn with what was asked for, each from its own stream', async () => {
    await run(
      served({
        rounds: 1,
        evalSize: 0,
        temperature: 0.7,
        topP: 0.9,
        topK: 5,
        repetitionPenalty: 1.1,
        stop: ['\n'],
      }),
    );
    const bodies = completions().map(({ body }) => body);
    expect(bodies[0]).toMatchObject({
      temperature: 0.7,
      top_p: 0.9,
      top_k: 5,
      repetition_penalty: 1.1,
      stop: ['\n'],
      max_tokens: 6,
    });
    // What is left out vLLM takes from the model's generation_config.json.
    expect(bodies[0]).toMatchObject({ min_p: 0, min_tokens: 0, frequency_penalty: 0, presence_penalty: 0 });
    expect(new Set(bodies.map(({ seed }) => seed)).size).toBe(8);
  });

  it.each<[string, AdapterServer['refuse'], RegExp]>([
    [
      'takes no adapters while it runs',
      ({ path }) => (path.includes('load_lora') ? [404, 'Not Found'] : null),
      /takes no adapters while it runs \(404: Not Found\)[^]*--enable-lora[^]*VLLM_ALLOW_RUNTIME_LORA_UPDATING=True/,
    ],
    [
      'has room for smaller ranks only',
      ({ path }) =>
        path.includes('load_lora')
          ? [400, 'Call to add_lora method failed: LoRA rank 4 is greater than max_lora_rank 2.']
          : null,
      /no room for an adapter of rank 4 .*[^]*--max-lora-rank 8/,
    ],
    [
      'does not see the folder',
      ({ path, body }) =>
        path.includes('load_lora')
          ? [404, `Loading lora x failed: No adapter found for ${String(body['lora_path'])}`]
          : null,
      /finds no adapter at .*rounds\/1\/training\/adapter[^]*same path/,
    ],
    [
      'has no such model',
      ({ path }) => (path === '/v1/completions' ? [404, 'The model `base` does not exist.'] : null),
      /refuses: 404: The model `base` does not exist\./,
    ],
    [
      'breaks down',
      ({ path }) => (path === '/v1/completions' ? [503, 'overloaded'] : null),
      /overloaded[^]*Responses that have arrived are kept; go on with option `resume`/,
    ],
  ])('refused in words where the server %s, and gone on with after that', async (_, refuse, message) => {
    server.refuse = refuse;
    const failed = run(served());
    await expect(failed).rejects.toMatchObject({ message: expect.stringMatching(message) as string });
    server.refuse = () => null;
    expect((await run(served({ resume: true }))).rounds).toHaveLength(2);
  });

  it('say that nothing narrows what is drawn from, where nothing does', async () => {
    await run(served({ rounds: 1, evalSize: 0, temperature: 0.7 }));
    expect(completions()[0]!.body).toMatchObject({ top_p: 1, top_k: -1, min_p: 0, repetition_penalty: 1 });
  });

  // As vLLM's engine process says them: status 500 in its newest versions, 400 in those before.
  it.each([
    ['Call to add_lora method failed: LoRA rank 4 is greater than max_lora_rank 2.', /--max-lora-rank 8/],
    [
      'Call to add_lora method failed: LoRA is not enabled. Use --enable-lora to enable LoRA.',
      /takes no adapters while it runs \(500: [^]*--enable-lora/,
    ],
  ])('refused with status 500 is not asked for again: %s', async (words, message) => {
    server.refuse = ({ path }) => (path.includes('load_lora') ? [500, words] : null);
    const failed = run(served({ judgeRetries: 3 }));
    await expect(failed).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: expect.stringMatching(message) as string,
    });
    expect(server.asked.filter(({ path }) => path.includes('load_lora'))).toHaveLength(1);
  });

  it.each([
    ['no URL', 'openai:gpt-4o', /this is no URL/],
    ['no model', 'http://127.0.0.1:1/v1', /the model is missing/],
  ])('refuses %s before anything is written', async (_, responses, message) => {
    await expect(run(options({ responses }))).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
    });
    expect(existsSync(join(out, 'run.yaml'))).toBe(false);
  });

  it('the key comes from the variable that is named, and is written nowhere', async () => {
    vi.stubEnv('WHETSTONE_TEST_KEY', 'sk-secret-of-the-server');
    await run(served({ rounds: 1, evalSize: 0, responsesKeyEnv: 'WHETSTONE_TEST_KEY' }));
    expect(new Set(server.asked.map(({ key }) => key))).toEqual(new Set(['Bearer sk-secret-of-the-server']));
    for (const name of ['run.yaml', 'events.jsonl', 'responses.jsonl'])
      expect(await readFile(join(out, name), 'utf8')).not.toContain('sk-secret');
  });
});
