// Whether a device computes right here, and how fast it is: a small random model is scored, trained and
// continued on it and on the CPU, which the golden values of this project hold to PyTorch.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { withTemporaryFolder } from '../durable/temporary.ts';
import type { Provider } from '../graph/index.ts';
import { input, linear } from '../graph/index.ts';
import { writeFreshLlama } from '../models/fresh-model.ts';
import { cut } from '../objectives/index.ts';
import { createRandom } from '../random.ts';
import { problemOf } from './device.ts';
import type { OptimizerSettings, Sequence, TokenExample } from './engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW } from './options.ts';
import { compile } from './session.ts';

/** One comparison with the CPU. */
export interface Check {
  readonly what: string;
  /** How far the device is off, in the unit that `what` names. */
  readonly found: number;
  /** The most that is right. */
  readonly limit: number;
}

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

export const isRight = ({ found, limit }: Check): boolean => found <= limit;

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

const vocabSize = 384;

/**
 * The device against the CPU; the CPU, which has nothing to be held against, against itself with the sequences of a
 * batch laid out in the other of its two ways.
 */
async function conformance(folder: string, device: Provider): Promise<Check[]> {
  const size = { vocabSize, hiddenSize: 64, intermediateSize: 128, layers: 3, heads: 4, kvHeads: 2 };
  const tokens = { maxPositions: 512, bosTokenId: 1, eosTokenId: 2, padTokenId: 0 };
  await writeFreshLlama(folder, { ...size, ...tokens, initializerRange: 0.15 }, 7);
  const reference = await observe(folder, 'cpu', false);
  const found = await observe(folder, device, device === 'cpu');
  const wrongTokens = reference.tokens.filter((token, i) => token !== found.tokens[i]).length;
  return [
    { what: 'log-probs, nats', found: largest(found.logProbs, reference.logProbs), limit: 1e-3 },
    { what: 'gradient, relative', found: relative(found.gradient, reference.gradient), limit: 1e-3 },
    { what: 'losses of ten steps, relative', found: relative(found.losses, reference.losses), limit: 1e-2 },
    { what: 'greedy tokens that differ', found: wrongTokens, limit: 0 },
  ];
}

interface Observation {
  readonly logProbs: readonly number[];
  readonly gradient: readonly number[];
  readonly losses: readonly number[];
  readonly tokens: readonly number[];
}

const optimizer: OptimizerSettings = { ...defaultAdamW, learningRate: 1e-3 };

async function observe(modelDir: string, device: Provider, wholeBatches: boolean): Promise<Observation> {
  const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const lora = { rank: 4, alpha: 8, dropout: 0, rankStabilized: false, targetModules };
  const engine = await openEngine({ modelDir, device, lora, wholeBatches, seed: 1 });
  try {
    const sequences = [9, 33, 64, 150].map(someSequence);
    const logProbs = (await engine.score(sequences)).flatMap((each) => [...each]);
    const { losses, gradient } = await train(engine, sequences);
    const prompts = sequences.slice(0, 2).map(({ ids }) => ids);
    const made = await engine.generate(
      prompts.map((prompt) => ({
        prompt,
        sampling: { maxNewTokens: 64, temperature: 0 },
        endTokens: new Set<number>(),
      })),
    );
    return { logProbs, gradient, losses, tokens: made.flatMap(({ ids }) => [...ids]) };
  } finally {
    await engine.dispose();
  }
}

/** Ten steps of CUT; the gradient is that of the third, when both matrices of the adapter have moved. */
async function train(
  engine: OnnxEngine,
  sequences: readonly Sequence[],
): Promise<Pick<Observation, 'losses' | 'gradient'>> {
  const objective = cut();
  const batch = sequences.map((plain, index): TokenExample => ({
    index,
    rejected: index % 2 === 0,
    sequences: {
      plain,
      judged: { ids: Int32Array.of(3, 4, ...plain.ids), responseStart: plain.responseStart + 2 },
    },
  }));
  const losses: number[] = [];
  let gradient: readonly number[] = [];
  for (let step = 0; step < 10; step++) {
    losses.push((await engine.step(batch, objective, optimizer)).loss);
    if (step === 2) gradient = [...engine.gradient()];
  }
  return { losses, gradient };
}

function someSequence(length: number): Sequence {
  const random = createRandom(length);
  const ids = Int32Array.from({ length }, () => 3 + Math.floor(random.float() * (vocabSize - 3)));
  return { ids, responseStart: Math.ceil(length / 3) };
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

const largest = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? a.reduce((most, x, i) => worse(most, Math.abs(x - b[i]!)), 0) : Infinity;

function relative(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Infinity;
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  const off = norm(a.map((x, i) => x - b[i]!)) / norm(b);
  return Number.isNaN(off) ? Infinity : off;
}

/** The larger of two; what is not a number is as far off as can be. */
const worse = (a: number, b: number): number => (Number.isNaN(b) ? Infinity : Math.max(a, b));

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
