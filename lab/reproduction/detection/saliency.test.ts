// Attention and gradients against PyTorch's: test/golden/saliency.py.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { worldModelDir } from '../../world/model.ts';
import { openSaliency } from './saliency.ts';

interface Golden {
  readonly ids: number[];
  readonly response_start: number;
  readonly gradient: number[];
  readonly attention: number[][];
}

it('agrees with transformers on a model of the world', async () => {
  const file = new URL('../../../test/golden/saliency.json', import.meta.url);
  const golden = JSON.parse(await readFile(file, 'utf8')) as Golden;
  const saliency = await openSaliency(worldModelDir(64));
  const sequence = { ids: Int32Array.from(golden.ids), responseStart: golden.response_start };
  const gradient = await saliency.gradient(sequence);
  golden.gradient.forEach((norm, i) => expect(Math.abs(gradient[i]! - norm)).toBeLessThan(1e-4 * (1 + norm)));
  const attention = await saliency.attention(sequence);
  golden.attention.flat().forEach((weight, i) => expect(Math.abs(attention[i]! - weight)).toBeLessThan(1e-5));
  await saliency.release();
});
