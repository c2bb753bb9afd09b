// Models whose projections are fused: what targets of an adapter come to, and folders that are read again.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { GoldenSequence, GoldenTriplet } from '../../test/golden/golden.ts';
import { maxDifference, modelDir, readJson, toExample, toSequence } from '../../test/golden/golden.ts';
import { failureOf, temporaryFolders } from '../models/model-files.test-helper.ts';
import { likelihood } from '../objectives/index.ts';
import { readSafetensorsHeader } from '../models/index.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { openEngine } from './onnx-engine.ts';
import { defaultAdamW, defaultLora } from './options.ts';

const newFolder = temporaryFolders();
const engines: OnnxEngine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));
const open = async (options: Omit<Parameters<typeof openEngine>[0], 'modelDir'> & { modelDir?: string }) => {
  const engine = await openEngine({ modelDir: modelDir('phi3'), threads: 1, ...options });
  engines.push(engine);
  return engine;
};
const sequences = readJson<GoldenSequence[]>('phi3', 'sequences.json').map(toSequence);
const { triplets } = readJson<{ triplets: GoldenTriplet[] }>('phi3', 'losses.json');
const rate = { ...defaultAdamW, learningRate: 0.01, maxGradNorm: 0 };

/** The projections that are trained, by the last part of their names. */
const trained = ({ layout }: OnnxEngine): string[] => [
  ...new Set(layout.parameters.map(({ name }) => name.split('.').at(-3)!)),
];

describe('targets', () => {
  it.each([
    [
      ['gate_proj', 'up_proj', 'down_proj'],
      ['gate_up_proj', 'down_proj'],
    ],
    [
      ['up_proj', 'o_proj', 'gate_proj'],
      ['o_proj', 'gate_up_proj'],
    ],
    [['q_proj', 'k_proj', 'v_proj'], ['qkv_proj']],
    [
      ['qkv_proj', 'down_proj'],
      ['qkv_proj', 'down_proj'],
    ],
    [['model.layers.1.mlp.up_proj', 'model.layers.1.mlp.gate_proj'], ['gate_up_proj']],
  ])('%j are on %j', async (targetModules, projections) => {
    const engine = await open({ lora: { ...defaultLora, targetModules } });
    expect(trained(engine)).toEqual(projections);
    const fused = targetModules.some(
      (name) => /(?:up|q)_proj$/.test(name) && !/(?:gate_up|qkv)_proj$/.test(name),
    );
    const notes = engine.describe().notes!.filter(({ code }) => code === 'FUSED_PROJECTIONS');
    expect(notes).toHaveLength(fused ? 1 : 0);
    if (fused) expect(notes[0]!.text).toMatch(/^This model has \S+_proj in place of .*; the adapter is on /);
  });

  it.each([[['q_proj']], [['gate_proj', 'down_proj']], [['q_proj', 'v_proj']]])(
    'parts alone, %j, are refused by name',
    async (targetModules) => {
      const error = await failureOf(() => open({ lora: { ...defaultLora, targetModules } }));
      expect([error.code, error.place.field]).toEqual(['ENGINE_OPTIONS', 'lora_target_modules']);
      expect(error.message).toContain(`"${targetModules[0]}"`);
      expect(error.hint).toContain('qkv_proj, o_proj, gate_up_proj, down_proj');
    },
  );
});

it('an adapter that was trained is read again from its folder, under the names of the model', async () => {
  const engine = await open({ lora: { ...defaultLora, dropout: 0 } });
  await engine.step(triplets.map(toExample), likelihood({ includeRejected: true }), rate);
  const dir = join(newFolder(), 'adapter');
  await engine.saveAdapter(dir);
  const config = JSON.parse(readFileSync(join(dir, 'adapter_config.json'), 'utf8')) as {
    target_modules: string[];
  };
  expect(config.target_modules).toEqual(['gate_up_proj', 'down_proj']);
  const { tensors } = await readSafetensorsHeader(join(dir, 'adapter_model.safetensors'));
  const key = 'base_model.model.model.layers.0.mlp.gate_up_proj.lora_B.weight';
  expect(tensors.get(key)?.shape).toEqual([88, defaultLora.rank]);
  const [before, after] = [
    await engine.score(sequences),
    await (await open({ adapterDir: dir })).score(sequences),
  ];
  before.forEach((logProbs, i) => expect(maxDifference(logProbs, after[i]!)).toBeLessThan(1e-6));
});

it('a model of which every weight was trained is read again from its folder', async () => {
  const engine = await open({ lora: null });
  await engine.step(triplets.map(toExample), likelihood({ includeRejected: true }), rate);
  const dir = join(newFolder(), 'model');
  await engine.saveModel(dir);
  expect(existsSync(join(dir, 'config.json'))).toBe(true);
  const [before, base] = [await engine.score(sequences), await (await open({})).score(sequences)];
  const after = await (await open({ modelDir: dir })).score(sequences);
  before.forEach((logProbs, i) => {
    expect(maxDifference(logProbs, after[i]!)).toBeLessThan(1e-5);
    expect(maxDifference(logProbs, base[i]!)).toBeGreaterThan(0.01);
  });
});
