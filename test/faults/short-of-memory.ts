// A run whose process may take little more memory from some moment on: the system then refuses what is asked for.
// Arguments: the options of `align` as JSON, and where the limit is set: after two steps ("step"), once the first gradients are
// there and before the optimizer has done anything ("optimizer"), or nowhere ("free"). Prints the steps taken and how it ended.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { InferenceSession } from 'onnxruntime-node';
import { align, WhetstoneError } from '../../src/index.ts';
import type { AlignOptions } from '../../src/index.ts';

const [options, limited] = process.argv.slice(2) as [string, string];
const moreBytes = { step: 48 << 20, optimizer: 8 << 20 };

function limitMemory(moreBytes: number): void {
  const size = Number(/^VmData:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  const most = 1024 * size + moreBytes;
  const { status, stderr } = spawnSync('prlimit', [`--pid=${process.pid}`, `--data=${most}`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

// The optimizer's graph, of which no other has this input, is run for the first time when gradients are there.
const factory = InferenceSession as { create: (...args: unknown[]) => Promise<InferenceSession> };
const create = factory.create.bind(InferenceSession);
factory.create = async (...args) => {
  const session = await create(...args);
  if (limited !== 'optimizer' || !session.inputNames.includes('root_bias2')) return session;
  const run = session.run.bind(session) as (...asked: unknown[]) => ReturnType<InferenceSession['run']>;
  let runs = 0;
  session.run = (...asked: unknown[]) => {
    if (runs++ === 0) limitMemory(moreBytes.optimizer);
    return run(...asked);
  };
  return session;
};

const run = align(JSON.parse(options) as AlignOptions);
const losses: number[] = [];
let error: unknown = null;
try {
  for await (const { step, loss } of run) {
    losses.push(loss);
    if (step === 2 && limited === 'step') limitMemory(moreBytes.step);
  }
} catch (caught) {
  error = caught instanceof WhetstoneError ? { code: caught.code, message: caught.message } : String(caught);
}
await run.dispose();
process.stdout.write(JSON.stringify({ losses, error }));
