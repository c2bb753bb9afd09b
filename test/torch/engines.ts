// Both engines side by side, and a worker that waits as one that a scheduler started, for the tests of the one on PyTorch.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import type { Engine, OnnxEngine, Sequence, TokenExample } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { EngineOptions } from '../../src/engine/index.ts';
import type { TorchEngine } from '../../src/engine/torch/torch-engine.ts';
import { openTorchEngine } from '../../src/engine/torch/torch-engine.ts';
import { tokenVariable } from '../../src/engine/torch/frames.ts';
import { workerFolder } from '../../src/engine/torch/python.ts';
import { readSafetensorsHeader, readTensorBytes, toFloat32 } from '../../src/models/index.ts';
import type { GoldenTriplet } from '../golden/golden.ts';
import { readJson, toExample } from '../golden/golden.ts';

/** Undefined where `npm run test:torch` has found none: then nothing here is tested. */
export const python: string | undefined = process.env['WHETSTONE_TEST_PYTHON'];

const engines: Engine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

const kept = <E extends Engine>(engine: E): E => {
  engines.push(engine);
  return engine;
};

export const openTorch = async (
  options: EngineOptions,
  {
    nproc = 1,
    rowTokens,
    checkpointing = false,
  }: { nproc?: number; rowTokens?: number; checkpointing?: boolean } = {},
): Promise<TorchEngine> =>
  kept(
    await openTorchEngine(options, {
      ...{ engine: 'torch', nproc, python: python!, gradientCheckpointing: checkpointing },
      ...(rowTokens !== undefined && { rowTokens }),
    }),
  );

export const openOnnx = async (options: EngineOptions): Promise<OnnxEngine> =>
  kept(await openEngine({ threads: 1, ...options }));

export interface WaitingWorker {
  readonly child: ChildProcess;
  readonly port: number;
  /** As `--engine` names it. */
  readonly engine: string;
  /** What it has said. */
  said(): string;
  stop(): void;
}

/**
 * A worker that serves one client after the other, so that many tests share the start of one Python. `more` are
 * arguments of its own; `env` is laid over the environment.
 */
export async function startWaitingWorker(
  token: string,
  { more = [], env = {} }: { more?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<WaitingWorker> {
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => resolve(free));
    });
  });
  const child = spawn(python!, ['-m', 'whetstone_torch.worker', '--listen', `127.0.0.1:${port}`, ...more], {
    env: { ...process.env, PYTHONPATH: workerFolder(), [tokenVariable]: token, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('waiting at')) {
    if (child.exitCode !== null) throw new Error(`the worker ended: ${said}`);
    await sleep(100);
  }
  return {
    child,
    port,
    engine: `torch://127.0.0.1:${port}`,
    said: () => said,
    stop: () => void child.kill(),
  };
}

/** The values of a run's adapter, tensor after tensor by name. */
export async function adapterValues(run: string): Promise<number[]> {
  const file = join(run, 'adapter', 'adapter_model.safetensors');
  const { tensors } = await readSafetensorsHeader(file, '');
  const values: number[] = [];
  for (const [name, info] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)))
    values.push(...toFloat32(await readTensorBytes(file, info), info.dtype, { file, field: name }));
  return values;
}

/** Golden triplets with a sequence of every role; what is read before the response is made up of their tokens. */
export function everyRole(family: string): TokenExample[] {
  const examples = readJson<{ triplets: GoldenTriplet[] }>(family, 'losses.json').triplets.map(toExample);
  return examples.map((example, i) => {
    const plain = example.sequences.plain!;
    const response = plain.ids.subarray(plain.responseStart);
    const after = (...before: number[]): Sequence => ({
      ids: Int32Array.of(...before, ...response),
      responseStart: before.length,
    });
    const other = examples[(i + 1) % examples.length]!.sequences.plain!;
    return {
      ...example,
      advantage: [0.75, -0.5, 0.25][i % 3]!,
      sequences: {
        judged: after(1, 9, 8, 7),
        ...example.sequences,
        praised: after(1, 20, 21),
        informed: after(1, 30, 31, 32),
        forewarned: after(1, 40, 41),
        revising: after(1, ...response, 5, 6, 7),
        critique: { ids: Int32Array.of(...plain.ids, 11, 12, 13), responseStart: plain.ids.length },
        preferred: other,
      },
    };
  });
}
