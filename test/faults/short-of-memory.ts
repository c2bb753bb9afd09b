// A run whose process may take little more memory once two steps are done: the system then refuses what a step asks for.
// Arguments: the options of `align` as JSON, and whether there is such a limit. Prints the steps taken and how it ended.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { align, WhetstoneError } from '../../src/index.ts';
import type { AlignOptions } from '../../src/index.ts';

const [options, limited] = process.argv.slice(2) as [string, string];
const moreBytes = 48 << 20;

function limitMemory(): void {
  const size = Number(/^VmData:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  const most = 1024 * size + moreBytes;
  const { status, stderr } = spawnSync('prlimit', [`--pid=${process.pid}`, `--data=${most}`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

const run = align(JSON.parse(options) as AlignOptions);
const losses: number[] = [];
let error: unknown = null;
try {
  for await (const { step, loss } of run) {
    losses.push(loss);
    if (step === 2 && limited === 'limited') limitMemory();
  }
} catch (caught) {
  error = caught instanceof WhetstoneError ? { code: caught.code, message: caught.message } : String(caught);
}
await run.dispose();
process.stdout.write(JSON.stringify({ losses, error }));
