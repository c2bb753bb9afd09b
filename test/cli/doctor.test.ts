// whetstone doctor: what it says of a device that computes, of one that is missing, and of one that computes wrong.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isHealthy } from '../../src/engine/doctor.ts';
import { buildCli, eventsIn } from './command.ts';
import type { Cli } from './command.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli('real');
});
afterAll(() => cli.remove());

it('holds the CPU to itself, and says what fits', async () => {
  const { code, stdout } = await cli.call(['doctor', '--device', 'cpu', '--json']);
  expect(code).toBe(0);
  const [device, memory] = eventsIn(stdout);
  expect(device).toMatchObject({ type: 'device', device: 'cpu', problem: null, healthy: true });
  const checks = device!['checks'] as { what: string; found: number; limit: number }[];
  expect(checks.map(({ what }) => what)).toHaveLength(4);
  for (const { found, limit } of checks) expect(found).toBeLessThanOrEqual(limit);
  // Two ways through one model that agreed to the last bit would be one way.
  expect(checks[0]!.found).toBeGreaterThan(0);
  expect(device!['gigaflops']).toBeGreaterThan(0);
  expect(memory).toMatchObject({ type: 'memory' });
});

it('says of a device that is not there why, and fails if it was asked for', async () => {
  const missing = process.platform === 'darwin' ? 'dml' : 'coreml';
  const { code, stdout } = await cli.call(['doctor', '--device', missing]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/not here: onnxruntime-node has no provider for it/);
});

it('does not take a device for healthy that is off, or that gives no number', () => {
  const examined = { device: 'webgpu', driver: '', problem: null, halves: null, gigaflops: 1 } as const;
  const check = (found: number): boolean =>
    isHealthy({ ...examined, checks: [{ what: 'log-probs, nats', found, limit: 1e-3 }] });
  expect([check(1e-4), check(1e-2), check(NaN), check(Infinity)]).toEqual([true, false, false, false]);
});

it.skipIf(process.platform === 'win32')(
  'says what a Python lacks for the engine torch, and the line for pip',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'whetstone-doctor-'));
    const doctor = async (python: string): Promise<{ code: number | null; stdout: string }> =>
      cli.call(['doctor', '--engine', 'torch', '--python', python]);
    const pip = '-m pip install "torch>=2.6" "transformers>=4.51" "peft>=0.15" "safetensors>=0.4"';
    try {
      const none = join(folder, 'none');
      const absent = await doctor(none);
      expect(absent.code).toBe(1);
      expect(absent.stdout).toContain(`does not run here: there is no ${none}`);
      expect(absent.stdout).toContain(`${none} ${pip}`);
      // What answers as a Python would that has an old PyTorch, and no PEFT.
      const old = join(folder, 'old');
      const packages = { torch: '2.5.1+cpu', transformers: '4.51.0', peft: null, safetensors: '0.10' };
      const answer = JSON.stringify({ version: '3.12.1', packages });
      await writeFile(old, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
      const lacking = await doctor(old);
      expect(lacking.code).toBe(1);
      expect(lacking.stdout).toContain('torch 2.5.1+cpu is older than 2.6, peft is missing\n');
      expect(lacking.stdout).toContain(`${old} ${pip}`);
      await writeFile(old, `#!/bin/sh\necho '${JSON.stringify({ version: '3.9.2', packages })}'\n`);
      expect((await doctor(old)).stdout).toContain('Python 3.9.2 is older than 3.10');
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
