// What of a training step runs where: nothing of a layer is left to the CPU, and no copy comes with depth.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { defaultAdamW, defaultLora, openEngine } from '../../src/engine/index.ts';
import type { TokenExample } from '../../src/engine/index.ts';
import { writeFreshLlama } from '../../src/models/fresh-model.ts';
import { cut } from '../../src/objectives/index.ts';
import { testDevice } from '../device.ts';

const root = mkdtempSync(join(tmpdir(), 'whetstone-placement-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly args: { readonly provider?: string; readonly op_name?: string };
}

/** Nodes of a step's graph that ran on the CPU, and copies between it and the device, by the names of their nodes. */
async function placementOf(
  layers: number,
  wholeBatches: boolean,
): Promise<{ cpu: string[]; copies: string[] }> {
  const modelDir = join(root, `${layers}-${wholeBatches}`);
  const shape = {
    vocabSize: 96,
    hiddenSize: 32,
    intermediateSize: 64,
    heads: 4,
    kvHeads: 2,
    maxPositions: 64,
  };
  const tokens = { bosTokenId: 1, eosTokenId: 2, padTokenId: 0 };
  await writeFreshLlama(modelDir, { ...shape, ...tokens, layers, initializerRange: 0.02 }, 1);
  const profile = join(modelDir, 'profile');
  const engine = await openEngine({
    modelDir,
    device: testDevice,
    lora: {
      ...defaultLora,
      targetModules: ['q_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    },
    wholeBatches,
    profile,
  });
  const sequence = { ids: Int32Array.from({ length: 24 }, (_, i) => 3 + ((7 * i) % 90)), responseStart: 6 };
  const batch: TokenExample[] = [
    { index: 0, rejected: true, sequences: { plain: sequence, judged: sequence } },
    { index: 1, rejected: false, sequences: { plain: sequence } },
  ];
  await engine.step(batch, cut(), { ...defaultAdamW, learningRate: 1e-3 });
  await engine.dispose();
  const places = new Map<string, string>();
  for (const file of readdirSync(modelDir).filter((name) => name.startsWith('profile'))) {
    for (const { cat, name, args } of JSON.parse(
      readFileSync(join(modelDir, file), 'utf8'),
    ) as ProfileEvent[])
      if (cat === 'Node' && args.provider) places.set(name, `${args.provider} ${args.op_name}`);
  }
  expect(places.size).toBeGreaterThan(100);
  const names = [...places].filter(([, place]) => !place.includes('Memcpy'));
  return {
    cpu: names.filter(([, place]) => place.startsWith('CPU')).map(([name]) => name),
    copies: [...places].filter(([, place]) => place.includes('Memcpy')).map(([name]) => name),
  };
}

describe.skipIf(testDevice === 'cpu').each([true, false])('whole batches: %s', (wholeBatches) => {
  it('computes layers on the device alone, and copies as often at any depth', async () => {
    const [shallow, deep] = [await placementOf(2, wholeBatches), await placementOf(5, wholeBatches)];
    for (const { cpu } of [shallow, deep]) {
      // Sizes are arithmetic on a few whole numbers, which ONNX Runtime keeps on the CPU by intent.
      expect(cpu.filter((name) => !name.includes('_size_'))).toEqual([]);
    }
    expect(deep.cpu.length).toBe(shallow.cpu.length);
    expect(deep.copies.length).toBe(shallow.copies.length);
    console.log(
      `${testDevice}: ${shallow.cpu.length} nodes of sizes on the CPU, ${shallow.copies.length} copies a run`,
    );
  });
});
