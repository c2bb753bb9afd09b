// whetstone doctor: what it says of a device that computes, of one that is missing, and of one that computes wrong.
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
