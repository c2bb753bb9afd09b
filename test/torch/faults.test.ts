// What the worker says to those who may not speak with it, and what starting one says where it cannot.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultLora } from '../../src/engine/index.ts';
import { answerBytes, hello, helloBytes, nonceBytes, proofOf } from '../../src/engine/torch/frames.ts';
import { openTorchEngine } from '../../src/engine/torch/torch-engine.ts';
import { failureOf } from '../../src/models/model-files.test-helper.ts';
import { modelDir } from '../golden/golden.ts';
import type { WaitingWorker } from './engines.ts';
import { python, startWaitingWorker } from './engines.ts';

const options = { modelDir: modelDir('llama3'), lora: defaultLora, seed: 1 };
describe.skipIf(python === undefined)('a worker that a scheduler started', () => {
  const token = 'a token of this test';
  let worker: WaitingWorker;
  beforeAll(async () => {
    worker = await startWaitingWorker(token, { more: ['--frame-seconds', '1'] });
  }, 120_000);
  afterAll(() => {
    worker?.stop();
    delete process.env['WHETSTONE_TORCH_TOKEN'];
  });
  const join_ = (): ReturnType<typeof openTorchEngine> => openTorchEngine(options, { engine: worker.engine });
  const raw = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(worker.port, '127.0.0.1', () => socket.write(bytes));
      socket.on('data', () => undefined);
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });

  it('refuses who has no token, another one, another protocol or another version, and goes on', async () => {
    delete process.env['WHETSTONE_TORCH_TOKEN'];
    expect((await failureOf(join_)).message).toContain('WHETSTONE_TORCH_TOKEN is not set');
    process.env['WHETSTONE_TORCH_TOKEN'] = 'another token';
    expect((await failureOf(join_)).message).toContain('the worker has another token');
    await raw(Buffer.from(`GET / HTTP/1.1\r\n\r\n${'x'.repeat(40)}`));
    expect(worker.said()).toContain("what connected does not speak Whetstone's protocol");
    const older = hello(Buffer.alloc(32));
    older.writeUInt32LE(7, 8);
    await raw(older);
    expect(worker.said()).toContain('the client speaks version 7 of the protocol, this worker version 1');
    await raw(Buffer.concat([hello(Buffer.alloc(32)), Buffer.alloc(32)]));
    expect(worker.said()).toContain('the client does not know the token');
    process.env['WHETSTONE_TORCH_TOKEN'] = token;
    for (let client = 0; client < 2; client++) {
      const engine = await join_();
      expect((await engine.score([{ ids: Int32Array.of(1, 2, 3), responseStart: 1 }]))[0]!.length).toBe(2);
      await engine.dispose();
    }
  }, 120_000);

  /** Greets as who knows the token, and then sends `bytes`; gives all that comes back before the worker closes. */
  const known = (bytes: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const nonce = Buffer.alloc(nonceBytes, 5);
      let heard = Buffer.alloc(0);
      let greeted = false;
      const socket = connect(worker.port, '127.0.0.1', () => socket.write(hello(nonce)));
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        heard = Buffer.concat([heard, chunk]);
        if (greeted || heard.length < answerBytes) return;
        greeted = true;
        const theirs = heard.subarray(helloBytes - nonceBytes, helloBytes);
        socket.write(Buffer.concat([proofOf(token, 'client', theirs, nonce), bytes]));
        heard = heard.subarray(answerBytes);
      });
      socket.on('close', () => resolve(heard.toString('latin1')));
    });

  it('refuses frames that are too long, garbage, or stop half-way, and serves the next client', async () => {
    const prefix = Buffer.alloc(12);
    prefix.writeUInt32LE(2 ** 31, 0);
    expect(await known(prefix)).toContain('a frame of 2147483648 and 0 bytes is longer than the limits');
    const framed = (header: string): Buffer => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt32LE(Buffer.byteLength(header), 0);
      return Buffer.concat([bytes, Buffer.from(header)]);
    };
    expect(await known(framed('\u0004pickled'))).toContain("a frame's header is not JSON");
    expect(await known(framed('{"op":"x","tensors":[{"name":"a","dtype":"object","shape":[1]}]}'))).toContain(
      'a frame describes a tensor as',
    );
    expect(await known(framed('{"op":"no such thing"}').subarray(0, 20))).toContain(
      'the client sent 8 of 22 bytes and then nothing in time',
    );
    process.env['WHETSTONE_TORCH_TOKEN'] = token;
    const engine = await join_();
    expect((await engine.score([{ ids: Int32Array.of(1, 2, 3), responseStart: 1 }]))[0]!.length).toBe(2);
    await engine.dispose();
  }, 120_000);

  it('gives up on a peer that says nothing', async () => {
    await raw(hello(Buffer.alloc(32)).subarray(0, 20));
    expect(worker.said()).toContain('20 of 44 bytes and then nothing in time');
  }, 60_000);

  it('is not there at another address, and an address is one', async () => {
    const at = (engine: string): Promise<{ message: string }> =>
      failureOf(() => openTorchEngine(options, { engine }));
    process.env['WHETSTONE_TORCH_TOKEN'] = token;
    expect((await at('torch://127.0.0.1:1')).message).toContain('no worker answers at torch://127.0.0.1:1');
    expect((await at('torch://nowhere')).message).toContain('expected torch://HOST:PORT');
  });
});

it.skipIf(python === undefined)(
  'a Python without PyTorch is told what it needs',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whetstone-python-'));
    try {
      const error = await failureOf(() =>
        openTorchEngine(options, { engine: 'torch', python: join(folder, 'python3') }),
      );
      expect(error.code).toBe('TORCH_MISSING');
      expect(error.message).toContain('-m pip install "torch>=2.6"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);
