// Every method on the engine torch against the engine in this process: losses, parts, flags, gradients, and 30 steps. Also
// two ranks against one, accumulation, every weight, activation checkpointing, and states that pass from one to the other.
import { expect, it, describe } from 'vitest';
import type { Engine, OptimizerSettings, TokenExample } from '../../src/engine/index.ts';
import { defaultAdamW, defaultLora } from '../../src/engine/index.ts';
import * as objectives from '../../src/objectives/index.ts';
import type { Objective } from '../../src/objectives/index.ts';
import { modelDir, relativeError } from '../golden/golden.ts';
import { everyRole, openOnnx, openTorch, python } from './engines.ts';

const settings: OptimizerSettings = { ...defaultAdamW, learningRate: 0.005, weightDecay: 0.01 };
const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const lora = { ...defaultLora, rank: 3, dropout: 0.2, targetModules };
const family = 'llama3';
const batch = everyRole(family);
const options = { modelDir: modelDir(family), adapterDir: `${modelDir(family)}/adapter`, lora, seed: 5 };

const o = objectives;
const methods: Readonly<Record<string, Objective>> = {
  cut: o.cut(),
  'cut, released code': o.cut({ preset: 'released-code' }),
  'dual-cut': o.dualCut(),
  likelihood: o.likelihood(),
  'forward-prediction': o.forwardPrediction(),
  hindsight: o.hindsight(),
  'feedback-conditional': o.feedbackConditional(),
  critique: o.critique(),
  'ilf-mle': o.ilfMle(),
  'ilf-dpo': o.ilfDpo(),
  dpo: o.dpo(),
  'self-distillation, sampled': o.selfDistillation({ form: 'sampled' }),
  'self-distillation, reverse': o.selfDistillation({ form: 'full', divergence: 'reverse-kl' }),
  'self-distillation, forward': o.selfDistillation({
    form: 'full',
    divergence: 'forward-kl',
    teacher: 'current',
  }),
  'self-distillation, both': o.selfDistillation({ form: 'full', divergence: 'jensen-shannon' }),
  sdpo: o.sdpo({ topTokens: 5 }),
  'sdpo, current teacher': o.sdpo({ teacher: 'current', mixture: 0.2, importanceClip: null }),
  'cepo-cut': o.cepoCut({ contrastSteps: 10 }),
  'rltf-sd': o.rltfSd(),
  'rltf-fm': o.rltfFm({ feedbackWeight: 0.5 }),
};

async function losses(
  engine: Engine,
  rows: readonly TokenExample[],
  objective: Objective,
  steps: number,
): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < steps; i++) found.push((await engine.step(rows, objective, settings)).loss);
  return found;
}

describe.skipIf(python === undefined)('the engine torch', () => {
  it('has the losses, flags, gradients and trajectories of every method', async () => {
    const [torch, onnx] = [await openTorch(options), await openOnnx(options)];
    const start = onnx.trainingState();
    for (const [name, objective] of Object.entries(methods)) {
      await torch.restore(start);
      onnx.restore(start);
      for (let step = 0; step < 30; step++) {
        const there = await torch.step(batch, objective, settings);
        const here = await onnx.step(batch, objective, settings);
        expect(
          Math.abs(there.loss - here.loss) / Math.max(1, Math.abs(here.loss)),
          `${name} ${step}`,
        ).toBeLessThan(1e-3);
        if (step > 0) continue;
        expect(there.flaggedTokens, name).toBe(here.flaggedTokens);
        expect(there.responseTokens).toBe(here.responseTokens);
        for (const [part, value] of Object.entries(here.parts))
          expect(there.parts[part]).toBeCloseTo(value, 4);
        expect(relativeError(await torch.gradient(), onnx.gradient()), name).toBeLessThan(1e-4);
      }
    }
  }, 400_000);

  it('has on two ranks the losses of one, with accumulation, for batches that do not divide, and hands states on', async () => {
    const [one, two] = [await openTorch(options), await openTorch(options, { nproc: 2, rowTokens: 40 })];
    for (const rows of [batch.slice(0, 3), batch.slice(0, 1), batch]) {
      const [single, spread] = [
        await losses(one, rows, methods.cut!, 3),
        await losses(two, rows, methods.cut!, 3),
      ];
      spread.forEach((loss, i) =>
        expect(Math.abs(loss - single[i]!)).toBeLessThan(1e-5 * Math.max(1, single[i]!)),
      );
    }
    const state = await two.trainingState();
    expect(relativeError(state.parameters, (await one.trainingState()).parameters)).toBeLessThan(1e-4);
    // What one engine has learned the other goes on with.
    const onnx = await openOnnx(options);
    onnx.restore(state);
    await one.restore(state);
    const [there, here] = [
      await losses(one, batch, methods.cut!, 2),
      await losses(onnx, batch, methods.cut!, 2),
    ];
    expect(relativeError(there, here)).toBeLessThan(1e-4);
  }, 200_000);

  it('trains every weight, on one rank and on two, and with layers computed again', async () => {
    const everything = { modelDir: modelDir(family), lora: null, seed: 5 };
    const onnx = await openOnnx(everything);
    // Three rows do not divide, one leaves a rank without any, and in few tokens at a time a step accumulates.
    const learn = async (engine: Engine): Promise<number[]> => {
      const found: number[] = [];
      for (const rows of [batch, batch.slice(0, 3), batch.slice(0, 1), batch])
        found.push(...(await losses(engine, rows, methods.cut!, 1)));
      return found;
    };
    const here = await learn(onnx);
    let single: { losses: number[]; parameters: Float32Array } | undefined;
    for (const how of [
      { nproc: 1 },
      { nproc: 2, rowTokens: 40 },
      { nproc: 1, checkpointing: true },
      { nproc: 2, checkpointing: true },
    ]) {
      const torch = await openTorch(everything, how);
      const there = await learn(torch);
      const { parameters } = await torch.trainingState();
      expect(relativeError(there, here)).toBeLessThan(1e-3);
      expect(relativeError(parameters, onnx.trainingState().parameters)).toBeLessThan(1e-3);
      single ??= { losses: there, parameters };
      there.forEach((loss, i) =>
        expect(Math.abs(loss - single!.losses[i]!)).toBeLessThan(1e-5 * Math.max(1, loss)),
      );
      expect(relativeError(parameters, single.parameters)).toBeLessThan(1e-4);
      await torch.dispose();
    }
  }, 200_000);
});
