// What is estimated for weights, by how they are stored and run; the measured peaks are in dev/LOG.md.
import { afterEach, expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { openCheckpoint } from '../models/index.ts';
import { openEngine } from './onnx-engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import { defaultLora } from './options.ts';

const opened: OnnxEngine[] = [];
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.dispose();
});

const longest = { tokens: 64, responseTokens: 16 };

async function estimateOf(model: string, prepack: boolean): Promise<number> {
  const engine = await openEngine({
    modelDir: modelDir(model),
    lora: { ...defaultLora, dropout: 0 },
    prepack,
  });
  opened.push(engine);
  return engine.estimateMemory(longest);
}

const bytesIn = async (model: string): Promise<number> =>
  [...(await openCheckpoint(modelDir(model))).weights.values()].reduce((sum, { length }) => sum + length, 0);

it.each([
  ['llama2', 2.2 - 1],
  ['mistral-fp16', 7 - 4.4],
  ['llama3-bf16-sharded', 7 - 4.4],
])('%s: repacking takes more by its share of the stored bytes', async (model, share) => {
  const more = (await estimateOf(model, true)) - (await estimateOf(model, false));
  expect(more / (await bytesIn(model))).toBeCloseTo(share, 3);
});
