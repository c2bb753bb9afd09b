import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GoldenSequence } from '../../test/golden/golden.ts';
import { maxDifference, modelDir, readJson, toSequence } from '../../test/golden/golden.ts';
import { mergeAdapter, readAdapter, writeAdapter } from '../models/index.ts';
import type { OpenEngine } from './engine.ts';
import { openEngine } from './onnx-engine.ts';
import { mergeTolerance, verifyMerge } from './verify-merge.ts';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'whetstone-verify-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const adapterOf = (model: string): string => join(modelDir(model), 'adapter');

describe.each([
  ['llama3', 'F32', 2e-4],
  ['gemma', 'F32', 2e-4],
  ['mistral-fp16', 'F16', 0.02],
  ['llama3-bf16-sharded', 'BF16', 0.15],
  ['granite', 'F32', 2e-4],
  ['smollm3', 'F32', 2e-4],
  ['phi3', 'F32', 2e-4],
  ['olmo2', 'F32', 2e-4],
  ['gemma2', 'F32', 2e-4],
  ['gemma3', 'F32', 2e-4],
] as const)('%s merged', (model, dtype, largest) => {
  it('gives the log-probs of PEFT with the adapter beside it, as near as its dtype allows', async () => {
    const out = join(folder, model);
    await mergeAdapter(modelDir(model), adapterOf(model), out);
    const sequences = readJson<GoldenSequence[]>(model, 'sequences.json');
    const engine = await openEngine({ modelDir: out, threads: 1 });
    const scores = await engine.score(sequences.map(toSequence));
    await engine.dispose();
    scores.forEach((logProbs, i) =>
      expect(maxDifference(logProbs, sequences[i]!.adapter_logprobs)).toBeLessThan(largest),
    );
    const check = await verifyMerge(modelDir(model), adapterOf(model), out, { threads: 1 });
    expect(check).toMatchObject({ dtype, tolerance: mergeTolerance[dtype] });
    expect(check.meanDifference).toBeLessThan(check.tolerance / 5);
    expect(check.adapterEffect).toBeGreaterThan(10 * check.tolerance);
    expect(check.carriedShare).toBeCloseTo(1, 2);
    expect(check.tokens).toBeGreaterThan(100);
  });
});

it.each(['llama3', 'mistral-fp16', 'llama3-bf16-sharded'])(
  'finds out that %s was not merged',
  async (model) => {
    const check = verifyMerge(modelDir(model), adapterOf(model), modelDir(model), { threads: 1 });
    await expect(check).rejects.toMatchObject({ code: 'MERGE_MISMATCH' });
  },
);

it('tells how much of an adapter rounding has undone', async () => {
  const base = modelDir('llama3-bf16-sharded');
  const { lora, tensors, baseModel } = await readAdapter(adapterOf('llama3-bf16-sharded'), { layers: 2 });
  const shrunk = async (factor: number): Promise<number> => {
    const small = join(folder, `small-${factor}`);
    const data = [...tensors].map(([name, tensor]) => {
      const scaled = name.includes('lora_B') ? tensor.data.map((x) => x * factor) : tensor.data;
      return [name, { ...tensor, data: scaled }] as const;
    });
    await writeAdapter(small, { lora, tensors: new Map(data), baseModel });
    await mergeAdapter(base, small, join(folder, `merged-${factor}`));
    return (await verifyMerge(base, small, join(folder, `merged-${factor}`), { threads: 1 })).carriedShare;
  };
  expect(await shrunk(0.1)).toBeGreaterThan(0.9);
  expect(await shrunk(1e-5)).toBeLessThan(0.1);
});

it('refuses log-probs that are not numbers', async () => {
  const dir = modelDir('llama3');
  const openBroken: OpenEngine = async (options) => ({
    ...(await openEngine({ ...options, threads: 1 })),
    score: () => Promise.resolve([Float32Array.of(NaN)]),
  });
  const check = verifyMerge(dir, adapterOf('llama3'), dir, { openEngine: openBroken });
  await expect(check).rejects.toMatchObject({ code: 'MERGE_MISMATCH' });
});
