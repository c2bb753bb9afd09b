// The penalty for repetition against transformers: the same tokens, greedily, on several families.
import { afterAll, expect, it } from 'vitest';
import type { OnnxEngine } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import { testDevice } from '../device.ts';
import { modelDir } from './golden.ts';
import golden from './generation.json' with { type: 'json' };

const engines = new Map<string, OnnxEngine>();
afterAll(() => Promise.all([...engines.values()].map((engine) => engine.dispose())));

it.each(['llama3', 'mistral', 'qwen3', 'gemma'])(
  '%s repeats itself as little as in transformers',
  async (family) => {
    const engine = await openEngine({ modelDir: modelDir(family), threads: 1, device: testDevice });
    engines.set(family, engine);
    const cases = golden.cases.filter((each) => each.family === family);
    const made = await engine.generate(
      cases.map(({ prompt, penalty }) => ({
        prompt: Int32Array.from(prompt),
        sampling: { maxNewTokens: 24, temperature: 0, repetitionPenalty: penalty },
      })),
    );
    expect(made.map(({ ids }) => [...ids])).toEqual(cases.map(({ ids }) => ids));
    // A penalty that changes nothing would pass if the model never repeated itself.
    const plain = await engine.generate(
      cases.map(({ prompt }) => ({
        prompt: Int32Array.from(prompt),
        sampling: { maxNewTokens: 24, temperature: 0 },
      })),
    );
    expect(plain.map(({ ids }) => [...ids])).not.toEqual(made.map(({ ids }) => [...ids]));
  },
);
