// Greedy responses on a device are those of the CPU, over more tokens than a slot of the cache has at first.
import { expect, it } from 'vitest';
import { openEngine } from '../../src/engine/index.ts';
import { modelDir } from '../golden/golden.ts';
import { testDevice } from '../device.ts';

const newTokens = 80;

it.skipIf(testDevice === 'cpu').each(['llama2', 'llama3', 'mistral', 'qwen2', 'qwen3', 'gemma'])(
  '%s continues prompts as on the CPU',
  async (family) => {
    const prompts = [3, 11, 30].map((length) =>
      Int32Array.from({ length }, (_, i) => 3 + ((13 * i + length) % 80)),
    );
    const made = [];
    for (const device of ['cpu', testDevice] as const) {
      const engine = await openEngine({ modelDir: modelDir(family), device, threads: 1 });
      const responses = await engine.generate(
        prompts.map((prompt) => ({
          prompt,
          sampling: { maxNewTokens: newTokens, temperature: 0 },
          endTokens: new Set<number>(),
        })),
      );
      made.push(responses.map(({ ids }) => [...ids]));
      await engine.dispose();
    }
    expect(made[0]!.map(({ length }) => length)).toEqual(prompts.map(() => newTokens));
    expect(made[1]).toEqual(made[0]);
  },
);
