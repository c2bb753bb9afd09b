// Whether a device computes right here, and how fast it is: a small random model is scored, trained and
// continued on it and on the CPU, which the golden values of this project hold to PyTorch.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { withTemporaryFolder } from '../durable/temporary.ts';
import type { Provider } from '../graph/index.ts';
import { input, linear } from '../graph/index.ts';
import type { Check, Observation } from './conformance.ts';
import { compareObservations, isRight, observe, writeProbeModel } from './conformance.ts';
import { problemOf } from './device.ts';
import { openEngine } from './onnx-engine.ts';
import { compile } from './session.ts';

export interface Examination {
  readonly device: Provider;
  /** Its name and driver, as far as the system tells. */
  readonly driver: string;
  /** Why it cannot be used; null where it can, and then there is the rest. */
  readonly problem: string | null;
  readonly checks: readonly Check[];
  /** Why it cannot take `--compute_dtype float16`; null where it can. */
  readonly halves: string | null;
  /** Float32 operations a second, in billions, of a product of 512 x 2048 by 2048 x 2048. */
  readonly gigaflops: number | null;
}

/** Whether the device can be used, and computes right. */
export const isHealthy = ({ problem, checks }: Examination): boolean =>
  problem === null && checks.every(isRight);

/** Reports a device that cannot be used as such, and throws only what goes wrong beside it. */
export async function examineDevice(device: Provider): Promise<Examination> {
  const [driver, problem] = [await driverOf(device), await problemOf(device)];
  if (problem !== null) return { device, driver, problem, checks: [], halves: problem, gigaflops: null };
  return withTemporaryFolder('doctor', async (folder) => ({
    device,
    driver,
    problem,
    checks: await conformance(folder, device),
    halves: await problemOf(device, 'float16'),
    gigaflops: await productSpeed(device),
  }));
}

/**
 * The device against the CPU; the CPU, which has nothing to be held against, against itself with the sequences of a
 * batch laid out in the other of its two ways.
 */
async function conformance(folder: string, device: Provider): Promise<Check[]> {
  await writeProbeModel(folder);
  const observeOn = (where: Provider, wholeBatches: boolean): Promise<Observation> =>
    observe((options) => openEngine({ ...options, device: where, wholeBatches }), folder);
  return compareObservations(await observeOn('cpu', false), await observeOn(device, device === 'cpu'));
}

/** The best of five products after one to warm up. */
async function productSpeed(device: Provider): Promise<number> {
  const [rows, inner, columns] = [512, 2048, 2048];
  const x = input('x', 'float32', [rows, inner]);
  const w = input('w', 'float32', [columns, inner]);
  const session = await compile({ y: linear(x, w) }, { threads: cpus().length, device });
  const feeds = {
    x: { data: new Float32Array(rows * inner).fill(0.5), dims: [rows, inner] },
    w: { data: new Float32Array(columns * inner).fill(0.25), dims: [columns, inner] },
  };
  let seconds = Infinity;
  for (let round = 0; round < 6; round++) {
    const start = performance.now();
    await session.run(feeds);
    if (round > 0) seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  await session.release();
  return (2 * rows * inner * columns) / seconds / 1e9;
}

const commands: Readonly<Partial<Record<Provider, readonly [string, readonly string[], RegExp]>>> = {
  cuda: ['nvidia-smi', ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'], /^(.+)$/m],
  webgpu: ['vulkaninfo', ['--summary'], /deviceName\s*=\s*(.+)/],
};

/** What the system's own tools say of a device. */
async function driverOf(device: Provider): Promise<string> {
  if (device === 'cpu') return cpus()[0]?.model.trim() ?? 'unknown';
  const [command, args, pattern] = commands[device] ?? [];
  if (command === undefined) return 'part of the system';
  try {
    const { stdout } = await promisify(execFile)(command, [...args!], { timeout: 5000 });
    return pattern!.exec(stdout)?.[1]?.trim() ?? `${command} names none`;
  } catch {
    return `not known (${command} is not there or does not answer)`;
  }
}
