// The engine on PyTorch against the one in this process: log-probs, steps, gradients, optimizer state and greedy text of
// the golden families, on one rank and on two. Run by npm run test:torch, which finds or makes a Python with PyTorch.
import { describe, expect, it } from 'vitest';
import { defaultAdamW, defaultLora } from '../../src/engine/index.ts';
import { cut, likelihood } from '../../src/objectives/index.ts';
import type { GoldenSequence, GoldenTriplet } from '../golden/golden.ts';
import { maxDifference, modelDir, readJson, relativeError, toExample, toSequence } from '../golden/golden.ts';
import { openOnnx, openTorch, python } from './engines.ts';

const lora = {
  ...defaultLora,
  ...{ rank: 3, dropout: 0.3 },
  targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
} as const;

describe.skipIf(python === undefined)('the engine torch', () => {
  it.each<[string, number]>([
    ['llama3', 1],
    ['llama3', 2],
    ['mistral', 1],
    ['qwen2', 1],
    ['qwen3', 1],
    ['gemma', 1],
    ['llama-linear', 1],
  ])(
    '%s on %i ranks is the engine in this process',
    async (family, nproc) => {
      const options = { modelDir: modelDir(family), lora, seed: 3 };
      const torch = await openTorch(options, { nproc });
      const onnx = await openOnnx(options);
      const sequences = readJson<GoldenSequence[]>(family, 'sequences.json').map(toSequence);
      const [theirs, ours] = [await torch.score(sequences), await onnx.score(sequences)];
      for (const [i, logProbs] of theirs.entries())
        expect(maxDifference(logProbs, ours[i]!)).toBeLessThan(2e-4);

      // Three rows on two ranks do not divide evenly; one row leaves a rank without any.
      const batch = readJson<{ triplets: GoldenTriplet[] }>(family, 'losses.json').triplets.map(toExample);
      for (const objective of [cut(), likelihood({ includeRejected: true, normalize: 'tokens' })]) {
        for (const [step, rows] of [batch, batch.slice(0, 1), batch, batch].entries()) {
          const settings = { ...defaultAdamW, learningRate: 0.01, weightDecay: 0.01 };
          const there = await torch.step(rows, objective, settings);
          const here = await onnx.step(rows, objective, settings);
          expect(Math.abs(there.loss - here.loss), `loss of step ${step}`).toBeLessThan(1e-3);
          expect(Math.abs(there.gradNorm / here.gradNorm - 1)).toBeLessThan(1e-3);
          expect([there.flaggedTokens, there.comparedTokens]).toEqual([
            here.flaggedTokens,
            here.comparedTokens,
          ]);
        }
      }
      const [state, own] = [await torch.trainingState(), onnx.trainingState()];
      expect(state.step).toBe(own.step);
      expect(relativeError(state.parameters, own.parameters)).toBeLessThan(1e-3);

      const requests = sequences.slice(0, 3).map(({ ids: prompt }) => ({
        ...{ prompt, sampling: { maxNewTokens: 64, temperature: 0 } },
        endTokens: new Set<number>(),
      }));
      const [said, expected] = [await torch.generate(requests), await onnx.generate(requests)];
      expect(said.map(({ ids }) => [...ids])).toEqual(expected.map(({ ids }) => [...ids]));
    },
    180_000,
  );
});
